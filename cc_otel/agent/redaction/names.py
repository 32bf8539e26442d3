"""
Secrets that show by the name they are given: ``password: …``, ``X_TOKEN=…``, ``--api-key …``, ``"secret": "…"``.

A name alone proves little: source code is full of ``token = self.next_token()``. So what stands behind the name is
judged (`values`), and the weaker the name, the more random it has to look.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from cc_otel.agent.redaction.linear import Searcher, Secret, compiled, innocent
from cc_otel.agent.redaction.values import Place, is_meant, is_secret, looks_random

_WORDS: Final = (
    rb"passw(?:or)?ds?|passphrases?|passcodes?|pwd"
    rb"|(?:db|user|smtp|mail|ftp|mysql|pg|redis|root|admin|login|http|proxy|ssh|sudo)[_-]?pass"
    rb"|secrets?|credentials?|token|jwt|authorization|cookies?"
    rb"|(?:api|app|access|secret|private|signing|encryption|master|account|auth|service|shared)[_-]?keys?"
    rb"|aws[a-z0-9_.-]{0,20}key|\b_auth"
)
_SUFFIX: Final = rb"(?:[_-]?(?:[0-9]{1,2}|value|base|production|prod|staging|dev|test|live|old|new))?"
_NAME_END: Final = rb"(?:(?i:(?:" + _WORDS + rb")" + _SUFFIX + rb")|[A-Z0-9]_(?:KEY|PASS))"
"""How a telling name ends. Counts, ``max_tokens`` and the like, and ids end otherwise."""

_TYPE: Final = rb"(?:[ \t]{0,4}:[ \t]{0,4}(?:&?str|String|string|Optional\[str\]|str[ \t]?\|[ \t]?None)|[ \t]string)?"
_SIGN: Final = rb"(?:\\{0,4}[\"'`])?[\])]?" + _TYPE + rb"[ \t]{0,20}(?::=|=>|={1,3}|:|>)"
ASSIGNMENT: Final = _NAME_END + _SIGN
"""From the telling end of a name up to the sign that gives it a value."""

FLAG: Final = rb"--[A-Za-z0-9-]*?" + _NAME_END + rb"[ \t]+"
"""An option of a command whose value is the next word."""

NUMBER_MIN: Final = 10**5
"""A smaller number under a telling name of an object is a count or a limit."""

_HEAD_BYTES: Final = 256
"""How much of a value is looked at to judge it."""

_PREFIX_BYTES: Final = 64
"""How much of a name before its telling end is read."""

_NAME_CHARACTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_NAME_AND_SIGN: Final = re.compile(rb"(" + _NAME_END + rb")(" + _SIGN + rb")")
_WHOLE_NAME: Final = re.compile(_NAME_END + rb"\Z")
_VARIABLE: Final = re.compile(rb"[A-Z][A-Z0-9_]*\Z")
_OPENING: Final = re.compile(rb"([ \t]{0,20})(?:[bfruBFRU@]{0,2}(\\{0,4})([\"'`]))?")
_SCHEME: Final = re.compile(rb"(?i:bearer|basic|token|digest|negotiate|apikey)[ \t]+")

_WORD: Final = re.compile(rb"[^\s\"'`\\]*+")
_ARGUMENT: Final = re.compile(rb"[^\s\"'`\\,;&|<>(){}\[\]]*+")
_LINE: Final = re.compile(rb"[^\"'`\\\r\n]*+")
_ELEMENT: Final = re.compile(rb"[^<>\s]*+")
_ESCAPED: Final = re.compile(rb"[^\"'`\\\n]*+")
_QUOTED: Final = {quote: re.compile(rb"(?:[^%s\\\n]++|\\.)*+" % quote) for quote in (b'"', b"'", b"`")}

_HEADER_ENDS: Final = frozenset({b"", b"\r", b"\n", b'"', b"'", b"\\"})
_HEADER_BYTES_MIN: Final = 10
"""From this length on what a header of somebody's own is set to is no word that describes it."""

_COOKIES: Final = re.compile(rb"[^\s=;,(){}]+=[^\s;,(){}]{4}")
_OTHER_ARGUMENT: Final = re.compile(rb"-|(?:id|type|env|src)=")
_PROSE: Final = frozenset(
    b"flag flags option options argument arguments parameter parameters prompt file field "
    b"is and or for to the in from with if was are".split()
)
"""Words that follow an option where people write about it."""


@dataclass(frozen=True, slots=True)
class Name:
    """What a telling name promises: the kind of secret, and whether hardly anything else is called so."""

    kind: str
    strong: bool = False


_KINDS: Final = (
    (re.compile(r"(?:passw(?:or)?ds?|passphrases?|passcodes?|pwd|pass)\Z"), Name("password", strong=True)),
    (re.compile(r"authorization\Z"), Name("authorization")),
    (re.compile(r"cookies?\Z"), Name("cookie")),
    (re.compile(r"secrets?\Z"), Name("secret", strong=True)),
    (re.compile(r"secret(?:access)?keys?\Z"), Name("secret-key", strong=True)),
    (re.compile(r"privatekeys?\Z"), Name("private-key", strong=True)),
    (re.compile(r"apikeys?\Z"), Name("api-key")),
    (re.compile(r"(?:token|jwt)\Z"), Name("token")),
    (re.compile(r"(?:access|account|auth|shared)keys?\Z"), Name("access-key")),
    (re.compile(r"keys?\Z"), Name("key")),
)
_OTHER: Final = Name("credential")
PROMISES: Final = (*(name for _, name in _KINDS), _OTHER)
"""What names can promise."""

_SEPARATORS: Final = re.compile(r"[^a-z0-9]")
_SUFFIXES: Final = re.compile(r"(?:[0-9]{1,2}|value|base|production|prod|staging|dev|test|live|old|new)\Z")


@lru_cache(maxsize=4096)
def telling(name: str) -> Name | None:
    """Give what a name promises: of a key of an object, a variable, an option, a header. None where nothing."""
    end = name.encode("utf-8", "replace")[-_PREFIX_BYTES:]
    # The expression that looks through texts comes first: it is faster, and nothing it misses may tell anything.
    if _assignment().search(end + b"=") is None or _WHOLE_NAME.search(end) is None:
        return None
    return _promise(name)


@lru_cache(maxsize=4096)
def _promise(name: str) -> Name:
    bare = _SUFFIXES.sub("", _SEPARATORS.sub("", name.lower()))
    return next((promise for ending, promise in _KINDS if ending.search(bare)), _OTHER)


def is_member_secret(name: Name, value: str) -> bool:
    """Whether the text that an object holds under such a name is a secret: the name is enough, but for plain words."""
    head = value[:_HEAD_BYTES].encode("utf-8", "replace")
    return is_meant(head) and (name.kind != "key" or looks_random(head))


def assigned_secrets(text: bytes) -> Iterator[Secret]:
    """Give the secrets that names are given in a text, in whatever notation."""
    position = 0
    while (found := _assignment().search(text, position)) is not None:
        secret = _assigned(text, found.start(), found.end())
        yield secret
        position = secret[2]


def flagged_secrets(text: bytes) -> Iterator[Secret]:
    """Give the secrets that are the next word behind an option: ``--password hunter2``."""
    position = 0
    while (found := _flag().search(text, position)) is not None:
        name = _promise(text[found.start() : found.end()].strip().decode("latin-1"))
        value = _Literal.at(text, found.end(), _WORD)
        is_prose = value.head.lower() in _PROSE or _OTHER_ARGUMENT.match(value.head) is not None
        place = Place(name.strong, quoted=value.quoted)
        secret = innocent(found.end()) if is_prose else value.judged(name.kind, place)
        yield secret
        position = secret[2]


def _assigned(text: bytes, start: int, position: int) -> Secret:
    """Judge what stands at ``position``, behind a name whose telling end is at ``start`` and the sign after it."""
    prefix = text[max(0, start - _PREFIX_BYTES) : start]
    prefix = prefix[len(prefix.rstrip(_NAME_CHARACTERS)) :]
    before = text[max(0, start - len(prefix) - 10) : start - len(prefix)]
    parts = _NAME_AND_SIGN.match(text, start, position)
    assert parts is not None
    full_name, sign = prefix + parts[1], parts[2]
    name = _promise(full_name.decode("latin-1"))
    if before == b"[redacted:" or (sign == b":" and before[-1:] == b":"):
        # Our own mark; a part of a name that has many, arn:aws:secretsmanager:…:secret:name.
        return innocent(position)
    if sign == b">":
        return _element(text, position, name) if before.endswith(b"<") else innocent(position)
    if name.kind == "cookie":
        return _cookies(text, position)
    return _value(text, position, name, full_name, sign, is_query=before[-1:] in {b"?", b"&"})


def _element(text: bytes, position: int, name: Name) -> Secret:
    value = _Literal.of(text, position, _ELEMENT)
    place = Place(name.strong, quoted=True)
    return value.judged(name.kind, place) if value.follows == b"<" else innocent(position)


def _cookies(text: bytes, position: int) -> Secret:
    value = _Literal.at(text, position, _LINE)
    place = Place(strong=True, certain=True)
    return value.judged("cookie", place) if _COOKIES.match(value.head) else innocent(position)


def _value(text: bytes, position: int, name: Name, full_name: bytes, sign: bytes, *, is_query: bool) -> Secret:
    is_variable = sign == b"=" and _VARIABLE.match(full_name) is not None
    value = _Literal.at(text, position, _WORD if is_variable else _ARGUMENT)
    certain = is_query or (is_variable and not value.spaced)
    if name.kind == "authorization" and (scheme := _SCHEME.match(text, value.start)):
        value, certain = _Literal.of(text, scheme.end(), value.extent, quoted=value.quoted), True
    follows = b"" if value.quoted else value.follows
    # X-Api-Key: abcdefgh. Where nothing follows, it is a header and no sentence about one.
    if sign == b":" and full_name[:2].lower() == b"x-" and follows in _HEADER_ENDS:
        certain = certain or len(value.head) >= _HEADER_BYTES_MIN
    # Prose goes on behind a word, `password: the new one`; code has spaces around its signs.
    loose = follows in {b" ", b"\t"} if sign.endswith(b":") else value.spaced or sign[:1].isspace()
    # password=password hands a variable on, token == other compares it with one.
    is_variable_too = value.head.lower() == full_name.lower() or (sign.endswith(b"==") and not value.quoted)
    # An upper-case name of some key promises little even where a value is certain: PRIMARY_KEY=, SORT_KEY=.
    if is_variable_too or (name.kind == "key" and not looks_random(value.head)):
        return innocent(position)
    return value.judged(name.kind, Place(name.strong, certain, value.quoted, loose, follows))


@dataclass(frozen=True, slots=True)
class _Literal:
    """What stands somewhere in a text, up to what ends it there; ``head`` is as much of it as is judged."""

    text: bytes
    start: int
    extent: re.Pattern[bytes]
    head: bytes
    quoted: bool
    spaced: bool

    @classmethod
    def of(
        cls, text: bytes, start: int, extent: re.Pattern[bytes], *, quoted: bool = False, spaced: bool = False
    ) -> "_Literal":
        """Take what is there as far as ``extent`` goes."""
        found = extent.match(text, start, start + _HEAD_BYTES)
        return cls(text, start, extent, found.group() if found else b"", quoted, spaced)

    @classmethod
    def at(cls, text: bytes, position: int, unquoted: re.Pattern[bytes]) -> "_Literal":
        """Find it behind a sign: spaces and a quote, which may be escaped, come first."""
        opening = _OPENING.match(text, position)
        assert opening is not None
        spaces, backslashes, quote = opening.groups()
        extent = (_ESCAPED if backslashes else _QUOTED[quote]) if quote else unquoted
        return cls.of(text, opening.end(), extent, quoted=bool(quote), spaced=bool(spaces))

    @property
    def follows(self) -> bytes:
        """The byte behind it."""
        end = self.start + len(self.head)
        return self.text[end : end + 1]

    def end(self) -> int:
        """Give its end, however long it is; punctuation at the very end is not part of it."""
        found = self.extent.match(self.text, self.start)
        return self.start + len(found.group().rstrip(b",;)")) if found else self.start

    def judged(self, kind: str, place: Place) -> Secret:
        """Give it as a secret of this kind, if it is one in this place; its inside may still be a name."""
        return (kind, self.start, self.end()) if is_secret(self.head, place) else innocent(self.start)


@cache
def _assignment() -> Searcher:
    return compiled(ASSIGNMENT)


@cache
def _flag() -> Searcher:
    return compiled(FLAG)
