"""
What the ArangoDB stand-in keeps: databases, collections, documents; and what two writers of one key do to each other.

Only what python-arango's calls from the product and its tests need, as a 3.12 server was seen to do it.
"""

import time
from dataclasses import dataclass, field
from itertools import count
from threading import RLock
from typing import Any

Value = Any
"""JSON, of whatever shape somebody sent."""

Document = dict[str, Any]

DOCUMENT_TYPE, EDGE_TYPE = 2, 3

_REVISION_DIGITS = "-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Problem(Exception):
    """An error as the server words it: HTTP status, error number, message."""

    def __init__(self, status: int, number: int, message: str) -> None:
        super().__init__(f"{status}/{number} {message}")
        self.status, self.number, self.message = status, number, message

    def body(self) -> Document:
        return {"code": self.status, "error": True, "errorMessage": self.message, "errorNum": self.number}

    def item(self) -> Document:
        return {"error": True, "errorNum": self.number, "errorMessage": self.message}


@dataclass
class Collection:
    name: str
    id: str
    type: int
    wait_for_sync: bool = False
    documents: dict[str, Document] = field(default_factory=dict)
    indexes: list[Document] = field(default_factory=list)
    computed: list[Document] = field(default_factory=list)
    holders: dict[str, "Transaction"] = field(default_factory=dict)


@dataclass
class Database:
    name: str
    options: Document = field(default_factory=dict)
    collections: dict[str, Collection] = field(default_factory=dict)
    graphs: dict[str, Document] = field(default_factory=dict)
    views: dict[str, Document] = field(default_factory=dict)

    def collection(self, name: str) -> Collection:
        links = self.views[name]["links"] if name in self.views else [name]
        found = self.collections.get(next(iter(links)))
        if found is None:
            raise Problem(404, 1203, f"collection or view not found: {name}")
        return found


class Engine:
    """Everything that survives a restart, behind one lock; key locks are held by transactions."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.databases = {"_system": Database("_system")}
        self._ids = count(70_000)
        self._revisions = count(1)
        self.conflicts = 0
        self.extra: Document = {}
        """What the web interface keeps with the user."""

    def now_ms(self) -> int:
        """Return the server's time."""
        return time.time_ns() // 1_000_000

    def next_id(self) -> str:
        return str(next(self._ids))

    def next_revision(self) -> str:
        number, digits = next(self._revisions), ""
        while number:
            number, digit = divmod(number, 64)
            digits = _REVISION_DIGITS[digit] + digits
        return "_" + digits.rjust(7, "A") + "---"

    def database(self, name: str) -> Database:
        found = self.databases.get(name)
        if found is None:
            raise Problem(404, 1228, "database not found")
        return found

    def expire(self, now_s: float) -> None:
        """Remove what the TTL indexes say, as the server's background thread does every 30 s."""
        with self.lock:
            for collection in [c for d in self.databases.values() for c in d.collections.values()]:
                for index in [index for index in collection.indexes if index["type"] == "ttl"]:
                    name, after_s = index["fields"][0], index["expireAfter"]
                    gone = [
                        key
                        for key, document in collection.documents.items()
                        if isinstance(document.get(name), int | float) and document[name] + after_s <= now_s
                    ]
                    for key in gone:
                        del collection.documents[key]


class Transaction:
    """
    The writes of one request: seen by nobody until committed, while their keys are locked.

    A key that another transaction holds is a write-write conflict at once; a real server may wait a second first.
    """

    def __init__(self, engine: Engine, *, everything_held: bool = False) -> None:
        self._engine = engine
        self._everything_held = everything_held
        self.wrote = False
        self._staged: dict[tuple[str, str], tuple[Collection, Document | None]] = {}

    def get(self, collection: Collection, key: str) -> Document | None:
        with self._engine.lock:
            staged = self._staged.get((collection.id, key))
            return staged[1] if staged else collection.documents.get(key)

    def put(self, collection: Collection, key: str, document: Document | None) -> None:
        """Stage a document, or its removal with None; the key must be locked."""
        self._staged[collection.id, key] = (collection, document)
        self.wrote = True

    def acquire(self, collection: Collection, key: str) -> None:
        with self._engine.lock:
            holder = None if self._everything_held else collection.holders.setdefault(key, self)
        if holder is not self:
            self._engine.conflicts += 1
            raise Problem(
                409,
                1200,
                "write-write conflict; operation: insert/remove/update/replace - "
                f"in index primary of type primary over '_key'; conflicting key: {key}",
            )
        # Held until the end even where nothing is staged in the end.
        self._staged.setdefault((collection.id, key), (collection, collection.documents.get(key)))

    def commit(self) -> None:
        with self._engine.lock:
            for (_, key), (collection, document) in self._staged.items():
                if document is None:
                    collection.documents.pop(key, None)
                else:
                    collection.documents[key] = document
            self.abort()

    def abort(self) -> None:
        with self._engine.lock:
            for (_, key), (collection, _) in self._staged.items():
                collection.holders.pop(key, None)
            self._staged.clear()


@dataclass(frozen=True)
class View:
    """What a query sees: a database, through the transaction it runs in."""

    database: Database
    transaction: Transaction

    def collection(self, name: str) -> Collection:
        return self.database.collection(name)

    def documents(self, collection: Collection) -> list[Document]:
        return list(collection.documents.values())

    def document(self, identifier: Value) -> Document | None:
        name, _, key = identifier.partition("/") if isinstance(identifier, str) else ("", "", "")
        collection = self.database.collections.get(name)
        return self.transaction.get(collection, key) if collection else None
