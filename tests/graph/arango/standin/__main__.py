"""
The stand-in in a process of its own: ``python -m tests.graph.arango.standin [--instant]``.

It prints the store's address and runs until it is terminated. With ``--instant`` it keeps no documents and answers
at once, so that what is measured is whoever writes.
"""

import sys
from threading import Event

import orjson

from tests.graph.arango.standin.engine import Collection, Document, Transaction
from tests.graph.arango.standin.faults import Answer
from tests.graph.arango.standin.routes import Request, Routes
from tests.graph.arango.standin.server import StandIn


class InstantRoutes(Routes):
    """Routes that say a document is stored and forget it."""

    def insert(self, request: Request, collection: Collection, transaction: Transaction) -> Answer:
        """Answer as the server does for documents that were not there."""
        told: list[Document] = [
            {"_id": f"{collection.name}/{body['_key']}", "_key": body["_key"], "_rev": "_l6zhVTW---"}
            for body in orjson.loads(request.body)
        ]
        return Answer(201, told)


def main() -> None:
    """Run until terminated."""
    standin = StandIn(routes=InstantRoutes if "--instant" in sys.argv[1:] else Routes)
    standin.start()
    sys.stdout.write(f"{standin.url}\n")
    sys.stdout.flush()
    Event().wait()


main()
