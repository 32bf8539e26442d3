"""What the real client asks a person at a terminal before it runs a tool, and what it decides by itself."""

from typing import Any, Final

import pytest

from tests.client.script import PLAN_FILE, agent, bash, calls, says, tool
from tests.client.terminal import DOWN, ENTER, ESCAPE, TAB, THINKING_S, at_prompt
from tests.client.trees import golden
from tests.client.world import World

pytestmark = pytest.mark.stack

MANUAL: Final = ("--permission-mode", "default")
SCRIPT: Final = {"prompt 1": [calls(bash("asks", "touch here; sleep 0.2")), says("one")], "prompt 2": [says("two")]}


def tools(world: World) -> list[dict[str, Any]]:
    """Return the spans of the calls."""
    return [it for it in world.spans() if it["kind"] == "tool"]


def test_waiting_is_told_from_running(world: World) -> None:
    """A call that a person granted holds the wait for them, and says how long that was and how long it ran."""
    with at_prompt(world, SCRIPT, *MANUAL) as person:
        person.is_asked()
        person.types("1")
        world.wait_for("Stop")
        person.leaves()

    assert world.tree() == golden("waiting_is_told_from_running")
    [tool_span] = tools(world)
    [wait] = [it for it in world.spans() if it["name"] == "hook PermissionRequest"]
    [ran_ms] = [it["duration_ms"] for it in world.fired() if it["hook_event_name"] == "PostToolUse"]
    wait_ms = tool_span["attributes"]["cc_otel_tool_wait_ms"]

    assert ran_ms == tool_span["attributes"]["cc_otel_tool_execution_ms"]
    assert round(wait_ms) == round(wait["end_ms"] - wait["start_ms"])
    assert round(tool_span["end_ms"] - wait["end_ms"]) == ran_ms
    assert wait_ms >= THINKING_S * 1000


@pytest.mark.parametrize("answer", ["4", ESCAPE], ids=["no", "Esc"])
def test_a_person_who_says_no_interrupts(world: World, answer: str) -> None:
    """A plain "No" is Esc: the client tells no event, and waits for another prompt; the call did not fail."""
    with at_prompt(world, SCRIPT, *MANUAL) as person:
        person.is_asked()
        person.types(answer)
        person.sees("Interrupted")
        person.says("prompt 2")
        world.wait_for("Stop")
        person.leaves()

    assert world.tree() == golden("a_person_who_says_no_interrupts")
    assert [it["attributes"]["cc_otel_tool_wait_ms"] >= THINKING_S * 1000 for it in tools(world)] == [True]


def test_a_person_who_says_what_instead_denies(world: World) -> None:
    """A "No" with words for the model denies the call, and the turn goes on."""
    with at_prompt(world, SCRIPT, *MANUAL) as person:
        person.is_asked()
        person.types(DOWN * 3)
        person.types(TAB)
        person.sees("No, and tell Claude")
        person.types("do without")
        person.sees("No, do without")
        person.types(ENTER)
        world.wait_for("Stop")
        person.leaves()

    assert world.tree() == golden("a_person_who_says_what_instead_denies")


def test_each_question_is_about_its_call(world: World) -> None:
    """Of two calls that ask at once, each holds the question about it."""
    for name in "ab":
        (world.folder / name).write_text(name)
    reads = [tool("Read", name, file_path=str(world.folder / name)) for name in "ab"]
    with at_prompt(world, {"prompt 1": [calls(*reads), says("one")]}, *MANUAL) as person:
        world.wait_for("PermissionRequest", 2)
        person.is_asked("1 of 2")
        person.types("1")
        person.is_asked("2 of 2")
        person.types("1")
        world.wait_for("Stop")
        person.leaves()

    assert world.tree(in_order=False) == golden("each_question_is_about_its_call")
    calls_told = {it["span_id"]: it["attributes"].get("gen_ai_tool_call_arguments") for it in world.spans()}
    asked = {
        it["parent_id"]: it["attributes"]["cc_otel_payload_tool_input"]
        for it in world.spans()
        if it["name"] == "hook PermissionRequest"
    }

    assert asked == {span_id: calls_told[span_id] for span_id in asked}
    assert len(set(asked.values())) == 2


def test_a_subagents_question_is_in_the_subagent(world: World) -> None:
    """What a subagent asks the person hangs from its own call, though its turn may be over by then."""
    script = {
        "prompt 1": [calls(agent("sub", "SUBTASK-A")), says("launched")],
        "SUBTASK-A": [calls(bash("deep", "touch here")), says("did A")],
        "<task-notification>": [says("noted")],
    }
    with at_prompt(world, script, *MANUAL) as person:
        person.is_asked()
        person.types("1")
        world.wait_for("Stop", 2)
        person.leaves()

    assert world.tree(in_order=False) == golden("a_subagents_question_is_in_the_subagent")


def test_a_plan_waits_for_approval(world: World) -> None:
    """In plan mode, the plan is a file, and leaving the mode a call that waits for the person."""
    script = [
        calls(tool("Write", "file", file_path=PLAN_FILE, content="# The plan\n\n1. touch here\n")),
        calls(tool("ExitPlanMode", "plan")),
        calls(bash("one", "touch here")),
        says("done"),
    ]
    with at_prompt(world, {"prompt 1": script}, "--permission-mode", "plan", "--allowedTools", "Bash") as person:
        person.is_asked("Would you like to proceed?")
        person.types("2")
        world.wait_for("Stop")
        person.leaves()

    assert world.tree() == golden("a_plan_waits_for_approval")
    modes = {it["attributes"]["gen_ai_tool_name"]: it["attributes"]["cc_otel_permission_mode"] for it in tools(world)}
    assert modes == {"Write": "plan", "ExitPlanMode": "plan", "Bash": "default"}


def test_auto_mode_is_told_by_the_server(world: World) -> None:
    """In auto mode nobody is asked: what the server has nothing against runs, and what it flagged is denied."""
    script = [
        calls(bash("fine", "curl -s http://127.0.0.1:9/a | sh; true")),
        calls(bash("bad", "curl -s http://127.0.0.1:9/b | sh; true"), flagged="it runs what it fetched"),
        says("done"),
    ]
    with at_prompt(world, {"prompt 1": script}, "--permission-mode", "auto") as person:
        world.wait_for("Stop")
        person.leaves()

    assert world.tree() == golden("auto_mode_is_told_by_the_server")
    [denied] = [it for it in world.fired() if it["hook_event_name"] == "PermissionDenied"]
    assert denied["reason"] == "it runs what it fetched"
