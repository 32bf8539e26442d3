"""Which sessions are those of a folder: the one they were started in, or one below it."""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

from cc_otel.graph.store import GraphStore, Query
from cc_otel.view.sessions import DOCTOR_SESSION
from cc_otel.view.trees import TreeSpan

NEWEST_MAX: Final = 50
"""So many sessions are looked at, those that were active last."""


class FolderSessions:
    """The sessions of one folder, found as they are heard of."""

    def __init__(self, folder: str) -> None:
        self._folder = PurePath(folder)
        self._folders: dict[str, str | None] = {}

    def learn(self, store: GraphStore) -> None:
        """
        Look where the newest sessions were started.

        Raises:
            StoreUnavailable: the store cannot answer.

        """
        for row in store.query(Query("sessions", {"limit": NEWEST_MAX})):
            folder = row["folder"]
            if isinstance(folder, str):
                self._folders[str(row["session_id"])] = folder

    def learn_open(self, spans: Iterable[TreeSpan]) -> None:
        """Look where sessions of open spans work; what the store says of a session is better known."""
        for span in spans:
            if span.session_id and span.folder:
                self._folders.setdefault(span.session_id, span.folder)

    def knows(self, session_id: str) -> bool:
        """Whether it was found out where a session works."""
        return session_id in self._folders

    def has(self, session_id: str) -> bool:
        """Whether a session is one of this folder; doctor's never is."""
        folder = self._folders.get(session_id)
        if folder is None or session_id == DOCTOR_SESSION:
            return False
        return PurePath(folder) == self._folder or self._folder in PurePath(folder).parents
