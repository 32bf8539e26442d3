"""Live: what a socket is sent, and when."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from cc_otel.graph.mapping import mapping
from cc_otel.graph.store import GraphStore
from cc_otel.ui import stream
from cc_otel.ui.stream import WAITING_ROWS_MAX, Hub, Listener, Socket, serve_stream
from cc_otel.view.live import LiveFeed, News
from tests.graph.made import span, span_id, turn
from tests.ui.conftest import TOKEN, WS, Opened, Page
from tests.view.made import tree_span


def of_kind(socket: WebSocketTestSession, kind: str) -> dict[str, Any]:
    """Return the next message of a kind."""
    while True:
        message: dict[str, Any] = socket.receive_json()
        if message["type"] == kind:
            return message


@contextmanager
def begun(client: TestClient, path: str = "/stream", **more: str) -> Iterator[WebSocketTestSession]:
    """Open a socket, and send its first message."""
    with client.websocket_connect(WS + path) as socket:
        socket.send_json({"token": TOKEN, **more})
        yield socket


def numbers(message: dict[str, Any]) -> list[int]:
    """Return the numbers of a message's spans."""
    return sorted(int(row["span_id"], 16) for row in message["rows"])


def test_a_span_that_is_stored_is_sent(page: Page) -> None:
    """What is stored after a client has come is sent to it; what was there before is not."""
    with page.client() as client, begun(client) as socket:
        hello = socket.receive_json()
        page.store.write(mapping.of([span(50)]))
        message = of_kind(socket, "spans")

        assert (hello["type"], hello["seq"], numbers(message)) == ("hello", 1, [50])
        assert message["id"] != hello["id"]


def test_nothing_is_lost_and_nothing_doubled_over_a_restart(page: Page) -> None:
    """A client that comes back with the place it knows is sent what it missed, once, also by another server."""
    with page.client() as client, begun(client) as socket:
        socket.receive_json()
        page.store.write(mapping.of([span(50)]))
        known = of_kind(socket, "spans")["id"]
    page.store.write(mapping.of([span(51), span(52)]))
    with page.client() as client, begun(client, after=known) as socket:
        missed = of_kind(socket, "spans")
        page.store.write(mapping.of([span(53)]))

        assert (numbers(missed), numbers(of_kind(socket, "spans"))) == ([51, 52], [53])


@pytest.mark.parametrize("after", ["nonsense", "1:x", "[]", "{}"])
def test_a_place_that_is_none(page: Page, after: str) -> None:
    """A client that comes with a place of another store reads everything again."""
    with page.client() as client, begun(client, after=after) as socket:
        assert of_kind(socket, "reset")["seq"] == 2


def test_who_missed_much_reads_everything_again(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number of missed spans the client is to ask again: that is less work."""
    monkeypatch.setattr(stream, "MISSED_ROWS_MAX", 2)
    with page.client() as client, begun(client) as socket:
        known = socket.receive_json()["id"]
    page.store.write(mapping.of([span(number) for number in range(50, 60)]))
    with page.client() as client, begun(client, after=known) as socket:
        assert of_kind(socket, "reset")


def test_what_is_open_is_sent_when_it_changes(page: Page) -> None:
    """All open spans are sent at first, and again when they are others."""
    page.opened.spans = [tree_span(1, open=True)]
    with page.client() as client, begun(client) as socket:
        first = of_kind(socket, "open")
        page.opened.spans = []

        assert ([row["span_id"] for row in first["rows"]], of_kind(socket, "open")["rows"]) == (["s1"], [])


@pytest.mark.parametrize("message", ['{"token": "wrong"}', "{}", "[]", "no json", '{"token": null}'])
@pytest.mark.parametrize("path", ["/stream", "/ws"])
def test_the_first_message_has_the_token(page: Page, path: str, message: str) -> None:
    """A socket without the token is closed, with the reason, before anything is sent."""
    with page.client() as client, client.websocket_connect(WS + path) as socket:
        socket.send_text(message)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()

        assert (closed.value.code, "cc-otel ui" in closed.value.reason) == (1008, True)


def test_the_messages_of_the_first_dashboard(page: Page) -> None:
    """A client of the first dashboard is sent the newest events, then each event once, as it begins."""
    with page.client() as client, begun(client, "/ws") as socket:
        initial = socket.receive_json()
        page.opened.spans = [tree_span(60, kind="tool", tool="Bash", span_id=span_id(60), open=True)]
        begins = socket.receive_json()
        page.opened.spans = []
        page.store.write(mapping.of([turn(61)]))
        ends = socket.receive_json()

        assert (initial["type"], len(initial["data"])) == ("initial", 10)
        assert [it["type"] for it in (begins, ends)] == ["event", "event"]
        assert [it["data"]["hook_event_type"] for it in (begins, ends)] == ["PreToolUse", "UserPromptSubmit"]
        assert set(ends["data"]) == {
            *("id", "source_app", "session_id", "hook_event_type", "payload", "summary", "timestamp")
        }


def test_a_store_that_goes_away_is_said_and_so_is_its_return(page: Page) -> None:
    """Trouble is sent when it begins and when it ends, and the socket stays."""

    class Broken(Opened):
        broken = False

        def read(self, now_ms: float) -> Any:
            from cc_otel.journal.database import JournalUnavailable  # noqa: PLC0415 - here alone

            if self.broken:
                raise JournalUnavailable("gone")
            return ()

    page.opened = opened = Broken()
    with page.client() as client, begun(client) as socket:
        socket.receive_json()
        opened.broken = True
        away = of_kind(socket, "store")
        opened.broken = False

        assert (away["trouble"], of_kind(socket, "store")["trouble"]) == ("gone", "")


def test_changes_of_one_span_are_sent_once() -> None:
    """What waits for a client is each span as it is now."""
    listener = Listener()
    for label in ("a", "b"):
        listener.offer(News([{"trace_id": "t", "span_id": "s", "label": label}], None, _cursor("1"), ""), None)

    assert listener.take() == ([{"trace_id": "t", "span_id": "s", "label": "b"}], None, None)
    assert listener.take() == ([], None, None)


def _cursor(text: str) -> Any:
    return text


class _Slow(Socket):
    """A client's socket that notes what it is sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.dropped = ""

    async def send_plain(self, message: Any) -> None:
        self.sent.append(message)

    async def send(self, kind: str, **fields: Any) -> None:
        self.sent.append({"type": kind, **fields})

    async def drop(self, reason: str) -> None:
        self.dropped = reason


def test_who_is_too_slow_is_dropped_with_a_reason(page: Page) -> None:
    """A client for which too much waits is dropped, and what waited for it is forgotten."""
    import asyncio  # noqa: PLC0415 - here alone

    async def scene(store: GraphStore) -> _Slow:
        hub, socket = Hub(store, LiveFeed(store, Opened())), _Slow()
        hub._offer(LiveFeed(store, Opened()).look(0))
        serving = asyncio.create_task(serve_stream(socket, hub, ""))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        rows = [{"trace_id": "t", "span_id": str(number)} for number in range(WAITING_ROWS_MAX + 1)]
        hub._offer(News(rows, None, _cursor("1"), ""))
        await asyncio.wait_for(serving, 10)
        return socket

    assert asyncio.run(scene(page.store)).dropped.startswith("too slow: more than")
