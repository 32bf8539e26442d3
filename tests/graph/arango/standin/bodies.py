"""How a 3.12 server describes itself, collections, indexes and graphs."""

from typing import Any

from tests.graph.arango.standin.engine import Collection, Document, Problem, Value

VERSION = "3.12.10"

_INVERTED = {
    "analyzer": "identity",
    "cleanupIntervalStep": 2,
    "commitIntervalMsec": 1000,
    "consolidationIntervalMsec": 5000,
    "consolidationPolicy": {
        "type": "tier",
        "segmentsBytesMax": 8589934592,
        "maxSkewThreshold": 0.4,
        "minDeletionRatio": 0.5,
    },
    "features": ["frequency", "norm"],
    "includeAllFields": False,
    "optimizeTopK": [],
    "primarySort": {"fields": [], "compression": "lz4"},
    "searchField": False,
    "sparse": True,
    "storedValues": [],
    "trackListPositions": False,
    "unique": False,
    "version": 1,
    "writebufferActive": 0,
    "writebufferIdle": 64,
    "writebufferSizeMax": 33554432,
}


def version() -> Document:
    """Answer what server this is."""
    return {
        "server": "arango",
        "license": "enterprise",
        "version": VERSION,
        "apiVersions": ["v0"],
        "deprecatedApiVersions": [],
        "requestedApiVersion": "v0",
    }


def listed(collection: Collection) -> Document:
    """Return a collection as lists have it."""
    return {
        "id": collection.id,
        "name": collection.name,
        "status": 3,
        "type": collection.type,
        "isSystem": collection.name.startswith("_"),
        "globallyUniqueId": collection.name if collection.name.startswith("_") else f"hStandIn/{collection.id}",
    }


def properties(collection: Collection) -> Document:
    """Return a collection with everything about it."""
    return {
        "writeConcern": 1,
        "waitForSync": collection.wait_for_sync,
        "usesRevisionsAsDocumentIds": True,
        "syncByRevision": True,
        "supportsRBAC": True,
        "statusString": "loaded",
        "isSmartChild": False,
        "schema": None,
        "cacheEnabled": False,
        "internalValidatorType": 0,
        "keyOptions": {"allowUserKeys": True, "type": "traditional", "lastValue": 0},
        "computedValues": collection.computed or None,
        "objectId": str(int(collection.id) + 1),
        **listed(collection),
    }


def built_in(collection: str, number: int, kind: str, fields: list[str], *, unique: bool) -> Document:
    """Return an index that every collection, or every edge collection, has."""
    return {
        "fields": fields,
        "id": f"{collection}/{number}",
        "name": kind,
        "selectivityEstimate": 1,
        "sparse": False,
        "type": kind,
        "unique": unique,
    }


def index_of(wanted: Document, identifier: str) -> Document:
    """Return an index as it was asked for, with what the server adds."""
    common: dict[str, Any] = {"id": identifier, "type": wanted["type"]}
    common["name"] = wanted.get("name") or f"idx_{identifier.partition('/')[2]}"
    match wanted["type"]:
        case "persistent":
            return {
                "cacheEnabled": False,
                "deduplicate": True,
                "estimates": True,
                "fields": wanted["fields"],
                "selectivityEstimate": 1,
                "sparse": wanted.get("sparse", False),
                "unique": wanted.get("unique", False),
                **common,
            }
        case "ttl":
            own = {"estimates": False, "sparse": True, "unique": False}
            return {**own, "expireAfter": wanted["expireAfter"], "fields": wanted["fields"], **common}
        case "inverted":
            return {**_INVERTED, "fields": [_inverted_field(one) for one in wanted["fields"]], **common}
        case other:
            raise Problem(501, 9, f"the stand-in does not know {other} indexes")


def _inverted_field(wanted: Value) -> Document:
    if isinstance(wanted, str):
        return {"name": wanted}
    return {"features": ["frequency", "position", "norm"], **wanted}


def graph_body(graph: Document) -> Document:
    """Return a named graph."""
    name = graph["name"]
    return {
        "_key": name,
        "_id": f"_graphs/{name}",
        "_rev": graph["_rev"],
        "edgeDefinitions": graph["edgeDefinitions"],
        "orphanCollections": graph["orphanCollections"],
        "name": name,
    }
