"""The whole agent with a model: spool in, spans with their sentences out."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cc_otel.agent.summary.budget import Allowance
from cc_otel.agent.summary.cache_redis import RedisCache
from cc_otel.agent.summary.process import ModelProcess
from tests.agent.summary.endpoints import Endpoint
from tests.agent.summary.home import (
    BY_RULE,
    MODEL,
    Home,
    Summarising,
    bash,
    event,
    make_summaries,
    told,
    turn,
    wait_for,
)
from tests.agent.summary.redis_up import free_port, redis_up

Homes = Callable[[Summarising | None], Home]


def test_model_writes_for_calls_and_turns(
    tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint
) -> None:
    """A call and its turn get the model's sentences, the instants around them keep their rules'."""
    home = homes(make_summaries(tmp_path, process))

    home.record(*turn("make it pass", bash("pytest -q", "3 failed, 1 passed")))

    assert {name: told(span) for name, span in home.spans(4).items()} == {
        "invoke_agent claude-code": ("Did this: asked: make it pass.", "model", MODEL),
        "execute_tool Bash": ("Did this: tool: Bash.", "model", MODEL),
        "hook PostToolUse": BY_RULE,
        "hook Stop": BY_RULE,
    }


def test_same_content_hits_in_another_session(
    tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint
) -> None:
    """The same call in another session, folder and hour is answered from the cache, and no model is asked."""
    home = homes(make_summaries(tmp_path, process))
    home.record(*bash("pytest /home/u/project/tests", "1 failed in 0.42s, pid 4711, at 2026-01-02T03:04:05Z"))
    first = home.spans(2)["execute_tool Bash"]
    asked = len(endpoint.received)

    elsewhere = {"session": "s2", "call": "t2", "cwd": "/home/you/other"}
    home.record(*bash("pytest /home/you/other/tests", "1 failed in 7s, pid 12, at 2026-03-04T05:06:07Z", **elsewhere))
    spans = home.spans(4)

    assert told(first) == ("Did this: tool: Bash.", "model", MODEL)
    assert told(spans["execute_tool Bash"]) == ("Did this: tool: Bash.", "cache", MODEL)
    assert asked == len(endpoint.received)


def test_turn_is_told_its_calls(tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint) -> None:
    """A turn is asked about with its prompt, its calls' sentences in order, and its last words."""
    home = homes(make_summaries(tmp_path, process))
    first, second = bash("ls", "a"), bash("pwd", "/home/u/project", call="t2")

    prompt, *calls, stop = turn("look around", first, second, last="There is one file.")
    home.record(prompt, *calls)
    home.spans(4)
    home.record(stop)
    home.spans(6)

    assert [item["data"] for item in endpoint.items() if item["kind"] == "turn"] == [
        "asked: look around\ndone:\n- Did this: tool: Bash.\n- Did this: tool: Bash.\nlast words: There is one file."
    ]


def test_session_is_told_its_turns(tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint) -> None:
    """The end of a session gets a sentence about its turns."""
    home = homes(make_summaries(tmp_path, process))
    home.record(event("SessionStart", source="startup", prompt_id=""), *turn("say hello"))
    home.spans(3)

    home.record(event("SessionEnd", reason="logout"))
    spans = home.spans(4)

    assert told(spans["hook SessionEnd"]) == ("Did this: done:.", "model", MODEL)
    assert [item["data"] for item in endpoint.items() if item["kind"] == "session"] == [
        "done:\n- Did this: asked: say hello.\nended: logout"
    ]


def test_subagent_gets_a_sentence(tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint) -> None:
    """A subagent is asked about with its own calls and last words."""
    home = homes(make_summaries(tmp_path, process))
    agent: dict[str, Any] = {"agent_id": "a1", "agent_type": "scout"}
    call: dict[str, Any] = {
        "tool_name": "Agent",
        "tool_use_id": "t0",
        "tool_input": {"subagent_type": "scout", "prompt": "look"},
    }

    home.record(event("UserPromptSubmit", prompt="send a scout"), event("PreToolUse", **call))
    home.record(event("SubagentStart", **agent), *bash("ls", "a", **agent))
    home.record(event("SubagentStop", **agent, last_assistant_message="Found a."))
    home.record(event("PostToolUse", **call, tool_response={"agentId": "a1", "content": []}), event("Stop"))
    spans = home.spans(8)

    assert told(spans["invoke_agent scout"]) == ("Did this: agent: scout.", "model", MODEL)


def test_fallback_in_order(tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint) -> None:
    """Where the first model fails, the second one's sentence is on the span, under its name."""
    home = homes(make_summaries(tmp_path, process, ["openai/fails", "anthropic/claude-haiku-4-5"]))

    home.record(*bash("ls"))

    assert told(home.spans(2)["execute_tool Bash"]) == (
        "Did this: tool: Bash.",
        "model",
        "anthropic/claude-haiku-4-5",
    )


def test_all_failing_leaves_rules(tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint) -> None:
    """Where every model fails, the rule's text is on the span, and the state says what is wrong with each."""
    parts = make_summaries(tmp_path, process, ["openai/refuses", "anthropic/refuses"])
    home = homes(parts)

    home.record(*bash("ls"))
    span = home.spans(2)["execute_tool Bash"]

    assert told(span) == BY_RULE
    said = '{"error": {"message": "Incorrect API key provided: REDACTED.", "type": "authentication_error"}}'
    assert {
        "openai/refuses": "credentials missing or refused: Incorrect API key provided: [redacted:openai-key].",
        "anthropic/refuses": f"credentials missing or refused: {said}",
    } == parts.summariser.state()["troubles"]


def test_hanging_model_holds_nothing_up(
    tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint
) -> None:
    """With a model that does not answer for a minute, a span leaves with its rule's text when its time is out."""
    home = homes(make_summaries(tmp_path, process, ["openai/hangs"], timeout_s=0.5))

    home.record(*bash("ls"))
    home.rounds()
    waiting = home.journal.outbox.waiting(10, 1 << 20)
    span = home.spans(2)["execute_tool Bash"]

    assert len(waiting) == 1
    assert told(span) == BY_RULE
    # The call itself is given up later than the span: it was under way when the span left.
    assert not endpoint.released.is_set()


def test_late_answer_serves_the_next_time(
    tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint
) -> None:
    """What a model says after a span has left is on the next equal one, from the cache."""
    parts = make_summaries(tmp_path, process, ["openai/hangs"], timeout_s=0.3)
    home = homes(parts)
    home.record(*bash("ls"))
    first = told(home.spans(2)["execute_tool Bash"])
    endpoint.released.set()
    wait_for(lambda: parts.parts.cache.stats()[0].sentences > 0)

    home.record(*bash("ls", call="t2"))
    second = told(home.spans(4)["execute_tool Bash"])

    assert first == BY_RULE
    assert second == ("Did this: tool: Bash.", "cache", "openai/hangs")


def test_crash_while_waiting_loses_nothing(
    tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint
) -> None:
    """A span that waited when its agent died has its content and its summary when the next agent has come."""
    dying = homes(make_summaries(tmp_path, process, ["openai/hangs"]))
    dying.record(*bash("ls", "a b c"))
    dying.rounds()
    before = [span.name for span in dying.sent()]

    home = homes(make_summaries(tmp_path, process))
    span = home.spans(2)["execute_tool Bash"]

    assert before == ["hook PostToolUse"]
    assert told(span) == ("Did this: tool: Bash.", "model", MODEL)
    assert json.loads(str(span.attributes["gen_ai.tool.call.result"])) == {"stdout": "a b c", "stderr": ""}


def test_turn_knows_its_calls_after_a_restart(
    tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint
) -> None:
    """A turn that outlives its agent is told with the calls that the first agent saw."""
    prompt, *calls, stop = turn("look", bash("ls", "a"))
    first = homes(make_summaries(tmp_path, process))
    first.record(prompt, *calls)
    first.spans(2)

    second = homes(make_summaries(tmp_path, process))
    second.record(stop)
    second.spans(4)

    assert [item["data"] for item in endpoint.items() if item["kind"] == "turn"] == [
        "asked: look\ndone:\n- Did this: tool: Bash.\nlast words: Done."
    ]


@pytest.mark.parametrize(
    ("allowance", "limit"),
    [
        (Allowance(1.0, 100, 1), "1 calls a minute"),
        (Allowance(1.0, 1, 100), "1 calls a day"),
        (Allowance(0.0000001, 100, 100), "$1e-07 a day"),
    ],
)
def test_rules_serve_after_a_limit(
    allowance: Allowance, limit: str, tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint
) -> None:
    """When a limit is reached rules serve at once, no model is asked, and the state says which limit it is."""
    parts = make_summaries(tmp_path, process, allowance=allowance)
    home = homes(parts)
    home.record(*bash("ls"))
    first = told(home.spans(2)["execute_tool Bash"])
    # The price of a call is known a moment after its sentence.
    wait_for(lambda: parts.summariser.state()["limited"] == limit)

    home.record(*bash("pwd", call="t2"))
    home.rounds()
    second = next(told(span) for span in home.sent() if span.attributes.get("gen_ai.tool.call.id") == "t2")

    assert first == ("Did this: tool: Bash.", "model", MODEL)
    assert second == BY_RULE
    assert len(endpoint.received) == 1


def test_other_machines_sentence_is_used(
    tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint
) -> None:
    """What another machine keeps in Redis is on the span, also where no model can be asked, and as one clean line."""
    port = free_port()
    with redis_up(tmp_path, port):
        url = f"redis://127.0.0.1:{port}/0"
        there = make_summaries(tmp_path, process, remote=RedisCache(url, age_max_s=3600.0, sentences_max=100))
        home = homes(there)
        home.record(*bash("ls"))
        home.spans(2)
        for path in tmp_path.glob("cache.db*"):
            path.unlink()

        nothing = Allowance(usd_per_day=0.0, calls_per_day=0, calls_per_minute=0)
        remote = RedisCache(url, age_max_s=3600.0, sentences_max=100)
        here = homes(make_summaries(tmp_path, process, remote=remote, allowance=nothing))
        here.record(*bash("ls", call="t2"))
        span = here.spans(4)["execute_tool Bash"]

    assert told(span) == ("Did this: tool: Bash.", "cache", MODEL)
    assert len(endpoint.received) == 1


def test_broken_cache_holds_nothing_up(tmp_path: Path, homes: Homes, process: ModelProcess, endpoint: Endpoint) -> None:
    """With a cache that cannot be read any more, rules write, and the state says why."""
    parts = make_summaries(tmp_path, process)
    home = homes(parts)
    with sqlite3.connect(tmp_path / "cache.db") as db:
        db.execute("DROP TABLE sentences")

    home.record(*bash("ls"))

    assert told(home.spans(2)["execute_tool Bash"]) == BY_RULE
    assert parts.summariser.state()["cache_trouble"].endswith("no such table: sentences")
