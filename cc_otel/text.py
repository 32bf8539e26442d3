"""Text of others made safe: to show, without what a terminal acts on or breaks a line; and to encode."""

import re
from typing import Final

_UNPRINTABLE: Final = re.compile(r"[^ -~]")


def line(text: str) -> str:
    """
    Return the text as one line that a terminal only shows: spans, paths and errors hold what others wrote.

    Line breaks, control characters, the start of escape sequences, bidirectional and other invisible marks, and lone
    surrogates become blanks: `str.isprintable` has the list (Unicode categories Cc, Cf, Cs, Co, Cn, Zl, Zp, Zs).
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " for character in text)


def whole_characters(text: str) -> str:
    """
    Return the text as UTF-8 can carry it: half a character (a lone surrogate) becomes U+FFFD.

    The two halves of a pair become the character that they stand for.
    """
    # Most text is plain, and this runs for every attribute.
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def squeezed(text: str) -> str:
    """Return the text as `line` does, with runs of blanks as one and none at its ends."""
    joined = " ".join(text.split())
    return joined if joined.isprintable() else " ".join(line(joined).split())


def json_line(text: str) -> str:
    """Return JSON on one line with everything escaped in its strings that `line` would replace; its value stays."""
    return text if text.isprintable() else _UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return character
    # JSON (RFC 8259, section 7): beyond the basic plane an escape is the two halves that UTF-16 has for it.
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2], 'big'):04x}" for at in range(0, len(units), 2))
