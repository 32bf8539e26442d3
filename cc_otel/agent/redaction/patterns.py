"""
Secrets that show by their shape: vendors' keys, tokens, passwords in addresses and commands.

The patterns of detect-secrets are used as its authors keep them; ours stand in front of them. All are bytes, so that
no text has to be measured in characters, and they are found by RE2, in time linear in the text. What RE2 lacks,
looking around, is decided on the match itself (``accept``).
"""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from cc_otel.agent.redaction.linear import Secret, compiled, innocent
from cc_otel.agent.redaction.values import is_placeholder, looks_random

Accept = Callable[[bytes, int, int], bool]
"""Whether what matched at these offsets of the text is a secret after all."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    One shape: the kind of secret, the regular expression, the group that holds the secret.

    The expression MUST mean the same to `re` and to RE2, and look at nothing beyond its match but word and line
    boundaries: then what matches in a text still matches when other lines are put around it.
    """

    kind: str
    regex: bytes
    group: int = 0
    accept: Accept | None = None


def _is_whole(text: bytes, start: int, end: int) -> bool:
    """Whether no letter or digit goes on before or after: of a longer run, a hash say, a part means nothing."""
    return not (text[start - 1 : start].isalnum() if start else False) and not text[end : end + 1].isalnum()


def _is_whole_with_digit(text: bytes, start: int, end: int) -> bool:
    return _is_whole(text, start, end) and _DIGIT.search(text, start, end) is not None


def _is_framed_with_digit(text: bytes, start: int, end: int) -> bool:
    """Whether it stands alone, as a word or a value: base64 is full of what begins like a key after a slash."""
    before, after = text[start - 1 : start] if start else b"", text[end : end + 1]
    return before in b" \t\n\r=:\"'" and after in b" \t\n\r\"'" and _DIGIT.search(text, start, end) is not None


def _is_random(text: bytes, start: int, end: int) -> bool:
    return looks_random(text[start : min(end, start + 256)])


def _is_literal(text: bytes, start: int, end: int) -> bool:
    return not is_placeholder(text[start:end])


def _is_login(text: bytes, start: int, end: int) -> bool:
    """Whether it is ``user:password`` in base64, as basic authentication has it (RFC 7617, section 2)."""
    token = text[start : min(end, start + 512)].rstrip(b"=")
    try:
        login = b64decode(token[: len(token) & ~3])
    except ValueError:
        return False
    return b":" in login and login.isascii() and bytes(login).decode().isprintable()


def _is_password_of_user(text: bytes, start: int, end: int) -> bool:
    # `-u 1000:1000` names a user of a container, `-u host:/path` a place to copy to.
    value = text[start:end]
    return not value.isdigit() and value[:1] not in b"/.~" and not is_placeholder(value)


def _is_no_port(text: bytes, start: int, end: int) -> bool:
    """Whether it is no ``8080/path`` of an address without a password, where an @ may stand in the path."""
    return _PORT.match(text, start, end) is None and not is_placeholder(text[start:end])


_DIGIT: Final = re.compile(rb"[0-9]")
_PORT: Final = re.compile(rb"(?:[0-9]{1,5}|(?i:port))[/?#]")

_UUID: Final = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

TOKENS: Final = (
    Pattern("anthropic-key", rb"sk-ant-[A-Za-z0-9_-]{10,}"),
    Pattern("openrouter-key", rb"\bsk-or-(?:v1-)?[A-Za-z0-9]{20,}"),
    Pattern("langfuse-key", rb"\bsk-lf-[0-9a-f-]{36}"),
    Pattern("openai-key", rb"\bsk-(?:proj|svcacct|admin|service|None)-[A-Za-z0-9_-]{20,}"),
    Pattern("openai-key", rb"\bsk-[A-Za-z0-9]{20,}"),
    Pattern("google-key", rb"AIza[0-9A-Za-z_-]{35}"),
    Pattern("google-oauth-token", rb"\b(?:GOCSPX-[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{30,})"),
    Pattern("groq-key", rb"\bgsk_[A-Za-z0-9]{40,}"),
    Pattern("xai-key", rb"\bxai-[A-Za-z0-9]{60,}"),
    Pattern("perplexity-key", rb"\bpplx-[A-Za-z0-9]{40,}"),
    Pattern("replicate-token", rb"\br8_[A-Za-z0-9]{37,}"),
    Pattern("nvidia-key", rb"\bnvapi-[A-Za-z0-9_-]{50,}"),
    Pattern("tavily-key", rb"\btvly-[A-Za-z0-9_-]{20,}"),
    Pattern("langsmith-key", rb"\blsv2_[ps][tk]_[0-9a-f]{32}_[0-9a-f]{10}"),
    Pattern("huggingface-token", rb"\b(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    Pattern("github-token", rb"(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    Pattern("gitlab-token", rb"(?:gl(?:pat|dt|ft|soat|rt|rtr|cbt|imt|ptt|agent|oas|wt)-|GR1348941)[A-Za-z0-9_.-]{20,}"),
    Pattern("slack-token", rb"(?:xox[abceoprs]-[A-Za-z0-9-]{8,}|xapp-[0-9]-[A-Za-z0-9-]{20,})"),
    Pattern("slack-webhook", rb"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9_/]{20,}"),
    Pattern("stripe-key", rb"\b(?:[sr]k_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[A-Za-z0-9+/]{24,}=*)"),
    Pattern("aws-key-id", rb"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}\b"),
    Pattern("azure-client-secret", rb"\b[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,}"),
    Pattern("npm-token", rb"\bnpm_[A-Za-z0-9]{36,}"),
    Pattern("pypi-token", rb"pypi-[A-Za-z0-9_-]{50,}"),
    Pattern("docker-token", rb"dckr_[po]at_[A-Za-z0-9_-]{20,}"),
    Pattern("databricks-token", rb"\bdapi[0-9a-f]{32}\b"),
    Pattern("digitalocean-token", rb"\bdo[opr]_v1_[0-9a-f]{64}"),
    Pattern("vault-token", rb"\bhv[sbr]\.[A-Za-z0-9_-]{24,}"),
    Pattern("terraform-token", rb"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,}"),
    Pattern("doppler-token", rb"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9.]{40,}"),
    Pattern("shopify-token", rb"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    Pattern("linear-key", rb"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    Pattern("notion-token", rb"\b(?:ntn|secret)_[A-Za-z0-9]{40,}"),
    Pattern("postman-key", rb"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Pattern("newrelic-key", rb"\bNRAK-[A-Z0-9]{27}"),
    Pattern("sentry-token", rb"\bsntry[su]_[A-Za-z0-9_=+/-]{40,}"),
    Pattern("grafana-token", rb"\b(?:glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[A-Za-z0-9+/]{32,}=*)"),
    Pattern("supabase-key", rb"\b(?:sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{20,})"),
    Pattern("figma-token", rb"\bfig[do]_[A-Za-z0-9_-]{30,}"),
    Pattern("atlassian-token", rb"\bATATT3[A-Za-z0-9_=-]{50,}"),
    Pattern("planetscale-token", rb"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{30,}"),
    Pattern("rubygems-key", rb"\brubygems_[0-9a-f]{48}"),
    Pattern("tailscale-key", rb"\btskey-[a-z]+-[A-Za-z0-9-]{16,}"),
    Pattern("heroku-key", rb"\bHRKU-[A-Za-z0-9_-]{20,}"),
    Pattern("fly-token", rb"\bfm[12][a-z]?_[A-Za-z0-9+/=_-]{40,}"),
    Pattern("square-token", rb"\bEAAA[A-Za-z0-9_-]{56,}", 0, _is_framed_with_digit),
    Pattern("plaid-token", rb"\baccess-(?:sandbox|development|production)-" + _UUID),
    Pattern("launchdarkly-key", rb"\b(?:sdk|mob|api)-" + _UUID),
    Pattern("airtable-token", rb"\bpat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    Pattern("brevo-key", rb"\bxkeysib-[0-9a-f]{40,}(?:-[A-Za-z0-9]+)?"),
    Pattern("mailgun-key", rb"\bkey-[0-9a-f]{32}\b"),
    Pattern("discord-webhook", rb"discord(?:app)?\.com/api/webhooks/[0-9]+/[A-Za-z0-9_-]{40,}"),
    # A PEM block that is itself in base64, as Kubernetes and CI keep it.
    Pattern("private-key", rb"LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,}=*"),
    Pattern("age-key", rb"\bAGE-SECRET-KEY-1[0-9A-Z]{58}"),
    Pattern("artifactory-token", rb"\b(?:AKC[A-Za-z0-9]{10,}|AP[0-9A-F][A-Za-z0-9]{8,})", 0, _is_framed_with_digit),
    Pattern("jwt", rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}"),
)
"""Secrets that are known by how they begin."""

_IN_QUERY: Final = rb"sig|signature|key|code|auth|x-amz-(?:signature|security-token)|x-goog-signature"
# People do not escape what they should, so a password goes up to the last @, though never over another address' "://".
_IN_URL: Final = rb"[^\s/?#@:\"'`<>]"
_QUOTE: Final = rb"(?:\\{0,4}[\"'])?"
_COMMAND: Final = rb"\b[^\n|;&]*?[ \t]"

IN_CONTEXT: Final = (
    Pattern("bearer-token", rb"\b(?i:bearer)[ \t]+([A-Za-z0-9._~+/-]{16,}={0,2})", 1, _is_random),
    Pattern("basic-auth", rb"\b(?i:basic)[ \t]+([A-Za-z0-9+/]{6,}={0,2})", 1, _is_login),
    # How Docker keeps the logins to its registries.
    Pattern(
        "basic-auth",
        _QUOTE + rb"auth" + _QUOTE + rb"\s{0,8}:\s{0,8}" + _QUOTE + rb"([A-Za-z0-9+/]{6,}={0,2})",
        1,
        _is_login,
    ),
    Pattern(
        "url-password",
        rb"://[^\s/?#:@\[\"'`<>]*:([^\s/?#@\"'`<>]+(?:(?:[/?#@]|:" + _IN_URL + rb")" + _IN_URL + rb"*){0,8})@",
        1,
        _is_no_port,
    ),
    Pattern("url-token", rb"://([A-Za-z0-9_-]{20,})@", 1, _is_random),
    Pattern("url-token", rb"[?&](?i:" + _IN_QUERY + rb")=([^\s&#\"'`<>\\]{16,})", 1, _is_random),
    Pattern("azure-key", rb"\b(?i:account|sharedaccess)(?i:key)=([A-Za-z0-9+/]{20,}={0,2})", 1),
    Pattern("aws-secret-key", rb"\[redacted:aws-key-id\][\s,:;|\"']{1,8}([A-Za-z0-9/+]{40})\b", 1),
    Pattern("aws-secret-key", rb"(?i:secret_?access_?key)[\s\"':=|]{1,8}([A-Za-z0-9/+]{40})\b", 1),
    Pattern(
        "password",
        rb"(?m:^|[\s\"'`;|&(,])(?:-u|--user|--proxy-user)(?:[ \t]+|=)?"
        + _QUOTE
        + rb"[^\s:\"'$<{\\-][^\s:\"']*:([^\s\"'\\]+)",
        1,
        _is_password_of_user,
    ),
    Pattern("password", rb"\b(?i:identified[ \t]+by|password)[ \t]+'([^'\n]+)'", 1, _is_literal),
    Pattern("password", rb"-pass(?:in|out)?[ \t]+" + _QUOTE + rb"pass:([^\s\"'\\]+)", 1, _is_literal),
    Pattern("password", rb"\bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S+)", 1, _is_literal),
)
"""Secrets that are known by what stands right before them."""

COMMANDS: Final = (
    Pattern("password", rb"\bmysql[a-z]*" + _COMMAND + rb"-p([^\s\"']+)", 1, _is_literal),
    Pattern("password", rb"\bsshpass[ \t]+-p[ \t]*" + _QUOTE + rb"([^\s\"'\\]+)", 1, _is_literal),
    Pattern("password", rb"\bredis-cli" + _COMMAND + rb"-a[ \t]+" + _QUOTE + rb"([^\s\"'\\]+)", 1, _is_literal),
    Pattern("password", rb"\blogin" + _COMMAND + rb"-p[ \t]+" + _QUOTE + rb"([^\s\"'\\]+)", 1, _is_literal),
)
"""Secrets that are known by the command that takes them: looked for apart, as what stands between may hold others."""

KEPT: Final = (
    ("azure_storage_key.AzureStorageKeyDetector", "azure-key", None),
    ("cloudant.CloudantDetector", "cloudant-key", _is_whole),
    ("discord.DiscordBotTokenDetector", "discord-token", _is_whole_with_digit),
    ("ibm_cloud_iam.IbmCloudIamDetector", "ibm-key", _is_whole_with_digit),
    ("ibm_cos_hmac.IbmCosHmacDetector", "ibm-key", _is_whole),
    ("mailchimp.MailchimpDetector", "mailchimp-key", _is_whole),
    ("openai.OpenAIDetector", "openai-key", None),
    ("pypi_token.PypiTokenDetector", "pypi-token", None),
    ("sendgrid.SendGridDetector", "sendgrid-key", None),
    ("softlayer.SoftlayerDetector", "softlayer-key", _is_whole),
    ("square_oauth.SquareOAuthDetector", "square-secret", None),
    ("telegram_token.TelegramBotTokenDetector", "telegram-token", _is_whole),
    ("twilio.TwilioKeyDetector", "twilio-key", _is_whole_with_digit),
)
"""Detectors of detect-secrets in use: what we call what they find, and what must hold beside their expression."""

SUPERSEDED: Final = frozenset(
    "ArtifactoryDetector AWSKeyDetector BasicAuthDetector GitHubTokenDetector GitLabTokenDetector JwtTokenDetector "
    "NpmDetector PrivateKeyDetector SlackDetector StripeDetector".split()
)
"""Detectors whose secrets ours find too, with more of the secret or less of what surrounds it."""

NO_SECRETS: Final = frozenset({"IPPublicDetector"})
"""Detectors of what is no secret."""

# Looking around, as detect-secrets writes it, and what RE2 runs instead: `accept` decides the rest.
_LOOSER: Final = (
    (r"(?:(?<=\W)|(?<=^))", r"(?m:\W|^)"),
    (r"(?![a-zA-Z0-9_\-])", ""),
    (r"(?![a-f0-9])", ""),
    (r"(?!\w)", ""),
)


class Shapes:
    """Patterns that are looked for in one pass over a text."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        """Compile them; where several match at one place, the first names what is found there."""
        self._patterns = tuple((pattern, re.compile(pattern.regex)) for pattern in patterns)
        self._anywhere = compiled(*self.expressions)

    @property
    def expressions(self) -> tuple[bytes, ...]:
        """What is looked for."""
        return tuple(pattern.regex for pattern, _ in self._patterns)

    def secrets(self, text: bytes) -> Iterator[Secret]:
        """Give what is found, from left to right."""
        position = 0
        while (found := self._anywhere.search(text, position)) is not None:
            secret = self._at(text, found.start())
            yield secret
            position = secret[2]

    def _at(self, text: bytes, start: int) -> Secret:
        for pattern, regex in self._patterns:
            if (match := regex.match(text, start)) is not None:
                first, last = match.span(pattern.group)
                if pattern.accept is None or pattern.accept(text, first, last):
                    return pattern.kind, first, last
        return innocent(start + 1)


def kept_patterns() -> Iterator[Pattern]:
    """Give the patterns of the installed detect-secrets. The first time takes 0.2 s: it imports `requests`."""
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
