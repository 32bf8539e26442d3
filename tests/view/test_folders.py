"""Which sessions are a folder's."""

from pathlib import Path

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.view.folders import FolderSessions
from cc_otel.view.sessions import DOCTOR_SESSION
from tests.graph.made import span
from tests.view.made import tree_span


def test_sessions_of_a_folder_and_below(tmp_path: Path) -> None:
    """A session is a folder's if it was started there or below, whatever folder a later call works in."""
    started = {"session-a": "/work/app", "session-b": "/work/app/docs", "session-c": "/work/apple", "session-d": None}
    store = SqliteStore(tmp_path / "graph.db")
    for number, (session, folder) in enumerate(started.items(), 1):
        where = {"cc_otel.hook.event": "SessionStart"} | ({"process.working_directory": folder} if folder else {})
        store.write(mapping.of([span(number, "session startup", session=session, attributes=where)]))
    sessions = FolderSessions("/work/app")
    sessions.learn(store)
    store.close()
    opened = {"session-c": "/work/app", "session-e": "/work/app", DOCTOR_SESSION: "/work/app"}
    sessions.learn_open(tree_span(1, session_id=it, folder=folder) for it, folder in opened.items())

    assert {it for it in (*started, *opened) if sessions.has(it)} == {"session-a", "session-b", "session-e"}
    assert not sessions.knows("session-d")
