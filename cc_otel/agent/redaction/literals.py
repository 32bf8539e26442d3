"""What stands somewhere in a text, up to what ends it there: a quoted string, a word, the rest of a line."""

import re
from dataclasses import dataclass
from typing import Final

from cc_otel.agent.redaction.linear import Secret, innocent
from cc_otel.agent.redaction.values import Place, is_secret

HEAD_BYTES: Final = 256
"""How much of a value is looked at to judge it."""

WORD: Final = re.compile(rb"[^\s\"'`\\\x1b]*+")
ARGUMENT: Final = re.compile(rb"[^\s\"'`\\,;&|<>(){}\[\]\x1b]*+")
LINE: Final = re.compile(rb"[^\"'`\\\r\n\x1b]*+")
ELEMENT: Final = re.compile(rb"[^<>\s]*+")
RAW: Final = re.compile(rb"[^\]\s]*+")
ESCAPED: Final = re.compile(rb"[^\"'`\\\n]*+")
ENTITIES: Final = re.compile(rb"[^&<>\n]*+")
QUOTED: Final = {quote: re.compile(rb"(?:[^%s\\\n]++|\\.)*+" % quote) for quote in (b'"', b"'", b"`")}
COLOUR: Final = rb"(?:\x1b\[[0-9;]{0,12}m)"
# Functions that only wrap a literal, a raw or wide one among them.
_WRAP: Final = rb"(?:(?:String::from|Secret(?:Str|String)?|str|string|b64decode|atob|PASSWORD)\()"
_OPENING: Final = re.compile(
    rb"((?:[ \t]|" + COLOUR + rb"){0,20})" + _WRAP + rb"?(?:[bfruBFRUN@]{0,2}(\\{0,8})([\"'`]|&quot;|&#34;))?"
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal of a text; ``head`` is as much of it as is judged."""

    text: bytes
    start: int
    extent: re.Pattern[bytes]
    head: bytes
    quoted: bool
    spaced: bool

    @classmethod
    def of(
        cls, text: bytes, start: int, extent: re.Pattern[bytes], *, quoted: bool = False, spaced: bool = False
    ) -> "Literal":
        """Take what is there as far as ``extent`` goes."""
        found = extent.match(text, start, start + HEAD_BYTES)
        return cls(text, start, extent, found.group() if found else b"", quoted, spaced)

    @classmethod
    def at(cls, text: bytes, position: int, unquoted: re.Pattern[bytes]) -> "Literal":
        """Find it behind a sign: spaces and a quote, which may be escaped, come first."""
        opening = _OPENING.match(text, position)
        assert opening is not None
        spaces, backslashes, quote = opening.groups()
        if not quote:
            # A wrapping function is one only around quotes.
            return cls.of(text, opening.end(1), unquoted, spaced=bool(spaces))
        extent = ESCAPED if backslashes else QUOTED.get(quote, ENTITIES)
        return cls.of(text, opening.end(), extent, quoted=True, spaced=bool(spaces))

    @property
    def follows(self) -> bytes:
        """The byte behind it."""
        end = self.start + len(self.head)
        return self.text[end : end + 1]

    def end(self) -> int:
        """Return its end, however long it is; punctuation at the very end is not part of it."""
        found = self.extent.match(self.text, self.start)
        return self.start + len(found.group().rstrip(b",;)")) if found else self.start

    def judged(self, kind: str, place: Place) -> Secret:
        """Return it as a secret of this kind, if it is one in this place; its inside may still be a name."""
        return (kind, self.start, self.end()) if is_secret(self.head, place) else innocent(self.start)
