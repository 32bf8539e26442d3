"""Sessions of the real client at a terminal: left, interrupted, cleared, compacted, cut off."""

import json
from datetime import datetime
from typing import Final

import pytest

from cc_otel.claude_code.event_table import Choice, wired_rows
from tests.client.script import bash, calls, says
from tests.client.terminal import CTRL_D, ENTER, ESCAPE, at_prompt, at_terminal
from tests.client.trees import golden
from tests.client.world import World
from tests.stack.process import wait_for

pytestmark = pytest.mark.stack

MANUAL: Final = ("--permission-mode", "default", "--allowedTools", "Bash")
"""A person is asked, but not for Bash."""


def interrupted_ms(world: World) -> int:
    """Say when the transcript says that the user interrupted the client."""
    said = [it for it in world.records() if it["type"] == "user"]
    [record] = [it for it in said if "[Request interrupted by user" in json.dumps(it["message"])]
    return round(datetime.fromisoformat(record["timestamp"]).timestamp() * 1000)


def test_a_turn_at_a_terminal_is_one_trace(world: World) -> None:
    """A prompt that was typed makes the trace that it makes headless."""
    with at_prompt(
        world, {"prompt 1": [calls(bash("one", "echo hello"), first="let me see"), says("done")]}, *MANUAL
    ) as person:
        world.wait_for("Stop")

        assert person.leaves() == 0
    assert world.tree() == golden("a_turn_at_a_terminal_is_one_trace")
    [end] = [it["reason"] for it in world.fired() if it["hook_event_name"] == "SessionEnd"]
    assert end == "prompt_input_exit"


def test_messages_are_told_where_one_asks_for_them(world: World) -> None:
    """With `install --messages`, what the client shows of an answer is an instant in the turn."""
    world.noting(*(row.name for row in wired_rows(Choice(messages=True, compactions=True))))
    world.scripted({"prompt 1": [says("done")]}).installed("--messages")
    with at_terminal(world, *MANUAL) as person:
        person.says("prompt 1")
        world.wait_for("Stop")
        person.types(CTRL_D)
        person.sees("Press Ctrl-D again to exit")
        person.types(CTRL_D)

        assert person.ends() == 0
    assert world.tree(in_order=False) == golden("messages_are_told_where_one_asks_for_them")


def test_a_prompt_that_was_queued_belongs_to_the_turn(world: World) -> None:
    """A prompt that is typed while a tool runs is an instant in the turn, when it was typed."""
    script = {"prompt 1": [calls(bash("one", "touch begun; sleep 3"))], "prompt 2": [says("both")]}
    with at_prompt(world, script, *MANUAL) as person:
        wait_for("the tool", (world.project / "begun").exists)
        person.says("prompt 2")
        world.wait_for("Stop")
        person.leaves()

    assert world.tree() == golden("a_prompt_that_was_queued_belongs_to_the_turn")


def test_escape_ends_the_tool_and_the_turn(world: World) -> None:
    """Esc in a tool interrupts it and its turn at the time that the transcript says; the next prompt closes them."""
    script = {"prompt 1": [calls(bash("slow", "touch begun; sleep 20"))], "prompt 2": [says("two")]}
    with at_prompt(world, script, *MANUAL) as person:
        wait_for("the tool", (world.project / "begun").exists)
        person.types(ESCAPE)
        person.sees("Interrupted")
        person.says("prompt 2")
        world.wait_for("Stop")
        person.leaves()

    assert world.tree() == golden("escape_ends_the_tool_and_the_turn")
    assert {interrupted_ms(world)} == {
        round(it["end_ms"]) for it in world.spans() if it["attributes"].get("cc_otel_interrupted")
    }


def test_escape_ends_an_answer(world: World) -> None:
    """Esc while the model answers interrupts the turn; the model call has the tokens told until then."""
    with at_prompt(
        world, {"prompt 1": [says("once upon\n\na time", stall_s=20)], "prompt 2": [says("two")]}, *MANUAL
    ) as person:
        person.sees("once upon")
        person.types(ESCAPE)
        person.sees("Interrupted")
        person.says("prompt 2")
        world.wait_for("Stop")
        person.leaves()

    assert world.tree() == golden("escape_ends_an_answer")


def test_a_prompt_that_is_taken_back_did_nothing(world: World) -> None:
    """Esc before the model says anything gives the prompt back to who typed it: its turn was over at once."""
    with at_prompt(world, {"prompt 1": [says("one", after_s=20), says("again")]}, *MANUAL) as person:
        wait_for("the request", lambda: "POST" in {it["method"] for it in world.requests()})
        person.types(ESCAPE)
        person.has_typed("prompt 1")
        person.types(ENTER)
        world.wait_for("Stop")
        person.leaves()

    assert world.tree() == golden("a_prompt_that_is_taken_back_did_nothing")


def test_a_cleared_session_is_another(world: World) -> None:
    """`/clear` ends the session and starts one with a name of its own, in the same client."""
    with at_prompt(world, {"prompt 1": [says("one")], "prompt 2": [says("two")]}, *MANUAL) as person:
        world.wait_for("Stop")
        person.says("/clear")
        world.wait_for("SessionStart", 2)
        person.says("prompt 2")
        world.wait_for("Stop", 2)
        person.leaves()

    assert world.tree() == golden("a_cleared_session_is_another")
    ends = [(it["session_id"], it["reason"]) for it in world.fired() if it["hook_event_name"] == "SessionEnd"]
    assert sorted(reason for _, reason in ends) == ["clear", "prompt_input_exit"]
    assert len(dict(ends)) == 2


def test_a_compaction_that_was_typed_is_in_the_session(world: World) -> None:
    """`/compact` between two turns hangs from the session, with the client's summariser in it."""
    summary = says("<summary>a summary</summary>")
    world.scripted({"prompt 1": [says("one")], "summary": [summary], "prompt 2": [says("two")]})
    world.installed("--compactions")
    with at_terminal(world, *MANUAL) as person:
        person.says("prompt 1")
        world.wait_for("Stop")
        person.says("/compact")
        world.wait_for("PostCompact")
        person.says("prompt 2")
        world.wait_for("Stop", 2)
        person.leaves()

    assert world.tree() == golden("a_compaction_that_was_typed_is_in_the_session")


def test_a_command_of_ones_own_is_in_the_session(world: World) -> None:
    """What is run with `!` begins no turn: the model's word on it hangs from the session, as its Stop does."""
    world.scripted({"<bash-input>echo mine": [says("I see")]}).installed()
    with at_terminal(world, *MANUAL) as person:
        person.types("!")
        person.sees("! for shell mode")
        person.says("echo mine")
        world.wait_for("Stop")
        person.leaves()

    assert world.tree() == golden("a_command_of_ones_own_is_in_the_session")


def test_a_terminal_that_closes_ends_the_session(world: World) -> None:
    """A client whose terminal was closed in the middle of a tool ends it, its turn and its session at that time."""
    with at_prompt(world, {"prompt 1": [calls(bash("slow", "touch begun; sleep 20"))]}, *MANUAL) as person:
        wait_for("the tool", (world.project / "begun").exists)
        person.hangs_up()
        person.ends()

    assert world.tree() == golden("a_terminal_that_closes_ends_the_session")
