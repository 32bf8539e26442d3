"""Events that are posted, as the first dashboard's hooks post them."""

import json
from typing import Any

import pytest

from cc_otel.ui.app import EVENT_BYTES_MAX
from cc_otel.ui.prototype import Received
from tests.ui.conftest import Page

EVENT: dict[str, Any] = {
    "source_app": "test",
    "session_id": "test-123",
    "hook_event_type": "PreToolUse",
    "payload": {"tool_name": "Bash", "tool_input": {"command": "ls"}},
    "timestamp": 1_752_540_318_769,
}


def test_an_event_is_recorded_as_the_hook_would(page: Page) -> None:
    """Session, event and application come from around the payload, the time from the event."""
    answer = page.client().post("/events", json=EVENT)

    assert (answer.status_code, page.recorded) == (
        200,
        [
            Received(
                json.dumps({"session_id": "test-123", "hook_event_name": "PreToolUse", **EVENT["payload"]}).encode(),
                {"CC_OTEL_SOURCE_APP": "test"},
                1_752_540_318_769_000_000,
            )
        ],
    )


@pytest.mark.parametrize(
    ("accepting", "headers", "status"),
    [
        (False, {}, 401),
        (False, {"Authorization": "Bearer wrong"}, 401),
        (True, {}, 200),
        (True, {"Origin": "http://127.0.0.1:8002"}, 401),
        (True, {"Origin": "https://evil.example"}, 403),
        (True, {"Host": "evil.example"}, 403),
        (True, {"Content-Type": "text/plain"}, 415),
    ],
)
def test_who_may_post(page: Page, accepting: bool, headers: dict[str, str], status: int) -> None:
    """Without the token events are taken where --accept-events was given, from programs and never from pages."""
    client = page.client(accept_events=accepting, token=False)
    answer = client.post("/events", content=json.dumps(EVENT), headers={"Content-Type": "application/json"} | headers)

    assert (answer.status_code, len(page.recorded)) == (status, int(status == 200))
    if status == 401:
        assert "--accept-events" in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1]", b'"x"', b"\xff", b"{}", b'{"session_id": "s"}', b'{"hook_event_type": "Stop"}', b"[" * 99_999]
    + [json.dumps(EVENT | more).encode() for more in ({"payload": [1]}, {"session_id": 7}, {"session_id": ""})],
)
def test_what_is_no_event(page: Page, body: bytes) -> None:
    """A body that is no event is refused with the reason, and nothing is recorded."""
    answer = page.client().post("/events", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, bool(answer.json()["error"]), page.recorded) == (400, True, [])


def test_an_event_has_a_limit(page: Page) -> None:
    """More than a megabyte is no event."""
    body = b" " * (EVENT_BYTES_MAX + 1)

    assert page.client().post("/events", content=body, headers={"Content-Type": "application/json"}).status_code == 413


def test_a_time_that_is_none(page: Page) -> None:
    """An event whose time cannot be one happened now."""
    for timestamp in (-1, 0, 1e99, "soon", None, True):
        page.client().post("/events", json=EVENT | {"timestamp": timestamp})

    assert [event.clock_ns for event in page.recorded] == [None] * 6
