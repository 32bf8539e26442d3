"""Credentials in HTTP headers: Authorization with any scheme, and session cookies."""

import re
from typing import Final

from cc_otel.agent.redaction.linear import Secret, innocent
from cc_otel.agent.redaction.literals import LINE, QUOTED, WORD, Literal
from cc_otel.agent.redaction.values import is_meant, is_placeholder, looks_random

_KNOWN: Final = rb"bearer|basic|token|digest|negotiate|ntlm|apikey|api-key|oauth|jwt|bot"
_SCHEME: Final = re.compile(rb"(?P<known>(?i:" + _KNOWN + rb")[ \t\\]+)|[A-Za-z][A-Za-z0-9_.-]{1,40}[ \t\\]+|key=")
# key="value", key=value, …: what Digest, OAuth and others say after their scheme.
_PARAMETERS: Final = re.compile(rb"(?i:[a-z_]+[ \t]*=[ \t]*\\?[\"']?[^\s,\"']+\\?[\"']?[, \t]*)+")
_WORDS: Final = re.compile(rb"[^\s\"'`]+(?:[ \t]+[^\s\"'`]+)*")
_REST: Final = re.compile(rb"[^\r\n]*+")
_TO: Final = {b'"': re.compile(rb"[^\"\r\n]*+"), b"'": re.compile(rb"[^'\r\n]*+")}
_CODE: Final = re.compile(rb"[^\n]{0,200}?(?:\$\{|\$\(|\$[A-Za-z_]|\{\{|\{[A-Za-z_]|\}|<[a-z]|%s|\+ |\?\.|[a-z]\()")
_DIGIT: Final = re.compile(rb"[0-9]")

_SESSIONS: Final = re.compile(rb"(?i:sess|sid\b|[._-]sid|auth|token|jwt|csrf|xsrf|login|remember|secret|key|user)")
_COOKIE: Final = re.compile(rb"[ \t]*([^\s=;,(){}\"']+)=([^\s;,(){}\"'`\\]+)")


def authorization(text: bytes, position: int, before: bytes) -> Secret:
    """
    Return what is given to ``Authorization``, behind its scheme, up to the end of the header.

    A header in quotes, ``-H 'Authorization: …'``, ends with them; ``before`` is the byte before the name.
    """
    value = Literal.at(text, position, _TO.get(before, _REST))
    if not value.quoted and before not in _TO and (behind := _next_quote(value)) is not None:
        value = behind
    scheme = _SCHEME.match(value.head)
    start = scheme.end() if scheme else 0
    rest = value.head[start:].strip()
    if (
        not is_meant(rest.lstrip(b"\"'`\\"))
        or _CODE.match(value.head)
        or b"[redacted:" in value.head
        or b"***" in value.head
    ):
        return innocent(value.start)
    words = rest.split()
    is_header = len(words) == 1 or _PARAMETERS.fullmatch(rest) is not None
    if not scheme and not _is_token(words[0]):
        return innocent(value.start)
    if not is_header:
        # A sentence; what goes on after a token is the rest of a command.
        if not (scheme and _is_token(words[0])) or len(words[0]) < 8:
            return innocent(value.start)
        first = Literal.of(text, value.start + start, WORD)
        return "authorization", first.start, first.end()
    if not (scheme and scheme["known"] and len(rest) >= 3) and not _is_token(rest):
        return innocent(value.start)
    end = min(value.end(), value.start + 4096)
    return "authorization", value.start + start, max(end, value.start + start)


def _next_quote(value: Literal) -> Literal | None:
    """Return what stands in the next quotes, of ``h 'Authorization': …``'s kind; None where there are none."""
    found = re.match(rb"[\\]?([\"'])", value.head)
    return Literal.of(value.text, value.start + found.end(), QUOTED[found[1]], quoted=True) if found else None


def _is_token(word: bytes) -> bool:
    return len(word) >= 6 and (_DIGIT.search(word) is not None or looks_random(word)) and not is_placeholder(word)


def cookies(text: bytes, position: int) -> Secret:
    """Return all cookies of a header, if one of them is a session's; what only keeps a theme stays."""
    value = Literal.at(text, position, LINE)
    if not are_sessions(value.head):
        return innocent(value.start)
    return "cookie", value.start, value.end()


def are_sessions(header: bytes) -> bool:
    """Whether one of these cookies belongs to a session: by its name, or by a value that nobody would think of."""
    for name, content in _COOKIE.findall(header):
        if is_placeholder(content) or len(content) < 4:
            continue
        is_named = _SESSIONS.search(name) is not None and content.lower() not in {b"true", b"false", b"none"}
        if is_named or (looks_random(content) and len(content) >= 16 and b"/" not in content):
            return True
    return False
