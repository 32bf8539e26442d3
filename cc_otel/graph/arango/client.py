"""
A connection to ArangoDB that gives up in time and says why.

python-arango waits 60 s for an answer and 18 s for a refused connection, and reports a dozen things that can go
wrong as as many kinds of exception (docs/arangodb.md, "When it does not answer"). Here every call has a deadline,
and what goes wrong is one of two: StoreUnavailable, or Missing where the schema has to be made again.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TypeVar, cast

import orjson
from arango.client import ArangoClient
from arango.cursor import Cursor
from arango.database import StandardDatabase
from arango.exceptions import ArangoError, ArangoServerError
from arango.result import Result

from cc_otel.graph.arango.address import Address
from cc_otel.graph.arango.http import Deadline, DeadlineClient
from cc_otel.graph.store import Json, StoreUnavailable

ROWS_PER_FETCH: Final = 1_000
CURSOR_TIME_MAX_S: Final = 300
"""How long the server keeps the rest of an answer for a reader that takes its time."""

DATABASE_MISSING: Final = 1228
COLLECTION_MISSING: Final = 1203
_MISSING: Final = frozenset({DATABASE_MISSING, COLLECTION_MISSING})

T = TypeVar("T")


class Missing(StoreUnavailable):
    """The database, a collection or the graph is not there (any more)."""


class Connection:
    """One user's way to one database and to ``_system``, safe to share between threads, not across a fork."""

    def __init__(self, address: Address, password: str) -> None:
        self._deadline = Deadline()
        self._address = address
        # As many tries as hosts: each is asked once. The default asks a refusing host three times, for 18 s.
        self._client = ArangoClient(
            hosts=list(address.hosts),
            resolver_max_tries=len(address.hosts),
            http_client=DeadlineClient(self._deadline),
            serializer=_to_json,
            deserializer=orjson.loads,
            verify_override=address.certificates,
        )
        # requests encodes them as Latin-1, ArangoDB reads UTF-8: the same bytes, spelt in Latin-1.
        self._user, self._password = (text.encode().decode("latin-1") for text in (address.user, password))
        self.database = self._open(address.database)
        self.system = self._open("_system")

    @property
    def user(self) -> str:
        """The name of the user."""
        return self._address.user

    @contextmanager
    def within(self, time_s: float) -> Iterator[None]:
        """
        Let the calls inside take ``time_s`` together.

        Raises Missing, or StoreUnavailable for everything else that the driver and the server can do wrong.
        """
        with self._deadline.within(time_s):
            try:
                yield
            except ArangoServerError as error:
                raise self._unavailable(error) from error
            except (ArangoError, OSError) as error:
                raise StoreUnavailable(f"no answer from ArangoDB: {self._deadline.trouble or error}") from error
            except (TypeError, ValueError, LookupError) as error:
                # The driver takes apart whatever a proxy in between has said.
                raise StoreUnavailable(
                    f"what answers at {self._address.hosts[0]} is not ArangoDB: {error!r}"
                ) from error

    def remaining_s(self) -> float:
        """Return how much time the calls inside ``within`` have left, s."""
        return self._deadline.remaining_s()

    def run(self, aql: str, parameters: Mapping[str, Json]) -> Cursor:
        """Run an AQL statement, which the server stops when nobody waits for it. Raises what the driver raises."""
        # The driver declares numbers as ``numbers.Number``, which no float is to a type checker.
        execute: Callable[..., Result[Cursor]] = self.database.aql.execute
        return done(
            execute(
                aql,
                bind_vars=parameters,
                batch_size=ROWS_PER_FETCH,
                ttl=CURSOR_TIME_MAX_S,
                max_runtime=self.remaining_s(),
            )
        )

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def _open(self, name: str) -> StandardDatabase:
        # Basic authentication, because the driver does not renew a token that has run out (an hour).
        return self._client.db(name, username=self._user, password=self._password)

    def _unavailable(self, error: ArangoServerError) -> StoreUnavailable:
        if error.error_code in _MISSING:
            return Missing(error.message)
        if error.http_code == 401:
            # A user without rights hears this of a database that does not exist, too.
            return StoreUnavailable(
                f"ArangoDB lets user {self._address.user!r} not into database {self._address.database!r}: "
                "check CC_OTEL_ARANGO_PASSWORD and the user's rights"
            )
        return StoreUnavailable(f"ArangoDB: {error.message}")


def done(result: Result[T]) -> T:
    """Return a call's result. The driver's types allow for its queued and batched calls, which we never make."""
    return cast(T, result)


def _to_json(value: object) -> str:
    # Several times faster than the standard library's; NaN and Infinity, which ArangoDB refuses, become null.
    return orjson.dumps(value).decode()
