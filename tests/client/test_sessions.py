"""Sessions of the real client that go on, fork, are compacted, interrupted and killed."""

import signal

import pytest

from tests.client.script import bash, calls, says
from tests.client.trees import golden
from tests.client.world import World
from tests.stack.process import wait_for

pytestmark = pytest.mark.stack


def test_a_session_goes_on_and_forks(world: World) -> None:
    """A session that is resumed links to what it continues; a fork is a session of its own, without the old calls."""
    world.scripted({"prompt 1": [says("one")], "prompt 2": [says("two")], "prompt 3": [says("three")]}).installed()
    answers = [
        world.asks("prompt 1").stdout,
        world.asks("prompt 2", "--continue").stdout,
        world.asks("prompt 3", "--continue", "--fork-session").stdout,
    ]

    assert answers == ["one\n", "two\n", "three\n"]
    assert world.tree() == golden("a_session_goes_on_and_forks")


def test_a_compaction_has_its_summariser_in_it(world: World) -> None:
    """A compaction lasts until its end is told, and holds what the client does for it."""
    world.scripted(
        {"prompt 1": [calls(bash("one", "echo c")), says("one")], "summary": [says("<summary>a summary</summary>")]}
    )
    world.installed("--compactions").asks("prompt 1")

    assert world.asks("/compact", "--continue").code == 0
    assert world.tree() == golden("a_compaction_has_its_summariser_in_it")


def whole_lines(world: World) -> list[str]:
    """Return what the client's transcripts hold, without half a line at their ends; it may not have begun any."""
    return [path.read_text().rpartition("\n")[0] for path in world.transcripts()]


@pytest.mark.parametrize(
    ("how", "session_end", "closing", "failing"),
    [
        (signal.SIGINT, "  hook SessionEnd\n", "closed by SessionEnd, interrupted", ""),
        (signal.SIGKILL, "", "closed by process_gone", ", ERROR process_gone"),
    ],
    ids=["SIGINT", "SIGKILL"],
)
def test_what_is_interrupted_is_closed_by_rule(
    world: World, how: signal.Signals, session_end: str, closing: str, failing: str
) -> None:
    """Turn and tool of a client that was interrupted or killed are closed by what is known; the next one is linked."""
    world.scripted({"prompt 1": [calls(bash("slow", "sleep 8; echo finished"))], "prompt 2": [says("two")]}).installed()
    process = world.start("-p", "prompt 1", "--allowedTools", "Bash")
    world.wait_for("PreToolUse")
    # Whole lines only: a client that is killed while it writes leaves half of one.
    wait_for("the call's record", lambda: any("toolu_01slow" in text for text in whole_lines(world)))
    process.send_signal(how)
    process.communicate(timeout=60)

    assert world.asks("prompt 2", "--continue").stdout == "two\n"
    assert world.tree() == golden(
        "what_is_interrupted_is_closed_by_rule", session_end=session_end, closing=closing, failing=failing
    )


def test_a_prompt_that_comes_in_the_middle_belongs_to_the_turn(world: World) -> None:
    """A prompt that is said while a turn goes on is an instant in it."""
    script = {"prompt 1": [calls(bash("one", "sleep 2; echo one"))], "prompt 2": [says("both")]}
    world.scripted(script).installed()
    with world.talk("--allowedTools", "Bash") as say:
        say("prompt 1")
        world.wait_for("PreToolUse")
        say("prompt 2")
        world.wait_for("Stop")

    assert world.tree() == golden("a_prompt_that_comes_in_the_middle_belongs_to_the_turn")
