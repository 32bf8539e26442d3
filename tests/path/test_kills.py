"""Killed at any moment, the agent delivers every event's span exactly once by id, with the same bytes each time."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import pytest

from tests.agent.test_pipeline import Workshop
from tests.otlp.receivers import grpc_receiver, spans_in
from tests.path.processes import CLEAN, cc_otel, record, recorded

KILLS: Final = int(os.environ.get("CC_OTEL_TEST_KILLS", "16"))
"""How many kills, over all runs; ``.ci/run`` asks for 200."""

EVENTS: Final = 300
KILLS_A_RUN: Final = 8


@pytest.mark.parametrize("seed", range(max(KILLS // KILLS_A_RUN, 1)))
def test_every_span_arrives_exactly_once(tmp_path: Path, seed: int) -> None:
    """Killed with SIGKILL while it starts, takes in, assembles or sends, the agent loses and doubles nothing."""
    chance = random.Random(seed)
    home = tmp_path / "h"
    events = _sessions(EVENTS)
    with grpc_receiver() as receiver:
        endpoint = f"http://127.0.0.1:{receiver.port}"
        client = threading.Thread(target=_record_all, args=(home, events))
        client.start()
        for _ in range(KILLS_A_RUN):
            _run_and_kill(home, endpoint, chance.uniform(0.2, 1.5))
        client.join()
        done = cc_otel("flush", "--home", home, "--exporter-otlp-endpoint", endpoint, "--timeout", "120")

    assert done.returncode == 0, done.stderr.decode()
    copies: dict[bytes, set[bytes]] = defaultdict(set)
    for request in receiver.requests:
        for span in spans_in(request):
            copies[span.span_id].add(span.SerializeToString(deterministic=True))
    assert len(copies) == _undisturbed(tmp_path / "undisturbed", events)
    assert {len(encodings) for encodings in copies.values()} == {1}


def _undisturbed(home: Path, events: list[dict[str, Any]]) -> int:
    """Return how many spans the events are: a call that only its batch names has one, too."""
    workshop = Workshop(home)
    for event in events:
        workshop.record(event["payload"], **event["env"])
    workshop.settle(100_000)
    return len({span.span_id for span in workshop.encoded()})


def _record_all(home: Path, events: list[dict[str, Any]]) -> None:
    for event in events:
        record(home, event["payload"], event["env"])


def _run_and_kill(home: Path, endpoint: str, after_s: float) -> None:
    command = [sys.executable, "-m", "cc_otel", "agent", "--home", str(home), "--exporter-otlp-endpoint", endpoint]
    agent = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=CLEAN)
    time.sleep(after_s)
    agent.send_signal(signal.SIGKILL)
    agent.wait()


def _sessions(count: int) -> list[dict[str, Any]]:
    """Return whole recorded sessions under ids of their own, at least that many events."""
    events: list[dict[str, Any]] = []
    names = ("basic", "subagent", "mcp", "parallel", "denied")
    for number in range(count):
        if len(events) >= count:
            break
        for event in recorded(names[number % len(names)]):
            known_as = event["payload"]["session_id"]
            payload = json.loads(json.dumps(event["payload"]).replace(known_as, f"{number}-{known_as}"))
            events.append({"payload": payload, "env": event["env"]})
    return events
