"""
The patterns of detect-secrets, read from the installed version and run by RE2.

What RE2 lacks, looking around, is decided on the match itself (``accept``).
"""

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Final

from cc_otel.agent.redaction.patterns import Pattern, is_whole, is_whole_with_digit

KEPT: Final = (
    ("azure_storage_key.AzureStorageKeyDetector", "azure-key", None),
    ("cloudant.CloudantDetector", "cloudant-key", is_whole),
    ("discord.DiscordBotTokenDetector", "discord-token", is_whole_with_digit),
    ("ibm_cloud_iam.IbmCloudIamDetector", "ibm-key", is_whole_with_digit),
    ("ibm_cos_hmac.IbmCosHmacDetector", "ibm-key", is_whole),
    ("mailchimp.MailchimpDetector", "mailchimp-key", is_whole),
    ("openai.OpenAIDetector", "openai-key", None),
    ("pypi_token.PypiTokenDetector", "pypi-token", None),
    ("sendgrid.SendGridDetector", "sendgrid-key", None),
    ("softlayer.SoftlayerDetector", "softlayer-key", is_whole),
    ("square_oauth.SquareOAuthDetector", "square-secret", None),
    ("telegram_token.TelegramBotTokenDetector", "telegram-token", is_whole),
    ("twilio.TwilioKeyDetector", "twilio-key", is_whole_with_digit),
)
"""Detectors of detect-secrets in use: what we call what they find, and what must hold beside their expression."""

# Looking around, as detect-secrets writes it, and what RE2 runs instead: `accept` decides the rest.
_LOOSER: Final = (
    (r"(?:(?<=\W)|(?<=^))", r"(?m:\W|^)"),
    (r"(?![a-zA-Z0-9_\-])", ""),
    (r"(?![a-f0-9])", ""),
    (r"(?!\w)", ""),
)


def kept_patterns() -> Iterator[Pattern]:
    """Yield the patterns of the installed detect-secrets. The first time takes 0.2 s: it imports `requests`."""
    for name, kind, accept in KEPT:
        module, _, detector = name.partition(".")
        for regex in getattr(import_module(f"detect_secrets.plugins.{module}"), detector).denylist:
            source = regex.pattern
            for around, looser in _LOOSER:
                source = source.replace(around, looser)
            if regex.flags & re.IGNORECASE:
                source = f"(?i:{source})"
            # Where it begins with a word character, it begins a word: a start inside a run would be a part of it.
            if accept is not None and regex.groups == 0:
                source = rf"\b(?:{source})"
            yield Pattern(kind, source.encode(), min(regex.groups, 1), accept)
