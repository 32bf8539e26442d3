"""Secrets that follow a telling name with nothing but a blank between: in commands, in sentences, in columns."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from cc_otel.agent.redaction.linear import Searcher, Secret, compiled, innocent
from cc_otel.agent.redaction.literals import QUOTED, Literal
from cc_otel.agent.redaction.values import has_digit, is_meant, looks_random
from cc_otel.agent.redaction.words import NAME, NAME_CHARACTERS, PREFIX_BYTES, Name, promise

_IS: Final = (
    rb"(?:(?:is now|is|was|are|ist|lautet|est|es|\xc3\xa9|\xc3\xa8|e|jest|\xc3\xa4r|er|on|to|->"
    rb"|[|]|\xe2\x94\x82)[ \t]+)?"
)
NEIGHBOUR: Final = NAME + rb"[`\"']?[ \t]+" + _IS + rb"(?:N?[`\"'][^\"'`\n]*?|[^\s\"'`=:(){}]*?)[0-9!#%^&*+=~@]"
"""A name, a blank, and a value with something in it that no word has."""

# The value there is one although the name stands before it: what sets a variable, an option of a tool, a field.
_SETS: Final = re.compile(
    rb"(?:\b(?:setx(?:[ \t]+/[MmKk])?|setenv|ENV|export|define|%env|(?:config|secrets?)[ \t]+set|configure[ \t]+set)"
    rb"|\bset(?:[ \t]+-[A-Za-z]+)*|\#define|Set-Item(?:[ \t]+-Path)?|\bset[ \t]+--[a-z]+)[ \t]+[^\s]*\Z"
)
_BEFORE_BYTES: Final = 80
_NAME_PARTS: Final = re.compile(rb"(" + NAME + rb")([`\"']?[ \t]+" + _IS + rb")")
_VALUE: Final = re.compile(rb"[^\s\"'`,;|()<>{}\[\]\x1b]*+")
_VARIABLE: Final = re.compile(rb"[A-Z][A-Z0-9]*_[A-Z0-9_]+\Z|[A-Z]{3,}\Z")
_CONSTANT: Final = re.compile(rb"[A-Z][A-Z_]*[0-9]{0,2}\Z")
_UUID: Final = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-")
_TERMS: Final = re.compile(
    rb"(?i:(?:sha|utf|base|md|aes|rsa|bcrypt|argon|scrypt|pbkdf|hs|rs|es|ed|oauth|http|ipv|k8s|s3|ec2|i18n|l10n"
    rb"|mysql|ntlm|win|python|py|node|tls|ssl|fido|u2f|2fa|mfa|totp|web)-?[0-9][0-9.]{0,6}(?:[a-z_-][a-z0-9]{0,5}){0,2}"
    rb"|[vpx]?[0-9][0-9.]*(?:-[a-z0-9]{1,8})?|[0-9]+(?:st|nd|rd|th|fa"
    rb"|ms|s|m|h|d|min|kb?|mb?|gb?|x|px|%|\+)|[#@][\w-]+|[\w.-]+\.[a-z]{2,5}(?::[0-9]+)*|[0-9.,:*+/=!%&^~-]+)\Z"
)
"""Words with a digit that nobody takes for a password: algorithms, versions, durations, file names, issues."""
_WEAK_BYTES_MIN: Final = 12
_ENTRY_BYTES_MIN: Final = 6


def neighbouring_secrets(text: bytes) -> Iterator[Secret]:
    """Yield the secrets that stand right behind a telling name."""
    position = 0
    while (found := _neighbour().search(text, position)) is not None:
        secret = _judged(text, found.start(), found.end())
        yield secret
        position = secret[2]


def _judged(text: bytes, start: int, end: int) -> Secret:
    prefix = text[max(0, start - PREFIX_BYTES) : start]
    prefix = prefix[len(prefix.rstrip(NAME_CHARACTERS + b":/")) :]
    parts = _NAME_PARTS.match(text, start, end)
    assert parts is not None
    name = promise(prefix[len(prefix.rstrip(NAME_CHARACTERS)) :] + parts[1])
    begin = start - len(prefix)
    if name is None or text[begin - 10 : begin].endswith(b"[redacted:"):
        return innocent(parts.end(1))
    value = Literal.at(text, parts.end(), _VALUE)
    line = text[text.rfind(b"\n", max(0, begin - _BEFORE_BYTES), begin) + 1 : start]
    is_set = _SETS.search(line[-_BEFORE_BYTES:]) is not None
    is_variable = _VARIABLE.match(prefix + parts[1]) is not None
    head = value.head if value.quoted and is_set else value.head.rstrip(b".,!?:") if not value.quoted else value.head
    if not _is_secret(name, value, head, is_set=is_set, is_variable=is_variable):
        return innocent(parts.end(1))
    if value.quoted and value.extent in QUOTED.values():
        return name.kind, value.start, value.end()
    end = value.end()
    return name.kind, value.start, value.start + len(text[value.start : end].rstrip(b".,:"))


def _is_secret(name: Name, value: Literal, head: bytes, *, is_set: bool, is_variable: bool) -> bool:
    if not is_meant(head) or len(head) < _ENTRY_BYTES_MIN or _TERMS.match(head) is not None:
        return False
    if not value.quoted and (value.follows in {b"(", b"[", b"{"} or (b"(" in head)):
        return False
    if is_set and _CONSTANT.match(head):
        return False
    if is_set:
        return name.kind != "key" or looks_random(head)
    if not has_digit(head) or re.search(rb"\s", head):
        return False
    if name.kind in {"key", "cookie", "authorization"}:
        return False
    if name.strong:
        return looks_random(head) or is_variable or b"!" in head or b"#" in head[1:]
    if is_variable:
        return looks_random(head)
    return looks_random(head) and (value.quoted or len(head) >= _WEAK_BYTES_MIN) and not _UUID.match(head)


@cache
def _neighbour() -> Searcher:
    return compiled(NEIGHBOUR)
