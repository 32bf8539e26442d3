"""The stand-in's answers: which call does what, and how the server words it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.graph.arango.standin import aql, bodies
from tests.graph.arango.standin.documents import Options, insert, remove
from tests.graph.arango.standin.engine import (
    DOCUMENT_TYPE,
    EDGE_TYPE,
    Collection,
    Database,
    Document,
    Engine,
    Problem,
    Transaction,
    Value,
    View,
)
from tests.graph.arango.standin.faults import Answer

_SYSTEM_COLLECTIONS = ("_analyzers", "_graphs")
_STATISTICS = (
    "writesExecuted writesIgnored documentLookups seeks scannedFull scannedIndex cursorsCreated cursorsRearmed "
    "cacheHits cacheMisses filtered httpRequests executionTime peakMemoryUsage intermediateCommits"
).split()


@dataclass(frozen=True)
class Request:
    """One call: method, path below the database, query parameters, body as it came."""

    method: str
    database: str
    path: tuple[str, ...]
    parameters: Mapping[str, str]
    body: bytes

    def json(self) -> Value:
        try:
            # NaN and Infinity, which json.dumps writes, are not JSON.
            return json.loads(self.body, parse_constant=_refuse)
        except ValueError:
            raise Problem(400, 600, "VPackError error: Expecting digit") from None

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.parameters.get(name)
        return default if value is None else value.lower() in ("1", "true", "yes", "on")


def _refuse(word: str) -> Value:
    raise ValueError(word)


@dataclass
class Cursor:
    """The rest of an answer."""

    rows: list[Value]
    told: Document
    batch_size: int
    next_batch: int = 1
    last: Document | None = None


class Routes:
    """Answers calls. ``conflict`` makes every written key one that somebody else holds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.cursors: dict[str, Cursor] = {}

    def answer(self, request: Request, hold: Callable[[], None], *, conflict: bool = False) -> Answer:
        """Answer a call. What writes keeps its keys locked until ``hold`` returns. Raises Problem."""
        database = self._engine.database(request.database)
        transaction = Transaction(self._engine, everything_held=conflict)
        try:
            answer = self._route(request, database, transaction)
            if transaction.wrote:
                hold()
            transaction.commit()
        except BaseException:
            transaction.abort()
            raise
        return answer

    def _route(self, request: Request, database: Database, transaction: Transaction) -> Answer:
        match (request.method, *request.path):
            case ("GET", "version"):
                return Answer(200, bodies.version())
            case ("GET" | "POST" | "DELETE", "database", *rest):
                return self._database(request, database, rest)
            case ("GET" | "POST" | "PUT" | "DELETE", "collection", *rest):
                return self._collection(request, database, rest)
            case ("GET" | "POST", "index"):
                return self._index(request, database)
            case ("POST", "analyzer"):
                wanted = request.json()
                return Answer(201, {**wanted, "name": f"{database.name}::{wanted['name']}"})
            case ("POST", "view"):
                return self._view(request.json(), database)
            case ("GET" | "POST" | "PUT", "gharial", *rest):
                return self._graph(request, database, rest)
            case (_, "document", name, *rest):
                return self._document(request, database.collection(name), transaction, rest)
            case ("GET" | "PATCH", "user", name):
                return self._user(request, name)
            case ("POST", "cursor"):
                return self._query(request, View(database, transaction))
            case ("POST" | "DELETE" | "PUT", "cursor", cursor_id, *rest):
                return self._cursor(request.method, cursor_id, rest)
            case _:
                raise Problem(501, 9, f"the stand-in does not know {request.method} {'/'.join(request.path)}")

    def _user(self, request: Request, name: str) -> Answer:
        if name != "root":
            raise Problem(404, 1703, "user not found")
        if request.method == "PATCH":
            # What is given replaces what was there, whole.
            self._engine.extra = request.json().get("extra", self._engine.extra)
        return _ok(200, user=name, active=True, extra=self._engine.extra)

    # Databases and collections

    def _database(self, request: Request, database: Database, rest: list[str]) -> Answer:
        if database.name != "_system":
            raise Problem(403, 1230, "operation only allowed in system database")
        databases = self._engine.databases
        if request.method == "GET":
            return _ok(200, result=list(databases))
        if request.method == "DELETE":
            self._engine.database(rest[0])
            del databases[rest[0]]
            return _ok(200, result=True)
        wanted = request.json()
        name = wanted["name"]
        with self._engine.lock:
            if name in databases:
                raise Problem(409, 1207, "duplicate name")
            databases[name] = Database(name, wanted.get("options", {}))
        return _ok(201, result=True)

    def _collection(self, request: Request, database: Database, rest: list[str]) -> Answer:
        if not rest:
            if request.method == "POST":
                return self._create_collection(request.json(), database)
            system = [Collection(name, str(place), DOCUMENT_TYPE) for place, name in enumerate(_SYSTEM_COLLECTIONS, 7)]
            return _ok(200, result=[bodies.listed(one) for one in (*system, *database.collections.values())])
        collection = database.collection(rest[0])
        if request.method == "DELETE":
            del database.collections[rest[0]]
            return _ok(200, id=collection.id)
        if request.method == "PUT":
            with self._engine.lock:
                collection.computed = _computed(request.json())
        location = {"location": f"/_db/{database.name}/_api/collection/{'/'.join(rest)}"}
        count = {"count": len(collection.documents)} if rest[1:] == ["count"] else {}
        return Answer(200, {"error": False, "code": 200, **bodies.properties(collection), **count}, location)

    def _create_collection(self, body: Document, database: Database) -> Answer:
        name = body["name"]
        with self._engine.lock:
            if name in database.collections:
                raise Problem(409, 1207, "duplicate name")
            kind, synced = body.get("type", DOCUMENT_TYPE), body.get("waitForSync", False)
            collection = Collection(name, self._engine.next_id(), kind, synced)
            database.collections[name] = collection
        collection.indexes.append(bodies.built_in(name, 0, "primary", ["_key"], unique=True))
        if collection.type == EDGE_TYPE:
            collection.indexes.append(bodies.built_in(name, 1, "edge", ["_from", "_to"], unique=False))
        return _ok(200, **bodies.properties(collection))

    def _index(self, request: Request, database: Database) -> Answer:
        collection = database.collection(request.parameters["collection"])
        if request.method == "GET":
            return _ok(200, indexes=collection.indexes, identifiers={one["id"]: one for one in collection.indexes})
        wanted = request.json()
        with self._engine.lock:
            new = bodies.index_of(wanted, f"{collection.name}/{self._engine.next_id()}")
            for present in collection.indexes:
                same = {**new, "id": present["id"], "name": present["name"]} == present
                if same and wanted.get("name", present["name"]) == present["name"]:
                    return Answer(200, {**present, "isNewlyCreated": False, "code": 200, "error": False})
                if present["name"] == wanted.get("name"):
                    raise Problem(409, 1207, f"duplicate value for index name {present['name']!r}")
            collection.indexes.append(new)
        return Answer(201, {**new, "isNewlyCreated": True, "code": 201, "error": False})

    def _view(self, wanted: Document, database: Database) -> Answer:
        with self._engine.lock:
            if wanted["name"] in {*database.views, *database.collections}:
                raise Problem(409, 1207, "duplicate name")
            if len(wanted["links"]) != 1:
                raise Problem(501, 9, "the stand-in does not know views of more than one collection")
            made = {"id": self._engine.next_id(), "globallyUniqueId": f"h{wanted['name']}", **wanted}
            database.views[wanted["name"]] = made
        return Answer(201, made)

    # Graphs

    def _graph(self, request: Request, database: Database, rest: list[str]) -> Answer:
        with self._engine.lock:
            if request.method == "POST" and not rest:
                return self._create_graph(request.json(), database)
            if not rest:
                return _ok(200, graphs=[bodies.graph_body(graph) for graph in database.graphs.values()])
            graph = database.graphs.get(rest[0])
            if graph is None:
                raise Problem(404, 1924, f"graph '{rest[0]}' not found")
            if request.method == "GET":
                return _ok(200, graph=bodies.graph_body(graph))
            return self._define_edges(request.json(), database, graph, replace=request.method == "PUT")

    def _create_graph(self, body: Document, database: Database) -> Answer:
        if body["name"] in database.graphs:
            raise Problem(409, 1925, "graph already exists")
        graph = {"name": body["name"], "edgeDefinitions": [], "orphanCollections": body.get("orphanCollections", [])}
        for definition in body["edgeDefinitions"]:
            self._define_edges(definition, database, graph, replace=False)
        for name in graph["orphanCollections"]:
            self._ensure_collection(name, DOCUMENT_TYPE, database)
        database.graphs[body["name"]] = graph
        return self._told_graph(graph)

    def _define_edges(self, body: Document, database: Database, graph: Document, *, replace: bool) -> Answer:
        definition = {
            "collection": body["collection"],
            "from": sorted(body["from"]),
            "to": sorted(body["to"]),
        }
        others = [one for one in graph["edgeDefinitions"] if one["collection"] != definition["collection"]]
        if len(others) < len(graph["edgeDefinitions"]) and not replace:
            raise Problem(400, 1920, "multi use of edge collection in edge def")
        self._ensure_collection(definition["collection"], EDGE_TYPE, database)
        for name in (*definition["from"], *definition["to"]):
            self._ensure_collection(name, DOCUMENT_TYPE, database)
        graph["edgeDefinitions"] = [*others, definition]
        return self._told_graph(graph)

    def _ensure_collection(self, name: str, kind: int, database: Database) -> None:
        if name not in database.collections:
            self._create_collection({"name": name, "type": kind}, database)

    def _told_graph(self, graph: Document) -> Answer:
        graph["_rev"] = self._engine.next_revision()
        return Answer(202, {"error": False, "code": 202, "graph": bodies.graph_body(graph)}, {"etag": graph["_rev"]})

    # Documents

    def _document(self, request: Request, collection: Collection, transaction: Transaction, rest: list[str]) -> Answer:
        match (request.method, *rest):
            case ("POST",):
                return self.insert(request, collection, transaction)
            case ("GET", key):
                found = collection.documents.get(key)
                if found is None:
                    raise Problem(404, 1202, "document not found")
                return Answer(200, found, {"etag": f'"{found["_rev"]}"'})
            case ("PUT",) if request.flag("onlyget"):
                return Answer(200, [_found(collection, wanted) for wanted in request.json()])
            case ("DELETE", key):
                told = remove(transaction, collection, key)
                return Answer(200, told, _document_headers(request, told))
            case ("DELETE",):
                return _each(200, 202, request.json(), lambda one: remove(transaction, collection, _key(one)))
            case _:
                raise Problem(501, 9, f"the stand-in does not know {request.method} of a document")

    def insert(self, request: Request, collection: Collection, transaction: Transaction) -> Answer:
        """Insert what was sent, one document or an array of them."""
        mode = request.parameters.get("overwriteMode") or ("replace" if request.flag("overwrite") else "conflict")
        options = Options(
            overwrite_mode=mode,
            keep_null=request.flag("keepNull", default=True),
            merge_objects=request.flag("mergeObjects", default=True),
            version_attribute=request.parameters.get("versionAttribute"),
            return_new=request.flag("returnNew"),
            return_old=request.flag("returnOld"),
        )
        status = 201 if collection.wait_for_sync or request.flag("waitForSync") else 202

        def put(body: Value) -> Document:
            return insert(self._engine, transaction, collection, body, options)

        body = request.json()
        if isinstance(body, list):
            return _each(status, status, body, put, silent=request.flag("silent"))
        told = put(body)
        return Answer(status, {} if request.flag("silent") else told, _document_headers(request, told))

    # Queries

    def _query(self, request: Request, view: View) -> Answer:
        body = request.json() if request.body else {}
        outcome = aql.execute(view, body.get("query", ""), body.get("bindVars") or {})
        statistics = {**dict.fromkeys(_STATISTICS, 0), "searchParallelism": 1, "executionTime": 0.0002}
        statistics |= {"writesExecuted": outcome.writes, "writesIgnored": outcome.ignored}
        extra = {"warnings": [], "stats": statistics}
        told: Document = {"extra": extra, "cached": False}
        if body.get("count"):
            told["count"] = len(outcome.rows)
        cursor = Cursor(outcome.rows, told, body.get("batchSize", 1000))
        if len(cursor.rows) > cursor.batch_size:
            told["id"] = self._engine.next_id()
            self.cursors[told["id"]] = cursor
        return Answer(201, {**_next_batch(cursor), "error": False, "code": 201})

    def _cursor(self, method: str, cursor_id: str, rest: list[str]) -> Answer:
        cursor = self.cursors.get(cursor_id)
        if cursor is None:
            raise Problem(404, 1600, "cursor not found")
        if method == "DELETE":
            del self.cursors[cursor_id]
            return Answer(202, {"id": cursor_id, "error": False, "code": 202})
        again = rest == [str(cursor.next_batch - 1)] and cursor.last
        batch = cursor.last if again else _next_batch(cursor)
        return Answer(200, {**(batch or {}), "error": False, "code": 200})


def _computed(properties: Document) -> list[Document]:
    wanted: list[Document] = properties.get("computedValues") or []
    for value in wanted:
        if value["expression"] != "RETURN DATE_NOW()" or not value["overwrite"]:
            raise Problem(501, 9, f"the stand-in does not compute {value['expression']}")
    return [{"failOnWarning": False, "keepNull": True, **value} for value in wanted]


def _key(document: Value) -> str:
    return str(document["_key"] if isinstance(document, dict) else document)


def _ok(code: int, /, **members: Value) -> Answer:
    return Answer(code, {"error": False, "code": code, **members})


def _document_headers(request: Request, told: Document) -> dict[str, str]:
    return {"etag": f'"{told["_rev"]}"', "location": f"/_db/{request.database}/_api/document/{told['_id']}"}


def _found(collection: Collection, wanted: Value) -> Document:
    key = wanted["_key"] if isinstance(wanted, dict) else wanted
    return collection.documents.get(key) or Problem(404, 1202, "document not found").item()


def _each(
    status: int, status_with_errors: int, bodies: Value, act: Callable[[Value], Document], *, silent: bool = False
) -> Answer:
    """Act on each for itself: what one is refused for does not touch the others."""
    told, errors = [], dict[str, int]()
    for body in bodies:
        try:
            told.append(act(body))
        except Problem as problem:
            told.append(problem.item())
            errors[str(problem.number)] = errors.get(str(problem.number), 0) + 1
    headers = {"x-arango-error-codes": json.dumps(errors, separators=(",", ":"))} if errors else {}
    if silent:
        return Answer(status, [one for one in told if "error" in one] if errors else {}, headers)
    return Answer(status_with_errors if errors else status, told, headers)


def _next_batch(cursor: Cursor) -> Document:
    batch, cursor.rows = cursor.rows[: cursor.batch_size], cursor.rows[cursor.batch_size :]
    told = {"result": batch, "hasMore": bool(cursor.rows), **cursor.told}
    cursor.next_batch += 1
    if cursor.rows:
        told["nextBatchId"] = str(cursor.next_batch)
    cursor.last = told
    return told
