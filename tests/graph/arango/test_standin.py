"""
What the stand-in must get right to be worth anything, as facts about a 3.12 server (docs/arangodb.md, "The stand-in").

test_arango_wire.py holds it to recordings of a real one, where they are.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from arango.client import ArangoClient

from tests.graph.arango.standin import faults
from tests.graph.arango.standin.client import send
from tests.graph.arango.standin.server import StandIn, running

DOCUMENTS = "/_db/cc/_api/document/spans"
EDGES = "/_db/cc/_api/document/parent_of"


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """Return a stand-in with a database, a vertex and an edge collection."""
    with running(StandIn()) as standin:
        send(standin, "POST", "/_db/_system/_api/database", {"name": "cc"})
        send(standin, "POST", "/_db/cc/_api/collection", {"name": "spans", "type": 2})
        send(standin, "POST", "/_db/cc/_api/collection", {"name": "parent_of", "type": 3})
        yield standin


def error(status: int, number: int, message: str) -> tuple[int, Any]:
    """Return an error as it comes: status and body."""
    return status, {"code": status, "error": True, "errorMessage": message, "errorNum": number}


INDEX = {"type": "persistent", "name": "by_a", "fields": ["a"]}
GRAPH = {"name": "g", "edgeDefinitions": []}

FACTS: dict[str, tuple[str, str, Any, tuple[int, Any]]] = {
    "a database there already": (
        "POST",
        "/_db/_system/_api/database",
        {"name": "cc"},
        error(409, 1207, "duplicate name"),
    ),
    "a database from within another": (
        "POST",
        "/_db/cc/_api/database",
        {"name": "other"},
        error(403, 1230, "operation only allowed in system database"),
    ),
    "an unknown database": (
        "GET",
        "/_db/gone/_api/collection",
        None,
        error(404, 1228, "database not found"),
    ),
    "a collection there already": (
        "POST",
        "/_db/cc/_api/collection",
        {"name": "spans"},
        error(409, 1207, "duplicate name"),
    ),
    "an unknown graph": (
        "GET",
        "/_db/cc/_api/gharial/gone",
        None,
        error(404, 1924, "graph 'gone' not found"),
    ),
    "a document into no collection": (
        "POST",
        "/_db/cc/_api/document/gone",
        [{"_key": "1"}],
        error(404, 1203, "collection or view not found: gone"),
    ),
    "what is no JSON": (
        "POST",
        DOCUMENTS,
        '[{"_key": "1", "x": NaN}]',
        error(400, 600, "VPackError error: Expecting digit"),
    ),
    "a query without its parameter": (
        "POST",
        "/_db/cc/_api/cursor",
        {"query": "RETURN @a"},
        error(400, 1551, "no value specified for declared bind parameter 'a' (while parsing)"),
    ),
    "a query with one too many": (
        "POST",
        "/_db/cc/_api/cursor",
        {"query": "RETURN 1", "bindVars": {"a": 1}},
        error(400, 1552, "bind parameter 'a' was not declared in the query (while parsing)"),
    ),
    "a query with a semicolon": (
        "POST",
        "/_db/cc/_api/cursor",
        {"query": "RETURN 1;"},
        error(400, 1501, "syntax error, unexpected near ';' at position 1:9"),
    ),
    "a name that is nothing": (
        "POST",
        "/_db/cc/_api/cursor",
        {"query": "RETURN gone.x"},
        error(404, 1203, "collection or view not found: gone"),
    ),
    "a keyword for a name": (
        "POST",
        "/_db/cc/_api/cursor",
        {"query": "FOR s IN spans RETURN s.filter"},
        error(400, 1501, "syntax error, unexpected near 'filter' at position 1:25"),
    ),
    "no number of rows": (
        "POST",
        "/_db/cc/_api/cursor",
        {"query": "FOR s IN spans LIMIT @n RETURN s", "bindVars": {"n": None}},
        error(400, 1504, "number out of range (while parsing)"),
    ),
    "AQL beyond the stand-in": (
        "POST",
        "/_db/cc/_api/cursor",
        {"query": "FOR s IN spans RETURN SOUNDEX(s.name)"},
        error(501, 9, "the stand-in does not know the function SOUNDEX"),
    ),
    "a call beyond the stand-in": (
        "GET",
        "/_db/cc/_api/view",
        None,
        error(501, 9, "the stand-in does not know GET view"),
    ),
}


@pytest.mark.parametrize("fact", FACTS)
def test_errors(standin: StandIn, fact: str) -> None:
    """An error has the server's status, number and words."""
    method, path, body, expected = FACTS[fact]
    status, _, _, answer = send(standin, method, path, body)

    assert expected == (status, answer)


def test_an_array_is_answered_item_by_item(standin: StandIn) -> None:
    """An array is accepted whatever is in it; each item has its own result, and a header counts the errors."""
    items = [{"_key": "1"}, {"_key": "no/slash"}, {"_key": 7}, {"_key": "é"}, {"_key": "2"}, ["list"], {"_key": "1"}]
    status, _, headers, answer = send(standin, "POST", DOCUMENTS, items)

    assert (status, headers["x-arango-error-codes"]) == (202, '{"1221":3,"1227":1,"1210":1}')
    assert [one.get("_id", one.get("errorNum")) for one in answer] == [
        "spans/1",
        1221,
        1221,
        1221,
        "spans/2",
        1227,
        1210,
    ]


def test_edges_need_ends_in_form_only(standin: StandIn) -> None:
    """An edge may lead to what is not there; without both ends, or with a malformed one, it is refused."""
    edges = [
        {"_key": "1", "_from": "spans/a", "_to": "nowhere/b"},
        {"_key": "2", "_from": "spans/a"},
        {"_key": "3", "_from": "spans/a", "_to": "no id"},
    ]
    _, _, _, answer = send(standin, "POST", EDGES, edges)

    assert [one.get("_id", one.get("errorNum")) for one in answer] == ["parent_of/1", 1233, 1233]


OVERWRITING: list[tuple[str, dict[str, Any] | int]] = [
    ("overwriteMode=conflict", 1210),
    ("", 1210),
    ("overwriteMode=ignore", {"a": 1, "n": None, "o": {"x": 1}, "v": 5}),
    ("overwriteMode=replace", {"o": {"y": 2}, "n": None, "b": None, "v": 4}),
    ("overwriteMode=update", {"a": 1, "n": None, "o": {"x": 1, "y": 2}, "b": None, "v": 4}),
    ("overwriteMode=update&keepNull=0", {"a": 1, "o": {"x": 1, "y": 2}, "v": 4}),
    ("overwriteMode=update&mergeObjects=0", {"a": 1, "n": None, "o": {"y": 2}, "b": None, "v": 4}),
    ("overwriteMode=replace&versionAttribute=v", {"a": 1, "n": None, "o": {"x": 1}, "v": 5}),
    ("overwriteMode=replace&versionAttribute=other", {"o": {"y": 2}, "n": None, "b": None, "v": 4}),
]


@pytest.mark.parametrize(("parameters", "expected"), OVERWRITING)
def test_overwriting(standin: StandIn, parameters: str, expected: dict[str, Any] | int) -> None:
    """What becomes of a document that is there depends on the mode; an older version changes nothing."""
    send(standin, "POST", DOCUMENTS, {"_key": "1", "a": 1, "n": None, "o": {"x": 1}, "v": 5})
    change = {"_key": "1", "o": {"y": 2}, "n": None, "b": None, "v": 4}
    _, _, _, (answer,) = send(standin, "POST", f"{DOCUMENTS}?{parameters}", [change])
    _, _, _, stored = send(standin, "GET", f"{DOCUMENTS}/1")
    own = {name: value for name, value in stored.items() if not name.startswith("_")}

    assert expected == (answer.get("errorNum") or own)


def test_a_replaced_document_has_a_new_revision(standin: StandIn) -> None:
    """Each write gives a new revision and tells the old one."""
    _, _, _, (first,) = send(standin, "POST", f"{DOCUMENTS}?overwriteMode=replace", [{"_key": "1"}])
    _, _, _, (second,) = send(standin, "POST", f"{DOCUMENTS}?overwriteMode=replace", [{"_key": "1"}])

    assert ({"_id", "_key", "_rev"}, {"_id", "_key", "_rev", "_oldRev"}) == (set(first), set(second))
    assert second["_oldRev"] == first["_rev"] != second["_rev"]


def test_an_index_asked_for_again_is_the_one_that_is_there(standin: StandIn) -> None:
    """The same definition is answered with 200; another one under its name is refused."""
    answers = [
        send(standin, "POST", "/_db/cc/_api/index?collection=spans", index)
        for index in (INDEX, INDEX, {**INDEX, "fields": ["b"]})
    ]

    assert [(status, body.get("isNewlyCreated")) for status, _, _, body in answers] == [
        (201, True),
        (200, False),
        (409, None),
    ]


def test_a_graph_can_be_made_once(standin: StandIn) -> None:
    """The second of two equal graphs is refused as there already."""
    statuses = [send(standin, "POST", "/_db/cc/_api/gharial", GRAPH)[0] for _ in range(2)]

    assert statuses == [202, 409]


def test_two_arrays_that_meet_conflict_item_by_item() -> None:
    """Of writers of one key at one moment one gets through, the others hear 1200 for that item, and only that."""
    with running(StandIn(commit_s=0.2)) as standin, ThreadPoolExecutor(4) as pool:
        send(standin, "POST", "/_db/_system/_api/collection", {"name": "spans"})
        path = "/_db/_system/_api/document/spans?overwriteMode=ignore"

        def write(number: int) -> list[int | str]:
            _, _, _, answer = send(standin, "POST", path, [{"_key": "shared"}, {"_key": f"own-{number}"}])
            return [one.get("errorNum", "stored") for one in answer]

        answers = list(pool.map(write, range(4)))

    assert sorted([["stored", "stored"], *[[1200, "stored"]] * 3], key=str) == sorted(answers, key=str)


def test_a_cursor_is_read_batch_by_batch(standin: StandIn) -> None:
    """The driver gets every row of an answer of several batches, and none after a restart."""
    send(standin, "POST", DOCUMENTS, [{"_key": str(number)} for number in range(5)])
    database = ArangoClient(f"http://{standin.host}").db("cc", standin.user, standin.password)
    query = "FOR s IN spans SORT s._key RETURN s._key"
    rows = list(database.aql.execute(query, batch_size=2))  # type: ignore[arg-type]
    cursor = database.aql.execute(query, batch_size=2)
    standin.restart()

    assert rows == ["0", "1", "2", "3", "4"]
    with pytest.raises(Exception, match="cursor not found"):
        cursor.fetch()  # type: ignore[union-attr]


def test_the_password_is_asked_for(standin: StandIn) -> None:
    """Without the password the answer is 401 with the number 11, before anything is looked at."""
    status, _, headers, body = send(standin, "GET", "/_db/gone/_api/collection", password="wrong")

    assert (status, body["errorNum"], "www-authenticate" in headers) == (401, 11, True)


def test_what_was_committed_survives_a_restart(standin: StandIn) -> None:
    """A restarted server has what it had acknowledged."""
    send(standin, "POST", DOCUMENTS, [{"_key": "1"}])
    standin.restart()

    assert send(standin, "GET", f"{DOCUMENTS}/1")[0] == 200


def test_a_reset_after_the_commit_leaves_the_document(standin: StandIn) -> None:
    """The client cannot tell a lost answer from a lost request; the document is there all the same."""
    standin.fail(faults.Reset(committed=True), times=1)
    standin.fail(faults.Reset(committed=False), times=1)
    for key in ("1", "2"):
        with pytest.raises(ConnectionError):
            send(standin, "POST", DOCUMENTS, [{"_key": key}])

    assert [send(standin, "GET", f"{DOCUMENTS}/{key}")[0] for key in ("1", "2")] == [200, 404]


QUERIES: list[tuple[str, Any]] = [
    ("FOR i IN 1..3 RETURN i * 2", [2, 4, 6]),
    ("FOR i IN 1..0 RETURN i", [1, 0]),
    ("RETURN 1 + 2 * 3 == 7 AND NOT (null > 0) ? 'yes' : 'no'", ["yes"]),
    (
        "FOR v IN [{}, 'b', true, 2, null, [1], 'a', 1, false] SORT v RETURN v",
        [None, False, True, 1, 2, "a", "b", [1], {}],
    ),
    ("FOR v IN [{a: 1, b: 1}, {a: 1, b: 2}, {a: 0}] SORT v.a DESC, v.b DESC RETURN v.b", [2, 1, None]),
    ("FOR v IN [3, 1, 3, 2] COLLECT n = v AGGREGATE c = SUM(1) RETURN [n, c]", [[1, 1], [2, 1], [3, 2]]),
    ("FOR v IN [] COLLECT AGGREGATE n = SUM(v), m = MAX(v) RETURN {n, m}", [{"n": 0, "m": None}]),
    ("FOR v IN [1, 2] COLLECT WITH COUNT INTO n RETURN n", [2]),
    ("LET x = (FOR v IN [1, 2, 3] FILTER v > 1 RETURN v) RETURN [LENGTH(x), FIRST(x), x[-1], x[9]]", [[2, 2, 3, None]]),
    ("RETURN DISTINCT 1", [1]),
    ("FOR v IN [1, 1, 2] RETURN DISTINCT v", [1, 2]),
    ("RETURN CONCAT('a', null, 1, true)", ["a1true"]),
    ("RETURN {['a' ]: null < false, \"b\": 2 IN [1, 2], c: 'x'.y}", [{"a": True, "b": True, "c": None}]),
    ("FOR i IN 1..5 LIMIT 1, 2 RETURN i // from the second", [2, 3]),
    ("RETURN LENGTH(UNION_DISTINCT([1, 2], [2, 3]))", [3]),
    ("RETURN null + 1", [1]),
]


@pytest.mark.parametrize(("query", "expected"), QUERIES)
def test_queries(standin: StandIn, query: str, expected: Any) -> None:
    """AQL means what the manual says, in as much of it as the stand-in knows."""
    _, _, _, answer = send(standin, "POST", "/_db/cc/_api/cursor", {"query": query})

    assert expected == answer.get("result", answer)


def test_a_walk_prunes_after_the_vertex_and_crosses_missing_ones(standin: StandIn) -> None:
    """PRUNE stops below a vertex that is still answered; past a missing one the walk goes on, but begins at none."""
    send(standin, "POST", DOCUMENTS, [{"_key": key} for key in "abd"])
    send(standin, "POST", EDGES, [{"_from": f"spans/{a}", "_to": f"spans/{b}"} for a, b in ("ab", "bc", "cd", "da")])
    walk = "FOR v, e, p IN 0..9 OUTBOUND 'spans/a' parent_of {} OPTIONS {{order: 'bfs', uniqueVertices: 'global'}} "
    whole = send(
        standin, "POST", "/_db/cc/_api/cursor", {"query": walk.format("") + "RETURN [v._key, LENGTH(p.edges)]"}
    )
    pruned = send(standin, "POST", "/_db/cc/_api/cursor", {"query": walk.format("PRUNE v == null") + "RETURN v._key"})

    from_nowhere = walk.format("").replace("spans/a", "spans/c") + "RETURN v"

    assert whole[3]["result"] == [["a", 0], ["b", 1], [None, 2], ["d", 3]]
    assert send(standin, "POST", "/_db/cc/_api/cursor", {"query": from_nowhere})[3]["result"] == []
    assert pruned[3]["result"] == ["a", "b", None]


def test_expired_documents_go_by_the_index(standin: StandIn) -> None:
    """Only where a collection has a TTL index does the server remove documents, once their second has come."""
    index = {"type": "ttl", "fields": ["expire_at"], "expireAfter": 0}
    send(standin, "POST", "/_db/cc/_api/index?collection=spans", index)
    send(
        standin,
        "POST",
        DOCUMENTS,
        [{"_key": "old", "expire_at": 10}, {"_key": "new", "expire_at": 11}, {"_key": "ever"}],
    )
    send(standin, "POST", EDGES, [{"_key": "old", "_from": "a/b", "_to": "a/b", "expire_at": 10}])
    standin.engine.expire(10)
    collections = standin.engine.databases["cc"].collections

    assert {name: list(c.documents) for name, c in collections.items()} == {
        "spans": ["new", "ever"],
        "parent_of": ["old"],
    }


FAULTS: list[tuple[faults.Answer, int]] = [
    (faults.STARTING, 503),
    (faults.STOPPING, 30),
    (faults.QUEUE_FULL, 21003),
    (faults.READ_ONLY, 1004),
]


@pytest.mark.parametrize(("fault", "number"), FAULTS)
def test_faults_on_demand(standin: StandIn, fault: faults.Answer, number: int) -> None:
    """A fault is there until it is healed, for the paths it is asked for."""
    standin.fail(fault, path="/document/")
    faulty = send(standin, "POST", DOCUMENTS, [])[3]
    elsewhere = send(standin, "GET", "/_db/cc/_api/collection/spans/count")[0]
    standin.heal()

    assert (number, 200, 202) == (faulty["errorNum"], elsewhere, send(standin, "POST", DOCUMENTS, [])[0])


def test_what_the_stand_in_cannot_do_fails_the_test() -> None:
    """A bug of the stand-in itself is no server that is down: it is raised when the stand-in stops."""
    with pytest.raises(KeyError, match="collection"), running(StandIn()) as standin, suppress(ConnectionError):
        send(standin, "GET", "/_api/index")
