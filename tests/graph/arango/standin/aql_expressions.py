"""AQL's expressions, parsed into functions of a row."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from math import log

from tests.graph.arango.standin.aql_tokens import Reader
from tests.graph.arango.standin.aql_values import FUNCTIONS, attribute, compare, element, is_in, is_true, number, tokens
from tests.graph.arango.standin.engine import Value, View

SEARCHED = "SEARCH"
"""Under which a row keeps the words that the index was asked for."""

OF_VIEW = "FOR"
"""Under which a row keeps all rows of the view."""

Row = dict[str, Value]
"""The variables and their values."""

Expression = Callable[[Row], Value]

_COMPARISONS: dict[str, Callable[[Value, Value], Value]] = {
    "==": lambda left, right: compare(left, right) == 0,
    "!=": lambda left, right: compare(left, right) != 0,
    "<": lambda left, right: compare(left, right) < 0,
    "<=": lambda left, right: compare(left, right) <= 0,
    ">": lambda left, right: compare(left, right) > 0,
    ">=": lambda left, right: compare(left, right) >= 0,
    "IN": is_in,
}
_SUMS: dict[str, Callable[[Value, Value], Value]] = {
    "+": lambda left, right: number(left) + number(right),
    "-": lambda left, right: number(left) - number(right),
}
_PRODUCTS: dict[str, Callable[[Value, Value], Value]] = {
    "*": lambda left, right: number(left) * number(right),
    "/": lambda left, right: number(left) / number(right) if number(right) else None,
}


class Expressions(Reader, ABC):
    """Parses expressions, the loosest binding first. Raises Problem."""

    def __init__(self, store: View, query: str, parameters: Mapping[str, Value]) -> None:
        super().__init__(query, parameters)
        self.store = store

    @abstractmethod
    def subquery(self) -> Expression:
        """Parse a query that stands where a value is wanted."""

    def expression(self) -> Expression:
        if self.token.text in ("FOR", "LET", "RETURN", "WITH"):
            return self.subquery()
        condition = self._either()
        if not self.accept("?"):
            return condition
        yes = self.expression()
        self.expect(":")
        no = self.expression()
        return lambda row: yes(row) if is_true(condition(row)) else no(row)

    def _either(self) -> Expression:
        left = self._both()
        while self.accept("OR", "||"):
            left = _or(left, self._both())
        return left

    def _both(self) -> Expression:
        left = self._comparison()
        while self.accept("AND", "&&"):
            left = _and(left, self._comparison())
        return left

    def _comparison(self) -> Expression:
        left = self.sum()
        while operator := self.accept(*_COMPARISONS, "ALL"):
            if operator == "ALL":
                self.expect("IN")
                left = _all_in(left, self.sum())
            else:
                left = _binary(_COMPARISONS[operator], left, self.sum())
        return left

    def sum(self) -> Expression:
        left = self._product()
        while operator := self.accept(*_SUMS):
            left = _binary(_SUMS[operator], left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._unary()
        while operator := self.accept(*_PRODUCTS):
            left = _binary(_PRODUCTS[operator], left, self._unary())
        return left

    def _unary(self) -> Expression:
        if self.accept("NOT", "!"):
            inner = self._unary()
            return lambda row: not is_true(inner(row))
        if self.accept("-"):
            inner = self._unary()
            return lambda row: -number(inner(row))
        return self._postfix(self.primary())

    def _postfix(self, value: Expression) -> Expression:
        while sign := self.accept(".", "["):
            if sign == ".":
                value = _attribute(value, self._bound_name())
            else:
                index = self.expression()
                self.expect("]")
                value = _binary(element, value, index)
        return value

    def _bound_name(self) -> str:
        if self.token.kind == "bind":
            return str(self.bound(self.take().text[1:]))
        return self.name()

    def primary(self, *, allow_collection: bool = False) -> Expression:
        token = self.take()
        if token.kind == "number":
            value: Value = float(token.text) if "." in token.text else int(token.text)
            return lambda row: value
        if token.kind == "string":
            text = re.sub(r"\\(.)", r"\1", token.text[1:-1])
            return lambda row: text
        if token.kind == "bind" and not token.text.startswith("@@"):
            bound = self.bound(token.text[1:])
            return lambda row: bound
        if token.text in ("NULL", "TRUE", "FALSE"):
            constant = {"NULL": None, "TRUE": True, "FALSE": False}[token.text]
            return lambda row: constant
        if token.kind == "name":
            return self._call(token.text) if self.accept("(") else self._variable(token.text, allow_collection)
        bracketed = {"(": self._parenthesis, "[": self._array, "{": self._object}.get(token.text)
        if bracketed is None:
            self.fail()
        return bracketed()

    def _variable(self, name: str, allow_collection: bool) -> Expression:
        def value(row: Row) -> Value:
            if name in row:
                return row[name]
            collection = self.store.collection(name)
            if not allow_collection:
                self.unknown(f"the collection {name} as a value")
            return list(self.store.documents(collection))

        return value

    def _call(self, name: str) -> Expression:
        arguments = self._list(")")
        if name.upper() == "DOCUMENT" and len(arguments) == 1:
            return lambda row: self.store.document(arguments[0](row))
        if name.upper() == "ANALYZER" and len(arguments) == 2:
            return arguments[0]
        if name.upper() == "BM25" and len(arguments) == 1:
            return lambda row: _score(row[SEARCHED], arguments[0], row, row[OF_VIEW])
        function = FUNCTIONS.get(name.upper())
        if function is None:
            self.unknown(f"the function {name}")
        return lambda row: function(*(argument(row) for argument in arguments))

    def _parenthesis(self) -> Expression:
        inner = self.expression()
        self.expect(")")
        return inner

    def _array(self) -> Expression:
        items = self._list("]")
        return lambda row: [item(row) for item in items]

    def _object(self) -> Expression:
        members: list[tuple[Expression, Expression]] = []
        while not self.accept("}"):
            if members:
                self.expect(",")
            members.append(self._member())
        return lambda row: {name(row): value(row) for name, value in members}

    def _member(self) -> tuple[Expression, Expression]:
        if self.accept("["):
            computed = self.expression()
            self.expect("]")
            self.expect(":")
            return computed, self.expression()
        token = self.take()
        if token.kind not in ("name", "string"):
            self.fail()
        name = token.text.strip("\"'")
        if token.kind == "name" and self.token.text in (",", "}"):
            return lambda row: name, self._variable(name, allow_collection=False)
        self.expect(":")
        return lambda row: name, self.expression()

    def _list(self, end: str) -> list[Expression]:
        items: list[Expression] = []
        while not self.accept(end):
            if items:
                self.expect(",")
            items.append(self.expression())
        return items


def _all_in(words: Expression, where: Expression) -> Expression:
    def value(row: Row) -> Value:
        wanted, found = words(row), where(row)
        if SEARCHED not in row:
            return isinstance(found, list) and all(is_in(one, found) for one in wanted)
        row[SEARCHED] += [(one, where) for one in wanted]
        return all(one in tokens(found) for one in wanted)

    return value


def _score(searched: list[Value], document: Expression, row: Row, every: list[Row]) -> float:
    """Return BM25 with the server's k = 1.2 and b = 0.75."""
    score = 0.0
    for word, where in searched:
        held = [tokens(where(one)) for one in every]
        own = tokens(where(row))
        often, length = own.count(word), len(own) * len(held) / (sum(map(len, held)) or 1)
        holding = sum(word in one for one in held)
        weight = log(1 + (len(held) - holding + 0.5) / (holding + 0.5))
        score += weight * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * length))
    return score


def _or(left: Expression, right: Expression) -> Expression:
    def value(row: Row) -> Value:
        first = left(row)
        return first if is_true(first) else right(row)

    return value


def _and(left: Expression, right: Expression) -> Expression:
    def value(row: Row) -> Value:
        first = left(row)
        return right(row) if is_true(first) else first

    return value


def _binary(function: Callable[[Value, Value], Value], left: Expression, right: Expression) -> Expression:
    return lambda row: function(left(row), right(row))


def _attribute(value: Expression, name: str) -> Expression:
    return lambda row: attribute(value(row), name)
