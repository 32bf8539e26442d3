"""Whether a literal that stands where a secret may stand is one, or a placeholder, a path, a plain word, some code."""

import re
from dataclasses import dataclass
from typing import Final

_DIGIT: Final = re.compile(rb"[0-9]")
_DIGIT_OR_SIGN: Final = re.compile(rb"[0-9!#$%^&*+=~@]")
_SMALL: Final = re.compile(rb"[a-z]+")
_LETTERS: Final = re.compile(rb"[A-Za-z_]+\Z")
_NUMBER: Final = re.compile(rb"[0-9][0-9.,:_-]*(?:e[+-]?[0-9]+)?\Z", re.IGNORECASE)
_VARIABLE: Final = re.compile(rb"[A-Z]+(?:_[A-Z]+)+\Z")
_IDENTIFIER: Final = re.compile(rb"[A-Za-z]++(?:[._-][A-Za-z]++)*+[._-]?[0-9]{0,3}\Z")
_TYPE: Final = re.compile(rb"(?:[A-Z][a-z]+)+\Z")
_PLACEHOLDER: Final = re.compile(
    rb"[$<{]|%[({sdv]|%[A-Z0-9_]+%|\xe2\x80\xa2"
    rb"|(?:ENC|REDACTED|MASKED)\[|\[(?:[A-Z]{3,}|[a-z ]+\])|\[redacted:"
    rb"|\*{2}|\.{3}|\xe2\x80\xa6|x{3,}\Z|(?:your|example)[-_ ]",
    re.IGNORECASE,
)
_PATH: Final = re.compile(
    rb"(?:~|\.{1,2})?/|(?:env|file|ssm|secret|vault|op|ref|keyring|keychain|awssm|gsm):[A-Za-z/]|[A-Za-z]:\\|[a-z][a-z0-9+.-]{0,20}://"
    rb"|[^\n]*\.(?:pem|key|pub|crt|p12|json|ya?ml|toml|env|txt|md|py|[jt]sx?|go|rs)\Z"
)
_CODE: Final = re.compile(
    rb"[&*!@]|[^\n]*?(?:::|->|=>|===|\?[.?]|\?\Z|\|\|)|(?:[A-Za-z_]\w*+\.)++[A-Za-z_]\w*+(?::\w++)?\Z"
)
_REFERENCE: Final = re.compile(rb"(?:os|env|process|config|settings|self|this|secrets|vars?)\.")
_PLAIN: Final = frozenset(
    b"true false null none nil undefined yes no on off str string text bytes bool boolean int integer number object "
    b"any unknown void optional required password passwd pwd secret token hidden redacted masked omitted empty default "
    b"inherit include omit same-origin write read self this value await new lambda function async hash".split()
)
"""Words of types, settings and code that are nobody's secret."""

_DIGITS_MIN: Final = 6
"""A shorter number is a count or a limit."""


def is_placeholder(value: bytes) -> bool:
    """Whether it stands for a value that is put in later: ``${TOKEN}``, ``<token>``, ``***``, our own mark."""
    return _PLACEHOLDER.match(value) is not None


def has_digit(value: bytes) -> bool:
    """Whether there is a digit in it, or a sign that no word has; it is no number either."""
    return len(value) >= 4 and _NUMBER.match(value) is None and _DIGIT_OR_SIGN.search(value) is not None


def looks_random(value: bytes) -> bool:
    """Whether nobody would have thought of it: letters and digits mixed, but no name with a number behind it."""
    return (
        len(value) >= 8
        and (_DIGIT.search(value) is not None or _has_odd_cases(value))
        and _NUMBER.match(value) is None
        and (_IDENTIFIER.match(value) is None or _has_odd_cases(value))
        and not is_placeholder(value)
    )


def _has_odd_cases(value: bytes) -> bool:
    """Whether capitals stand in it as in base64, and not as they begin words: NGZjODJi, but XMLHttpRequest."""
    if len(value) < 12 or not value.isalnum():
        return False
    small = _SMALL.findall(value)
    return len(small) >= 3 and sum(map(len, small)) <= 2 * len(small)


def is_meant(value: bytes) -> bool:
    """Whether it is a value at all: neither a placeholder, nor a plain word, a path, or a variable's name."""
    return (
        bool(value.strip())
        and not is_placeholder(value)
        and value.lower().rstrip(b".") not in _PLAIN
        and _PATH.match(value) is None
    )


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a literal stands.

    ``strong``: under a name that hardly anything but a secret has. ``certain``: where code cannot stand, as behind
    ``X_TOKEN=`` or ``?token=``. ``loose``: not bound tightly to its name, as in code and prose. ``follows``: the byte
    behind it, empty at the end of the text.
    """

    strong: bool
    certain: bool = False
    quoted: bool = False
    loose: bool = False
    follows: bytes = b""


def is_secret(value: bytes, place: Place) -> bool:
    """Whether this literal in this place is a secret."""
    if not is_meant(value):
        return False
    if place.quoted and not place.certain:
        return _is_one_literal(value) and (place.strong or looks_random(value))
    if not place.quoted and (_REFERENCE.match(value) or (not place.certain and _is_code(value, place.follows))):
        return False
    if _NUMBER.match(value):
        return (place.strong or place.certain) and len(_DIGIT.findall(value)) >= _DIGITS_MIN
    if place.certain:
        return len(value) >= 3
    if not place.strong:
        return looks_random(value)
    if _LETTERS.match(value):
        # One word may be a variable or a type: at the end of a line, tightly bound and no type's name, it is a value.
        is_bound = not place.loose and place.follows in b" \t\r\n&;\"'"
        return is_bound and len(value) >= 4 and _TYPE.match(value) is None
    # So may a name with underscores in it, among arguments.
    return len(value) >= 4 and not (place.follows in {b",", b")"} and b"_" in value)


def _is_code(value: bytes, follows: bytes) -> bool:
    return follows in {b"(", b"["} or _CODE.match(value) is not None


def _is_one_literal(value: bytes) -> bool:
    # With spaces it is a sentence about a password; with such a beginning, what stands between two literals.
    return len(value) >= 3 and not re.search(rb"\s", value) and value[:1] not in b",)+;:}]"
