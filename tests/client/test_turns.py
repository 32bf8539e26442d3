"""One prompt to the real client, and the trace that becomes of it."""

import json
from typing import Final

import pytest

from tests.client.script import bash, calls, fails, says
from tests.client.trees import golden
from tests.client.world import World

pytestmark = pytest.mark.stack


def test_a_plain_turn_is_one_trace(world: World) -> None:
    """A prompt, its model calls with tokens and cost, and the tool between them are one trace below the turn."""
    (world.project / "CLAUDE.md").write_text("# Be brief\n")
    world.scripted({"the errand": [calls(bash("one", "echo hello"), first="let me see"), says("done")]}).installed()
    done = world.asks("run the errand")

    assert (done.code, done.stdout, done.stderr) == (0, "done\n", "")
    assert world.tree() == golden("a_plain_turn_is_one_trace")


def test_cost_is_what_the_client_says(world: World) -> None:
    """What the model calls of a session cost together is what the client itself counts."""
    script = {"the errand": [calls(bash("one", "echo hello")), calls(bash("two", "echo again")), says("done")]}
    world.scripted(script).installed().asks("run the errand")
    world.tree()
    records = [json.loads(line) for line in world.transcripts()[0].read_text().splitlines()]
    client = [record["totalCostUSD"] for record in records if record["type"] == "cost-state"][-1]
    [cost] = [json.loads(line) for line in world.cc_otel("query", "cost", "--json").splitlines()]

    assert (3, 3090, 150, round(client, 9)) == (
        cost["calls"],
        cost["input_tokens"],
        cost["output_tokens"],
        round(cost["cost_usd"], 9),
    )


def test_a_slash_command_is_in_its_turn(world: World) -> None:
    """A command's expansion is an instant in the turn that it begins."""
    commands = world.project / ".claude" / "commands"
    commands.mkdir(parents=True)
    (commands / "greet.md").write_text("Say hello to $ARGUMENTS\n")
    world.scripted({"Say hello to Bob": [says("hello, Bob")]}).installed()

    assert world.asks("/greet Bob").stdout == "hello, Bob\n"
    assert world.tree() == golden("a_slash_command_is_in_its_turn")


FAILURES: Final = {
    400: ("invalid_request_error", "unknown"),
    401: ("authentication_error", "authentication_failed"),
    429: ("rate_limit_error", "rate_limit"),
    500: ("api_error", "server_error"),
    529: ("overloaded_error", "server_error"),
}
"""What the API calls an error, and what the client does where the API is not Anthropic's own address."""


def test_an_error_of_the_api_fails_the_turn(world: World) -> None:
    """A turn that the API ended is an error, as the client calls it, and so is its last request, as the API does."""
    # What the client does not send again as it is, it sends again without what may have been wrong with it.
    world.scripted({f"prompt {status}": [fails(status)] * 20 for status in FAILURES}).installed()
    # A client that ends at once may end its StopFailure hook before it has told it anything.
    with world.talk() as say:
        for count, status in enumerate(FAILURES, 1):
            say(f"prompt {status}")
            world.wait_for("StopFailure", count)
    turns = [
        f"""
invoke_agent claude-code, closed by StopFailure, ERROR {error_type}, links {links}
  chat, ERROR {api_error}
  hook StopFailure
"""
        for (api_error, error_type), links in zip(
            FAILURES.values(), ["session"] + ["previous_turn session"] * 4, strict=True
        )
    ]

    assert "session startup\n  hook SessionEnd\n" + "".join(turns) == world.tree()


def test_a_request_that_is_made_again_is_a_span_of_its_own(world: World) -> None:
    """Each attempt that the API did not answer is an error of its own in a turn that is none; it costs nothing."""
    world.retries = 2
    world.scripted({"the errand": [fails(529), calls(bash("one", "echo hello")), fails(429), says("done")]}).installed()

    assert world.asks("run the errand").stdout == "done\n"
    assert world.tree() == golden("a_request_that_is_made_again_is_a_span_of_its_own")
    [cost] = [json.loads(line) for line in world.cc_otel("query", "cost", "--json").splitlines()]

    assert cost["calls"] == 2


def test_an_answer_that_comes_slowly_is_told_whole(world: World) -> None:
    """A model call whose blocks come seconds apart is one, with all its tokens and what it asked for."""
    slowly = {**calls(bash("one", "echo hello"), first="let me see"), "stall_s": 3}
    world.scripted({"the errand": [slowly, says("done")]}).installed()
    done = world.asks("run the errand")

    assert (done.code, done.stdout, done.stderr) == (0, "done\n", "")
    assert world.tree() == golden("a_turn_at_a_terminal_is_one_trace")
