"""Secrets stay here: in whatever field they come, they reach no model, no cache, no span and no log."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from cc_otel.agent.summary.process import ModelProcess
from tests.agent.summary.endpoints import Endpoint
from tests.agent.summary.home import Home, Summarising, bash, event, make_summaries, turn
from tests.agent.summary.planted import PLANTED, shown

Homes = Callable[[Summarising | None], Home]


def events_with(secret: str, number: int) -> list[dict[str, object]]:
    """Return a turn that has the secret in its prompt, a command, an output, a file, a URL, an error and its end."""
    session = f"s{number}"
    write = {"tool_name": "Edit", "tool_use_id": f"w{number}", "tool_input": {"file_path": "/a", "new_string": secret}}
    fetch = {"tool_name": "WebFetch", "tool_use_id": f"f{number}", "tool_input": {"url": f"https://h/p?token={secret}"}}
    return turn(
        f"use {secret} here",
        bash(f"echo {secret} | tee log", f"line\n{secret}\n", session=session, call=f"b{number}"),
        [event("PreToolUse", session, **write), event("PostToolUse", session, **write, tool_response={"ok": secret})],
        [event("PreToolUse", session, **fetch), event("PostToolUseFailure", session, **fetch, error=f"no {secret}")],
        last=f"It was {secret}.",
        session=session,
    )


def test_no_secret_leaves(
    tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Twenty kinds of secrets in every place of a turn reach neither the model, the cache, the spans nor the log."""
    caplog.set_level(logging.DEBUG)
    home = homes(make_summaries(tmp_path, process))
    for number, kind in enumerate(PLANTED):
        home.record(*events_with(shown(kind), number))
    home.spans(8 * len(PLANTED))
    sent = b"".join(parcel.span for parcel in home.journal.outbox.waiting(10_000, 1 << 30))
    home.stop.set()

    places = {
        "model": "".join(received.body for received in endpoint.received).encode(),
        "cache": b"".join(path.read_bytes() for path in tmp_path.glob("cache.db*")),
        "journal": b"".join(path.read_bytes() for path in tmp_path.glob("journal.db*")),
        "spans": sent,
        "log": caplog.text.encode(),
    }

    assert len(endpoint.items()) >= 4 * len(PLANTED) / 2
    assert [
        (kind, place)
        for kind, secret in PLANTED.items()
        for place, data in places.items()
        if secret.encode() in data or json.dumps(secret)[1:-1].encode() in data
    ] == []


def test_secret_that_a_model_writes_is_taken_out(
    tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint
) -> None:
    """A sentence that holds a secret, wherever the model has it from, is redacted before it is kept or shown."""
    secret = PLANTED["GitHub token"]
    endpoint.write = lambda items: json.dumps(
        {"summaries": [{"id": item["id"], "text": f"Pushed with {secret}."} for item in items]}
    )
    home = homes(make_summaries(tmp_path, process))
    home.record(*bash("git push"))
    span = home.spans(2)["execute_tool Bash"]

    assert span.attributes["cc_otel.summary"] == "Pushed with [redacted:github-token]."
    assert secret.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("cache.db*"))
