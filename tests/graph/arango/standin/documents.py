"""How the stand-in inserts, replaces, reads and removes documents."""

import re
from dataclasses import dataclass

from tests.graph.arango.standin.engine import EDGE_TYPE, Collection, Document, Engine, Problem, Transaction, Value

KEY = re.compile(r"[A-Za-z0-9_\-.@()+,=;$!*'%:]{1,254}", re.ASCII)
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*/[A-Za-z0-9_\-.@()+,=;$!*'%:]{1,254}", re.ASCII)
_SYSTEM = ("_key", "_id", "_from", "_to", "_rev")


@dataclass(frozen=True)
class Options:
    """The query parameters of an insert."""

    overwrite_mode: str = "conflict"
    keep_null: bool = True
    merge_objects: bool = True
    version_attribute: str | None = None
    return_new: bool = False
    return_old: bool = False


def insert(engine: Engine, transaction: Transaction, collection: Collection, body: Value, options: Options) -> Document:
    """Insert one document; answer what the server tells about it. Raises Problem."""
    if not isinstance(body, dict):
        raise Problem(400, 1227, "invalid document type")
    key = body.get("_key", engine.next_id())
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise Problem(400, 1221, "illegal document key")
    if collection.type == EDGE_TYPE:
        _check_ends(body)
    transaction.acquire(collection, key)
    old = transaction.get(collection, key)
    if old is None:
        new = _stored(engine, collection, key, body)
    elif options.overwrite_mode == "ignore" or _is_older(old, body, options.version_attribute):
        return _told(old, None, options)
    elif options.overwrite_mode == "replace":
        new = _stored(engine, collection, key, body)
    elif options.overwrite_mode == "update":
        new = _stored(engine, collection, key, merged(old, body, options))
    else:
        raise Problem(
            409,
            1210,
            f"unique constraint violated - in index primary of type primary over '_key'; conflicting key: {key}",
        )
    transaction.put(collection, key, new)
    return _told(new, old, options)


def remove(transaction: Transaction, collection: Collection, key: str) -> Document:
    """Remove one document; answer what the server tells about it. Raises Problem."""
    transaction.acquire(collection, key)
    old = transaction.get(collection, key)
    if old is None:
        raise Problem(404, 1202, "document not found")
    transaction.put(collection, key, None)
    return {"_id": old["_id"], "_key": key, "_rev": old["_rev"]}


def merged(old: Document, changes: Document, options: Options) -> Document:
    """Return the old document with the changes laid over it."""
    result = dict(old)
    for name, value in changes.items():
        if value is None and not options.keep_null:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict) and options.merge_objects:
            result[name] = merged(result[name], value, options)
        else:
            result[name] = value
    return result


def _stored(engine: Engine, collection: Collection, key: str, body: Document) -> Document:
    ends = {name: body[name] for name in ("_from", "_to")} if collection.type == EDGE_TYPE else {}
    own = {name: value for name, value in body.items() if name not in _SYSTEM}
    # The one expression that is known (routes.py), for whatever way the document was written.
    computed = {value["name"]: engine.now_ms() for value in collection.computed}
    return {"_key": key, "_id": f"{collection.name}/{key}", **ends, "_rev": engine.next_revision(), **own, **computed}


def _told(document: Document, old: Document | None, options: Options) -> Document:
    told = {name: document[name] for name in ("_id", "_key", "_rev")}
    if old:
        told["_oldRev"] = old["_rev"]
        if options.return_old:
            told["old"] = old
    if options.return_new:
        told["new"] = document
    return told


def _check_ends(body: Document) -> None:
    for name in ("_from", "_to"):
        end = body.get(name)
        if not isinstance(end, str) or not _ID.fullmatch(end):
            raise Problem(
                400,
                1233,
                "expecting both `_from` and `_to` attributes to be defined in the edge document and have the "
                "format `<collectionName>/<vertexKey>`",
            )


def _is_older(old: Document, new: Document, version_attribute: str | None) -> bool:
    # Only numbers are compared, and whole ones; whatever else stands there is written as without the option.
    versions = [document.get(version_attribute) if version_attribute else None for document in (old, new)]
    if not all(isinstance(version, int | float) and version >= 0 for version in versions):
        return False
    stored, offered = (int(version) for version in versions if version is not None)
    return offered <= stored
