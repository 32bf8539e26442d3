"""
Secrets that show by the name they are given: ``password: …``, ``X_TOKEN=…``, ``--api-key …``, ``"secret": "…"``.

A name alone proves little: source code is full of ``token = self.next_token()``. So what stands behind the name is
judged (`values`), and the weaker the name, the more random it has to look.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from cc_otel.agent.redaction.headers import authorization, cookies
from cc_otel.agent.redaction.linear import Searcher, Secret, compiled, innocent
from cc_otel.agent.redaction.literals import ARGUMENT, COLOUR, ELEMENT, RAW, WORD, Literal
from cc_otel.agent.redaction.values import Place, has_digit, is_meant, looks_random
from cc_otel.agent.redaction.words import NAME, NAME_CHARACTERS, NAME_END, PREFIX_BYTES, Name, promise


def _of_any_length(regex: bytes) -> bytes:
    """Return an expression for RE2, which counted repetitions make slow: `_NAME_AND_SIGN` decides on the length."""
    return re.sub(rb"\{1,[0-9]{2}\}", b"+", re.sub(rb"\{0,(?:4|8|[0-9]{2})\}", b"*", regex))


_CLOSING: Final = rb"(?:\\{0,8}[\"'`]|&quot;|&#34;)?[\])]?" + COLOUR + rb"?"
_TYPE: Final = rb"(?:[ \t]{0,4}:[ \t]{0,4}(?:&?str|String|string|Optional\[str\]|str[ \t]?\|[ \t]?None|[A-Z][A-Za-z0-9_.]*(?:\[[^\]\n]*\])?)|[ \t]string|[ \t]<const>)?"
# `Secret Access Key [None]:`, `Password for 'https://h':`, as programs ask for them.
_ASKED: Final = rb"(?:[ \t](?:\[[^\]\n]{0,40}\]|\([^)\n]{0,40}\)|(?:(?:is[ \t])?(?:generated|created|set)[ \t])?(?:for|of)[ \t](?:'[^'\n]{0,60}'|[^:\n]{1,60})|is))?"
_VALUE_NAME: Final = rb"(?:[Vv]alue|VALUE|ParameterValue|[Dd]efault)"
# Other lines of the same item may stand between, `type = string`; each may be a diff's or have a number.
_LINES: Final = rb"(?:[ \t]*[,;{][ \t]*)?(?:\r?\n[^\n{}]{0,80}){0,2}?(?:\r?\n[ \t0-9+>|\xe2\x86\x92-]{0,40})?"
_PAIRS: Final = (
    # name: X⏎value: V, { name = "X", value = "V" }, variable "X" { default = "V"
    rb"[\"'`]?" + _LINES + rb"[ \t]*,?[ \t]*[\"'`]?" + _VALUE_NAME + rb"[\"'`]?[ \t]{0,20}[:=]",
    # <add key="X" value="V"/>, <setting name="X"><value>V<, <key>X</key><string>V<
    rb"[\"'][^<>\n\"']{0,40}[ \t]value=",
    rb"(?:[\"'][^<>\n]{0,60}>|</key>)(?:\r?\n[ \t0-9+>|\xe2\x86\x92-]{0,40})?[ \t]*<(?:value|string)>",
    rb"[\"']>",
)
_SIGN: Final = (
    _CLOSING
    + _TYPE
    + _ASKED
    + rb"[ \t]{0,20}(?::=|=>|={1,3}|:|>|\?=|\+=|\?\?=?|\|\|=?|,|\xef\xbc\x9a|%3[ADad]|\xe6\x98\xaf|\xe3\x81\xaf|\xeb\x8a\x94|\xec\x9d\x80)"
)
ASSIGNMENT: Final = NAME + _of_any_length(_SIGN)
"""From the telling part of a name up to the sign that gives it a value."""

PAIR: Final = NAME + _of_any_length(rb"(?:" + b"|".join(_PAIRS) + rb")")
"""From the telling part of a name up to the value beside it, where both are values of other names."""

FLAG: Final = rb"\B--?[A-Za-z0-9-]*?(?:" + NAME + rb"|pass|oauth2-bearer|bearer)[ \t]+"
"""An option of a command whose value is the next word."""

_NAME_AND_SIGN: Final = re.compile(rb"(" + NAME + rb")(" + b"|".join((*_PAIRS, _SIGN)) + rb")")
_VARIABLE: Final = re.compile(rb"[A-Z][A-Z0-9_]*\Z")
_OTHER_OPTIONS: Final = {b"pass": Name("password", strong=True), b"bearer": Name("token")}
_OTHER_ARGUMENT: Final = re.compile(rb"-|(?:id|type|env|src|pass|file|fd|stdin)[=:]|stdin\Z")
_PROSE: Final = frozenset(
    b"flag flags option options argument arguments parameter parameters prompt file field text string token password "
    b"is and or for to the in from with if was are requires require needs leaves instead must can should will has when as at "
    b"on of without value flag:".split()
)
"""Words that follow an option where people write about it."""

_CDATA: Final = b"<![CDATA["
_DIGIT: Final = re.compile(rb"[0-9]")
_PHRASE: Final = re.compile(rb"(?i:mnemonic|phrase)")
_NAME_OF_ONE: Final = re.compile(rb"[a-z]+(?:_[a-z]+)+|[a-z]+(?:[A-Z][a-z]+)+|[A-Z]+(?:_[A-Z]+)+")
_WHOLE_WORD: Final = re.compile(NAME_END)
_OTHER_VALUE: Final = re.compile(
    rb"(?:[\"']?[,;]?|</(?:string|value)>)\r?\n([+-])[ \t]*(?:[\"']?"
    + _VALUE_NAME
    + rb"[\"']?[ \t]*[:=][ \t]*|<(?:value|string)>)"
)
"""In a diff, the new value behind the old one: their name stands above both."""

_SIGN_BYTES_MAX: Final = 3
"""Before a longer sign stands a type, or what is asked for."""

_HEADER_ENDS: Final = frozenset({b"", b"\r", b"\n", b'"', b"'", b"\\"})
_HEADER_BYTES_MIN: Final = 10
"""From this length on what a header of somebody's own is set to is no word that describes it."""

_QUOTED_ONLY: Final = (b"??", b"??=", b"||", b"||=")


def is_member_secret(name: Name, value: str) -> bool:
    """Whether the text that an object holds under such a name is a secret: the name is enough, but for plain words."""
    head = value[:256].encode("utf-8", "replace")
    if not is_meant(head) or _is_word(head) or _is_name(head):
        return False
    if name.kind == "authorization" and (rest := head.partition(b" ")[2].strip()):
        return is_meant(rest) and b"***" not in rest
    if name.kind == "key" or not (name.last or name.strong):
        return looks_random(head)
    return not name.foreign or has_digit(head) or looks_random(head)


def _is_word(value: bytes) -> bool:
    """Whether it is only another word for a secret, as labels are: ``"password": "Passwort"``."""
    return _WHOLE_WORD.fullmatch(value) is not None and not value.isupper()


def _is_name(value: bytes) -> bool:
    """Whether it is the name of a secret, as programs write names: ``"token": "azure_ad_token"``."""
    return _NAME_OF_ONE.fullmatch(value) is not None and promise(value) is not None


def assigned_secrets(text: bytes) -> Iterator[Secret]:
    """Yield the secrets that names are given in a text, in whatever notation."""
    yield from _named(text, _assignment())


def paired_secrets(text: bytes) -> Iterator[Secret]:
    """Yield the secrets whose name is a value itself: ``name: X`` and ``value: …``, ``key="X" value="…"``."""
    yield from _named(text, _pair())


def _named(text: bytes, names: Searcher) -> Iterator[Secret]:
    position = 0
    while (found := names.search(text, position)) is not None:
        secret = _assigned(text, found.start(), found.end())
        yield secret
        position = secret[2]
        if secret[0] and (other := _OTHER_VALUE.match(text, position)) is not None:
            value = Literal.at(text, other.end(), ELEMENT if other.group().endswith(b">") else ARGUMENT)
            yield value.judged(secret[0], Place(strong=True, certain=True, quoted=value.quoted))
            position = max(position, value.start)


def flagged_secrets(text: bytes) -> Iterator[Secret]:
    """Yield the secrets that are the next word behind an option: ``--password hunter2``."""
    position = 0
    while (found := _flag().search(text, position)) is not None:
        option = text[found.start() : found.end()].strip()
        name = promise(option) or _OTHER_OPTIONS.get(option.rpartition(b"-")[2])
        if name is None:
            yield innocent(found.end())
            position = found.end()
            continue
        value = Literal.at(text, found.end(), WORD)
        is_prose = value.head.lower().rstrip(b"],.)") in _PROSE or _OTHER_ARGUMENT.match(value.head) is not None
        # One dash is an option of few programs: -storepass, and a word that is not one elsewhere.
        is_prose = is_prose or (option[:2] != b"--" and not (name.strong and _DIGIT.search(value.head)))
        place = Place(name.strong, quoted=value.quoted)
        secret = innocent(found.end()) if is_prose else value.judged(name.kind, place)
        yield secret
        position = secret[2]


def _assigned(text: bytes, start: int, position: int) -> Secret:
    """Judge what stands at ``position``, behind a name whose telling part is at ``start`` and the sign after it."""
    prefix = text[max(0, start - PREFIX_BYTES) : start]
    prefix = prefix[len(prefix.rstrip(NAME_CHARACTERS)) :]
    before = text[max(0, start - len(prefix) - 10) : start - len(prefix)]
    parts = _NAME_AND_SIGN.match(text, start, position)
    if parts is None:
        return innocent(position)
    full_name, sign = prefix + parts[1], parts[2]
    name = promise(full_name)
    if name is None or before == b"[redacted:" or (sign == b":" and before[-1:] == b":"):
        # Our own mark; a part of a name that has many, arn:aws:secretsmanager:…:secret:name.
        return innocent(position)
    if sign.endswith(b">") and not sign.endswith(b"=>"):
        return _element(text, position, name, sign, before)
    if name.kind == "authorization":
        return authorization(text, position, before[-1:])
    if name.kind == "cookie" and sign.strip(b"\"'` \t") in {b":", b"=", b""}:
        return cookies(text, position)
    return _value(text, position, name, full_name, sign, before)


def _element(text: bytes, position: int, name: Name, sign: bytes, before: bytes) -> Secret:
    is_raw = text[position : position + len(_CDATA)] == _CDATA
    value = Literal.of(text, position + len(_CDATA) * is_raw, RAW if is_raw else ELEMENT)
    is_own = sign == b">" and before.endswith(b"<")
    if value.follows not in {b"<", b"]"} or not (is_own or len(sign) > 1):
        return innocent(position)
    if not is_own and not has_digit(value.head):
        # <label for="password">Passwort</label>
        return innocent(position)
    return value.judged(name.kind, Place(name.strong, quoted=True))


def _value(text: bytes, position: int, name: Name, full_name: bytes, sign: bytes, before: bytes) -> Secret:
    mark = sign.strip(b"\"'` \t)]\\")
    if len(mark) > _SIGN_BYTES_MAX:
        mark = mark[-1:]
    if before.endswith(b"${"):
        # ${PASSWORD:?choose one}
        return innocent(position)
    is_variable = mark in {b"=", b"?=", b"+="} and _VARIABLE.match(full_name) is not None
    value = Literal.at(text, position, WORD if is_variable else ARGUMENT)
    is_command = is_variable and text[value.start - 1 : value.start] == b"`"
    if is_command or (not value.quoted and (mark in _QUOTED_ONLY or mark == b",")):
        return innocent(position)
    is_query = before[-1:] in {b"?", b"&", b"#"} or mark[:1] == b"%"
    is_pair = b"alue" in sign or b"VALUE" in sign or b"efault" in sign
    is_certain_pair = is_pair and (value.quoted or mark.endswith(b":"))
    is_phrase = value.quoted and _PHRASE.search(full_name) is not None
    certain = (
        is_query
        or is_certain_pair
        or is_phrase
        or (is_variable and (not value.spaced or mark == b"?=") and sign == b"=")
    )
    follows = b"" if value.quoted else value.follows
    # X-Api-Key: abcdefgh. Where nothing follows, it is a header and no sentence about one.
    if mark == b":" and full_name[:2].lower() == b"x-" and follows in _HEADER_ENDS:
        certain = certain or len(value.head) >= _HEADER_BYTES_MIN
    # Prose goes on behind a word, `password: the new one`; code has spaces around its signs.
    loose = follows in {b" ", b"\t"} if sign.endswith(b":") else value.spaced or sign[:1].isspace()
    # password=password hands a variable on, token == other compares it with one.
    is_variable_too = (
        _is_word(value.head)
        or (not certain and _is_name(value.head))
        or value.head.lower() == full_name.lower()
        or (sign.endswith(b"==") and not value.quoted)
    )
    if is_variable_too or not _is_enough(name, value, certain=certain, mark=mark, sign=sign):
        return innocent(position)
    return value.judged(name.kind, Place(name.strong, certain, value.quoted, loose, follows))


def _is_enough(name: Name, value: Literal, *, certain: bool, mark: bytes, sign: bytes) -> bool:
    """Whether a value may be a secret under a name, or in a notation, that promises less than others."""
    if mark == b"," or mark in _QUOTED_ONLY or (b"\n" in sign and b"efault" in sign):
        # A list of words, an argument, a default: ("password", "email").
        return has_digit(value.head) or looks_random(value.head)
    if name.kind == "key":
        # An upper-case name of some key promises little even where a value is certain.
        return looks_random(value.head)
    if not name.last:
        return looks_random(value.head) or (has_digit(value.head) and len(value.head) >= 6)
    return not name.foreign or certain or has_digit(value.head) or looks_random(value.head)


@cache
def _assignment() -> Searcher:
    return compiled(ASSIGNMENT)


@cache
def _pair() -> Searcher:
    return compiled(PAIR)


@cache
def _flag() -> Searcher:
    return compiled(FLAG)
