"""AQL's words and signs, and a reader that takes them one by one."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn

from tests.graph.arango.standin.engine import Problem, Value

_KEYWORDS = frozenset(
    "AGGREGATE ALL AND ANY ASC COLLECT DESC DISTINCT FALSE FILTER FOR GRAPH IN INBOUND INSERT INTO LET LIKE LIMIT NONE "
    "NOT NULL OR OUTBOUND REMOVE REPLACE RETURN SHORTEST_PATH SORT TRUE UPDATE UPSERT WINDOW WITH".split()
)
_TOKEN = re.compile(
    r"(?P<skip>\s+|//[^\n]*|/\*.*?\*/)|(?P<number>\d+(?:\.\d+)?)(?!\w)|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<bind>@@?[A-Za-z_]\w*)|(?P<name>[A-Za-z_]\w*|`[^`]+`)"
    r"|(?P<sign>\.\.|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:=.,()\[\]{}])",
    re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A word, sign or literal, and where it stands; ``kind`` is keyword, name, sign, number, string, bind or end."""

    kind: str
    text: str
    at: int


class Reader:
    """Takes a query's tokens in order. A keyword is one in whatever case, and never a name."""

    def __init__(self, query: str, parameters: Mapping[str, Value]) -> None:
        self.parameters = parameters
        self.used: set[str] = set()
        self._query = query
        self._tokens = list(self._split(query))
        self._next = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._next]

    @property
    def after(self) -> Token:
        return self._tokens[self._next + 1]

    def take(self) -> Token:
        token = self.token
        self._next += 1
        return token

    def accept(self, *texts: str) -> str | None:
        """Take a keyword or sign if it is one of these."""
        if self.token.kind in ("keyword", "sign") and self.token.text in texts:
            return self.take().text
        return None

    def accept_word(self, word: str) -> bool:
        """Take what is a word only where it is expected: OPTIONS, PRUNE, COUNT."""
        if self.token.kind == "name" and self.token.text.upper() == word:
            self._next += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if self.accept(text) is None:
            self.fail()

    def name(self) -> str:
        if self.token.kind != "name":
            self.fail()
        return self.take().text

    def bound(self, name: str) -> Value:
        """Return the value of a bind parameter."""
        self.used.add(name)
        if name not in self.parameters:
            raise Problem(400, 1551, f"no value specified for declared bind parameter '{name}' (while parsing)")
        return self.parameters[name]

    def finish(self) -> None:
        if self.token.kind != "end":
            self.fail()
        if unused := sorted(self.parameters.keys() - self.used):
            raise Problem(400, 1552, f"bind parameter '{unused[0]}' was not declared in the query (while parsing)")

    def fail(self) -> NoReturn:
        """Say that the query makes no sense from here on."""
        raise self._error(self.token.at)

    def unknown(self, what: str) -> NoReturn:
        """Say that this is AQL, but more than the stand-in knows."""
        raise Problem(501, 9, f"the stand-in does not know {what}")

    def _split(self, query: str) -> Iterator[Token]:
        at = 0
        while at < len(query):
            match = _TOKEN.match(query, at)
            if match is None:
                raise self._error(at)
            kind, text = str(match.lastgroup), match[0]
            if kind == "name" and text.upper() in _KEYWORDS:
                yield Token("keyword", text.upper(), at)
            elif kind != "skip":
                yield Token(kind, text.strip("`"), at)
            at = match.end()
        yield Token("end", "", at)

    def _error(self, at: int) -> Problem:
        line = self._query.count("\n", 0, at) + 1
        column = at - self._query.rfind("\n", 0, at)
        near = self._query[at : at + 32]
        return Problem(400, 1501, f"syntax error, unexpected near {near!r} at position {line}:{column}")
