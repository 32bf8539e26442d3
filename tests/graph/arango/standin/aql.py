"""
AQL, as much of it as the project's queries use: parsed into functions, and refused loudly where it knows no further.

A query runs over rows, each a mapping of variables; every clause turns rows into rows. Nothing is optimised, and
nothing is guessed: what is AQL but not known here is answered with 501.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby, islice

from tests.graph.arango.standin.aql_expressions import OF_VIEW, SEARCHED, Expression, Expressions, Row
from tests.graph.arango.standin.aql_values import AGGREGATES, compare, is_true, number, sort_key
from tests.graph.arango.standin.documents import remove
from tests.graph.arango.standin.engine import Collection, Document, Problem, Value, View

Rows = Iterator[Row]
Clause = Callable[[Rows, Row], Rows]
"""Turns rows into rows; the second argument is the row around the query, which COLLECT does not hide."""

_RESULT = "RETURN"
"""Under which a row keeps what RETURN made of it; no variable can be called so."""

_IGNORED = "ignoreErrors"
"""Marks the row of a document that could not be written, which nobody minds."""

_DIRECTIONS = ("OUTBOUND", "INBOUND")


@dataclass
class Outcome:
    """What a query answered, and how many documents it wrote."""

    rows: list[Value] = field(default_factory=list)
    writes: int = 0
    ignored: int = 0


def execute(store: View, query: str, parameters: Mapping[str, Value]) -> Outcome:
    """Run the query. Raises Problem."""
    if not query.strip():
        raise Problem(400, 1502, "query is empty")
    parser = _Query(store, query, parameters)
    clauses = parser.clauses()
    parser.finish()
    outcome = Outcome()
    for row in _piped(clauses, {}):
        if _RESULT in row:
            outcome.rows.append(row[_RESULT])
        elif _IGNORED in row:
            outcome.ignored += 1
        else:
            outcome.writes += 1
    return outcome


def _piped(clauses: list[Clause], outer: Row) -> Rows:
    rows: Rows = iter([outer])
    for clause in clauses:
        rows = clause(rows, outer)
    return rows


class _Query(Expressions):
    def subquery(self) -> Expression:
        clauses = self.clauses()
        return lambda row: [found[_RESULT] for found in _piped(clauses, row)]

    def clauses(self) -> list[Clause]:
        """Parse a query up to its end, or to the parenthesis that ends a subquery."""
        if self.accept("WITH"):
            self._collections()
        parsers = {
            "FOR": self._for,
            "FILTER": self._filter,
            "LET": self._let,
            "SORT": self._sort,
            "LIMIT": self._limit,
            "COLLECT": self._collect,
            "SEARCH": self._search,
        }
        clauses = []
        while word := self.accept(*parsers) or ("SEARCH" if self.accept_word("SEARCH") else None):
            clauses.append(parsers[word]())
        if self.accept("RETURN"):
            return [*clauses, self._return()]
        if self.accept("REMOVE"):
            return [*clauses, self._remove()]
        if word := self.accept("INSERT", "UPDATE", "REPLACE", "UPSERT", "WINDOW"):
            self.unknown(word)
        return self.fail()

    def _for(self) -> Clause:
        names = [self.name()]
        while self.accept(","):
            names.append(self.name())
        self.expect("IN")
        if self.token.text in _DIRECTIONS:
            return self._traversal(names, 1, 1)
        source = self._source()
        if self.accept(".."):
            last = self.sum()
            if self.token.text in _DIRECTIONS:
                return self._traversal(names, source({}), last({}))
            first, source = source, lambda row: _range(number(first(row)), number(last(row)))
        if self.accept_word("OPTIONS"):
            self.unknown("hints for indexes")
        (name,) = names
        return lambda rows, _: ({**row, name: value} for row in rows for value in _listed(source(row)))

    def _source(self) -> Expression:
        if self.token.text.startswith("@@"):
            collection = self._collection()
            return lambda row: self.store.documents(collection)
        # A name that is no variable is a collection.
        alone = self.token.kind == "name" and self.after.text not in (".", "[", "(", "..")
        return self.primary(allow_collection=True) if alone else self.expression()

    def _traversal(self, names: list[str], least: int, most: int) -> Clause:
        direction = self.take().text
        start = self.expression()
        edges = self._collections()
        prune = self.expression() if self.accept_word("PRUNE") else None
        options = self.expression()({}) if self.accept_word("OPTIONS") else None
        if options != {"order": "bfs", "uniqueVertices": "global"}:
            self.unknown("traversals other than breadth first, each vertex once")
        here, there = ("_from", "_to") if direction == "OUTBOUND" else ("_to", "_from")

        @cache
        def leaving() -> Mapping[str, list[Document]]:
            found = defaultdict(list)
            for collection in edges:
                for edge in self.store.documents(collection):
                    found[edge[here]].append(edge)
            return found

        def walk(row: Row) -> Rows:
            first = start(row)
            first_id = first["_id"] if isinstance(first, dict) else first
            if self.store.document(first_id) is None:
                return  # From nowhere there is no way, not even along edges that begin there.
            seen, queue = {first_id}, [(first_id, list[Document]())]
            for vertex_id, path in queue:
                values = (self.store.document(vertex_id), path[-1] if path else None, {"edges": path})
                reached = {**row, **dict(zip(names, values, strict=False))}
                if least <= len(path):
                    yield reached
                if len(path) == most or (prune and is_true(prune(reached))):
                    continue
                for edge in leaving()[vertex_id]:
                    if edge[there] not in seen:
                        seen.add(edge[there])
                        queue.append((edge[there], [*path, edge]))

        return lambda rows, _: (reached for row in rows for reached in walk(row))

    def _filter(self) -> Clause:
        condition = self.expression()
        return lambda rows, _: (row for row in rows if is_true(condition(row)))

    def _search(self) -> Clause:
        condition = self.expression()
        if self.accept_word("OPTIONS"):
            self.expression()  # No view lags behind here.

        def found(rows: Rows, _: Row) -> Rows:
            every = list(rows)
            for row in every:
                searched: list[Value] = []
                if is_true(condition({**row, SEARCHED: searched})):
                    yield {**row, SEARCHED: searched, OF_VIEW: every}

        return found

    def _let(self) -> Clause:
        name = self.name()
        self.expect("=")
        value = self.expression()
        return lambda rows, _: ({**row, name: value(row)} for row in rows)

    def _sort(self) -> Clause:
        keys: list[tuple[Expression, bool]] = []
        while not keys or self.accept(","):
            key = self.expression()
            keys.append((key, self.accept("ASC", "DESC") == "DESC"))

        def sort(rows: Rows, _: Row) -> Rows:
            result = list(rows)
            # Stable, so the last key is sorted by first.
            for key, descending in reversed(keys):
                decorated = [(sort_key(key(row)), row) for row in result]
                decorated.sort(key=lambda pair: pair[0], reverse=descending)
                result = [row for _, row in decorated]
            return iter(result)

        return sort

    def _limit(self) -> Clause:
        numbers = [self.expression()({})]
        if self.accept(","):
            numbers.append(self.expression()({}))
        if not all(isinstance(value, int) and value >= 0 for value in numbers):
            raise Problem(400, 1504, "number out of range (while parsing)")
        offset = numbers[0] if len(numbers) == 2 else 0
        return lambda rows, _: islice(rows, offset, offset + numbers[-1])

    def _collect(self) -> Clause:
        groups = [] if self.token.text in ("AGGREGATE", "WITH") else self._assignments()
        aggregates = self._assignments(aggregate=True) if self.accept("AGGREGATE") else []
        counter = self._counter() if self.accept("WITH") else None
        if self.accept("INTO"):
            self.unknown("COLLECT … INTO")

        def key(row: Row) -> list[Value]:
            return [value(row) for _, value, _ in groups]

        def collect(rows: Rows, outer: Row) -> Rows:
            ordered = sorted(rows, key=lambda row: sort_key(key(row)))
            # Without groups there is one row, also for nothing.
            grouped = [list(found) for _, found in groupby(ordered, key)] if groups else [ordered]
            for members in grouped:
                result = dict(outer)
                result.update((name, value(members[0])) for name, value, _ in groups)
                result.update((name, AGGREGATES[f]([value(m) for m in members])) for name, value, f in aggregates)
                yield {**result, counter: len(members)} if counter else result

        return collect

    def _counter(self) -> str:
        if not self.accept_word("COUNT"):
            self.fail()
        self.expect("INTO")
        return self.name()

    def _assignments(self, *, aggregate: bool = False) -> list[tuple[str, Expression, str]]:
        found: list[tuple[str, Expression, str]] = []
        while not found or self.accept(","):
            name, function = self.name(), ""
            self.expect("=")
            if aggregate:
                function = self.name().upper()
                if function not in AGGREGATES:
                    self.unknown(f"the aggregate {function}")
                self.expect("(")
            value = self.expression()
            if aggregate:
                self.expect(")")
            found.append((name, value, function))
        return found

    def _return(self) -> Clause:
        distinct = self.accept("DISTINCT")
        value = self.expression()

        def answer(rows: Rows, _: Row) -> Rows:
            told: list[Value] = []
            for row in rows:
                result = value(row)
                if not (distinct and any(compare(result, one) == 0 for one in told)):
                    told.append(result)
                    yield {_RESULT: result}

        return answer

    def _remove(self) -> Clause:
        document = self.sum()  # IN is not a comparison here.
        self.expect("IN")
        collection = self._collection()
        options = self.expression()({}) if self.accept_word("OPTIONS") else {}

        def removed(rows: Rows, _: Row) -> Rows:
            # All rows are read first: no query sees its own writes.
            for row in list(rows):
                found = document(row)
                key = found["_key"] if isinstance(found, dict) else found
                try:
                    remove(self.store.transaction, collection, key)
                except Problem as problem:
                    if options.get("ignoreErrors"):
                        yield {_IGNORED: True}
                        continue
                    raise Problem(problem.status, problem.number, f"AQL: {problem.message} (while executing)") from None
                yield {}

        return removed

    def _collections(self) -> list[Collection]:
        found = [self._collection()]
        while self.accept(","):
            found.append(self._collection())
        return found

    def _collection(self) -> Collection:
        name = self.bound(self.take().text[1:]) if self.token.text.startswith("@@") else self.name()
        return self.store.collection(name)


def _range(first: float, last: float) -> list[int]:
    # It runs backwards, too.
    step = 1 if first <= last else -1
    return list(range(int(first), int(last) + step, step))


def _listed(value: Value) -> list[Value]:
    if not isinstance(value, list):
        raise Problem(400, 1563, "AQL: collection or array expected as operand to FOR loop (while executing)")
    return value
