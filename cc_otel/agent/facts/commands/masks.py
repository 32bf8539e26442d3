"""
What differs between two runs of what is the same command: numbers, hashes, temporary paths, messages.

The masks are fixed (no learned templates), and masking twice is masking once.
"""

import re
from typing import Final

MESSAGE: Final = "<msg>"
TEMPORARY: Final = "<tmp>"

_TEMPORARY: Final = re.compile(
    r"(?:(?:/private)?/(?:tmp|var/tmp|var/folders|dev/shm)|/run/user/\d+|\$\{?TMPDIR\}?)(?![\w.-])[^\s'\":,;=]*"
)
_UUID: Final = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])")
# Seven digits are git's shortest; a word of the language (`defaced`) has no digit, a number no letter.
_HASH: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:0x[0-9a-fA-F]+|(?=[a-f0-9]*[a-f])(?=[a-f0-9]*[0-9])[0-9a-f]{7,64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})"
    r"(?![0-9A-Za-z])"
)
_NUMBER: Final = re.compile(r"(?<![A-Za-z0-9_<.])\d+(?:[.:,]\d+)*(?:ms|[smhdkKMGTp]i?B?)?(?![A-Za-z0-9_>])")
_SHORT_OPTION: Final = re.compile(r"\A(-[A-Za-z])\d+(?:[.,]\d+)*\Z")


def masked_path(text: str) -> str:
    """Return a path without what is temporary in it; its numbers stay, for they set files apart."""
    if text.isalpha():
        return text
    return _HASH.sub("<hash>", _UUID.sub("<hash>", _TEMPORARY.sub(TEMPORARY, text)))


def masked_word(text: str) -> str:
    """Return a word that is no path without temporary paths, hashes and numbers."""
    if text.isalpha():
        return text
    return _NUMBER.sub("<n>", _SHORT_OPTION.sub(r"\1<n>", masked_path(text)))
