"""
The stand-in answers as a real ArangoDB 3.12 server was recorded to, pair by pair, for the calls that we make.

The recordings are not part of the project; where they are not beside it, test_arango_standin.py has the facts that
matter.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.graph.arango.standin.client import send
from tests.graph.arango.standin.server import StandIn, running

RECORDINGS = Path(__file__).parents[4] / "shared" / "arango-wire" / "wire_golden_312.jsonl"

PRODUCTS = ("POST", "/_api/collection", {"name": "products"})
SYNCED = ("POST", "/_api/collection", {"name": "products", "waitForSync": True})
EDGES = {"collection": "relation", "from": ["female", "male"], "to": ["female", "male"]}
SOCIAL = ("POST", "/_api/gharial", {"name": "social", "edgeDefinitions": [EDGES]})
MY_EDGES = {"collection": "edges", "from": ["startNodes"], "to": ["endNodes"]}
MY_GRAPH = ("POST", "/_api/gharial", {"name": "myGraph", "edgeDefinitions": [MY_EDGES]})

Call = tuple[str, str, Any]


def document(key: str, **more: Any) -> Call:
    """Return the call that stores a document."""
    return ("POST", "/_api/document/products", {"_key": key, **more})


FIVE = [document(f"{number}", hello="world") for number in range(1, 6)]

CASES: Mapping[str, list[Call]] = {
    "RestVersion_single": [],
    "RestDatabaseGet_single": [],
    "RestDatabaseCreate_single": [],
    "RestDatabaseDrop_single": [("POST", "/_db/_system/_api/database", {"name": "example"})],
    "RestCollectionCreateCollection_single": [],
    "RestCollectionGetAllCollections_single": [PRODUCTS],
    "RestCollectionGetCollectionCount_single": [SYNCED],
    "RestCollectionGetCollectionName_single": [SYNCED],
    "RestCollectionDeleteCollectionName_single": [("POST", "/_api/collection", {"name": "products1"})],
    "RestIndexCreateNewPersistent_single": [PRODUCTS],
    "RestIndexCreateSparsePersistent_single": [PRODUCTS],
    "RestIndexCreateNewTtlIndex_single": [("POST", "/_api/collection", {"name": "sessions"})],
    "RestIndexCreateNewInverted_single": [PRODUCTS],
    "RestIndexAllIndexes_single": [
        PRODUCTS,
        ("POST", "/_api/index?collection=products", {"type": "persistent", "fields": ["name"]}),
        ("POST", "/_api/index?collection=products", {"type": "persistent", "fields": ["price"], "sparse": True}),
    ],
    "HttpGharialCreate_single": [],
    "HttpGharialGetGraph_single": [MY_GRAPH],
    "HttpGharialList_single": [SOCIAL],
    "HttpGharialAddEdgeCol_single": [SOCIAL],
    "HttpGharialReplaceEdgeCol_single": [SOCIAL],
    "RestDocumentHandlerPostAccept1_single": [PRODUCTS],
    "RestDocumentHandlerPostBadJson1_single": [PRODUCTS],
    "RestDocumentHandlerPostBadJsonMulti_single": [PRODUCTS],
    "RestDocumentHandlerPostCreate1_single": [SYNCED],
    "RestDocumentHandlerPostMulti1_single": [PRODUCTS],
    "RestDocumentHandlerPostMulti2_single": [PRODUCTS],
    "RestDocumentHandlerPostOverwrite_single": [SYNCED],
    "RestDocumentHandlerPostReturnNew_single": [PRODUCTS],
    "RestDocumentHandlerPostUnknownCollection1_single": [],
    "RestDocumentHandlerPostWait1_single": [PRODUCTS],
    "RestDocumentHandlerReadDocument_single": [PRODUCTS, document("70477", hello="world")],
    "RestDocumentHandlerReadDocumentUnknownHandle_single": [PRODUCTS],
    "RestDocumentHandlerReadMultiDocument_single": [
        PRODUCTS,
        document("doc1", hello="world"),
        document("doc2", say="hi to mom"),
    ],
    "RestDocumentHandlerDeleteDocument_single": [PRODUCTS, document("70750")],
    "RestDocumentHandlerDeleteDocumentUnknownHandle_single": [PRODUCTS],
    "RestDocumentHandlerDeleteDocumentKeyMulti_single": [PRODUCTS, document("1"), document("2")],
    "RestDocumentHandlerDeleteDocumentUnknownMulti_single": [PRODUCTS],
    "RestCursorCreateCursorForLimitReturn_single": [PRODUCTS, *FIVE],
    "RestCursorCreateCursorForLimitReturnSingle_single": [PRODUCTS, *FIVE],
    "RestCursorCreateCursorMissingBody_single": [],
    "RestCursorCreateCursorUnknownCollection_single": [],
    "RestCursorDeleteIgnore_single": [PRODUCTS],
    "RestCursorDeleteQuery_single": [PRODUCTS, *FIVE[:2]],
    "RestCursorDeleteQueryFail_single": [PRODUCTS],
    "RestCursorDelete_single": [PRODUCTS, *FIVE],
    "RestCursorPostBatch_single": [PRODUCTS, *FIVE],
    "RestCursorPostInvalidCursorIdentifier_single": [],
}

# What differs from server to server and from run to run, by the name it stands under.
VOLATILE = frozenset(
    "id _id _key _rev _oldRev globallyUniqueId objectId lastValue count selectivityEstimate scannedFull scannedIndex "
    "executionTime peakMemoryUsage cursorsCreated hello hello1 hello2 hello3 hello4 hello5".split()
)
VOLATILE_HEADERS = frozenset({"content-length", "location"})


@cache
def recorded() -> Mapping[str, list[dict[str, Any]]]:
    """Return the recordings by name, in the order of their steps."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in RECORDINGS.read_text().splitlines():
        pair = json.loads(line)
        found.setdefault(pair["name"], []).append(pair)
    return found


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """Return a stand-in of its own."""
    with running(StandIn()) as standin:
        yield standin


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings of a real server are not beside the project")
@pytest.mark.parametrize("name", CASES)
def test_the_stand_in_answers_as_recorded(standin: StandIn, name: str) -> None:
    """Status, reason, headers and the shape of the body are those of the real server, and so are error bodies."""
    for call in CASES[name]:
        send(standin, *call)
    cursor_id = "0"
    answers = []
    for pair in recorded()[name]:
        request = pair["request"]
        path = re.sub(r"(?<=/cursor/)\d+", cursor_id, request["path"])
        answer = send(standin, request["method"], path, request["body"])
        body = answer[3]
        cursor_id = body.get("id", cursor_id) if isinstance(body, dict) else cursor_id
        answers.append(plain(*answer))

    expected = [plain(pair["status"], pair["reason"], pair["headers"], pair["body"]) for pair in recorded()[name]]
    assert expected == answers


def plain(status: int, reason: str, headers: Mapping[str, str], body: Any) -> dict[str, Any]:
    """Answer what is the same on every server: values that differ are only there, or not."""
    kept = {name: "" if name in VOLATILE_HEADERS else re.sub(r"_\w[\w-]+", "<rev>", headers[name]) for name in headers}
    return {"status": status, "reason": reason, "headers": kept, "body": without_volatile(body)}


def without_volatile(value: Any, name: str = "") -> Any:
    """Return a body with its volatile values, or the names of what was generated, made equal."""
    if name == "identifiers":
        return [without_volatile(one) for one in value.values()]
    if name == "result" and isinstance(value, list) and any("globallyUniqueId" in str(one) for one in value):
        # A list of collections: what each looks like, and that there are system ones and others.
        return sorted({json.dumps({**one, "name": "", "id": "", "globallyUniqueId": ""}) for one in value})
    if isinstance(value, dict):
        return {key: without_volatile(one, key) for key, one in value.items() if not key.startswith("hello")}
    if isinstance(value, list):
        # A list of graphs or documents is as long as what was there.
        return [without_volatile(one) for one in (value[:1] if name == "graphs" else value)]
    if name in VOLATILE:
        return type(value).__name__ if isinstance(value, str) else "number"
    if isinstance(value, str):
        value = re.sub(r" \[node #\d+: \w+\]", "", value)
        value = re.sub(r"^VPackError error: .*", "VPackError error: …", value)
        return re.sub(r"^idx_\d+$", "idx_…", value)
    return value
