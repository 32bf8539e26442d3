"""
The rules of docs/spans.md, one small story each.

The stories and their trees stand in ``rules/``: a sentence, the events (see `tests.agent.script`), the tree that they
must become. What a tree does not show, ids and links and what the agent may ask, is tested below.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from cc_otel.agent.assembler import Assembler
from cc_otel.agent.tree import Draft, Reference, Role
from cc_otel.claude_code.payload import input_of
from cc_otel.event import Cause, HookEvent, Interruption, Observation
from cc_otel.span import span_id_of, trace_id_of
from tests.agent.script import draw, play, tell

RULES = Path(__file__).parent / "rules"


def stories() -> list[tuple[str, str, str]]:
    """Return the sentence, the story and the tree of each rule."""
    found = []
    for path in sorted(RULES.glob("*.txt")):
        for block in path.read_text("utf-8").removeprefix("# ").split("\n\n# "):
            sentence, _, rest = block.partition("\n")
            story, arrow, tree = rest.partition("\n->\n")
            assert arrow, f"{path.name}: no tree for: {sentence}"
            found.append((f"{path.stem}: {sentence}", story, tree.strip()))
    return found


@pytest.mark.parametrize(("story", "tree"), [pytest.param(*rest, id=sentence) for sentence, *rest in stories()])
def test_a_story_becomes_its_tree(story: str, tree: str) -> None:
    """The events of a story become the tree that its rule says."""
    assert tree == draw(story)


# Ids

TURN = """
0   SessionStart startup
10  UserPromptSubmit prompt=p
20  PreToolUse Agent tool=t prompt=p for=scout
30  SubagentStart scout agent=a prompt=p
40  PermissionRequest Agent prompt=p
50  SubagentStop scout agent=a prompt=p
60  PostToolUse Agent tool=t prompt=p launched=a
70  Stop prompt=p
"""


def by_role(story: str) -> dict[Role, Draft]:
    """Return one draft of each role."""
    return {draft.role: draft for draft in play(story).drafts}


def test_turn_tool_and_subagent_ids_come_from_what_names_them_alone() -> None:
    """A turn, a tool call and a subagent have the same ids whoever tells of them, and whenever."""
    found = by_role(TURN)

    trace_id = trace_id_of("turn", "s", "p")
    assert {
        Role.TURN: (trace_id, span_id_of("turn", "s", "p")),
        Role.TOOL: (trace_id, span_id_of("tool", "s", "t")),
        Role.SUBAGENT: (trace_id, span_id_of("subagent", "s", "a")),
    } == {role: (found[role].trace_id, found[role].span_id) for role in (Role.TURN, Role.TOOL, Role.SUBAGENT)}


@pytest.mark.parametrize("changed", ["digest", "pid", "clock_ns"])
def test_every_other_id_comes_from_the_payload_the_client_and_the_clock(changed: str) -> None:
    """Two events with another payload, client or time are two spans, in two traces where they are roots."""
    [event] = [told for told in tell("0 SessionStart startup") if isinstance(told, HookEvent)]
    other = {
        "digest": replace(event, digest="e"),
        "pid": replace(event, pid=2),
        "clock_ns": replace(event, clock_ns=2),
    }[changed]

    first, again, second = (Assembler().add(told).drafts[0] for told in (event, event, other))

    assert (first.trace_id, first.span_id) == (again.trace_id, again.span_id)
    assert {first.trace_id, first.span_id}.isdisjoint({second.trace_id, second.span_id})


def test_a_root_that_is_no_turn_has_a_trace_from_its_own_id() -> None:
    """A span without a parent is alone in a trace that its id gives."""
    [draft] = play("0 ConfigChange\n3000 !waited").drafts

    assert (trace_id_of("root", draft.span_id), None) == (draft.trace_id, draft.parent_id)


def test_a_background_subagent_stays_in_the_trace_that_launched_it() -> None:
    """All that a subagent does is in the trace of the turn whose call launched it, turns later too."""
    drafts = play("""
        0   SessionStart startup
        10  UserPromptSubmit prompt=p
        20  PreToolUse Agent tool=t prompt=p for=scout
        21  PreToolUse Agent tool=u prompt=p for=scout
        25  SubagentStart scout agent=a prompt=p
        30  PostToolUse Agent tool=t prompt=p
        35  PostToolUse Agent tool=u prompt=p
        40  Stop prompt=p
        50  UserPromptSubmit prompt=q
        60  PreToolUse Bash tool=v prompt=q agent=a
        70  PostToolUse Bash tool=v prompt=q agent=a
        80  SubagentStop scout agent=a prompt=q
        90  Stop prompt=q
    """).drafts

    assert {trace_id_of("turn", "s", "p")} == {
        draft.trace_id for draft in drafts if draft.event.agent_id == "a" or draft.event.prompt_id == "p"
    }


# Links


def test_links_name_the_spans_that_a_turn_goes_on_from() -> None:
    """A turn links to its SessionStart, to the turn before it and to the call that launched what began it."""
    drafts = play("""
        0   SessionStart startup
        10  UserPromptSubmit prompt=p
        20  PreToolUse Bash tool=t prompt=p
        30  PostToolUse Bash tool=t prompt=p
        40  Stop prompt=p
        50  UserPromptSubmit prompt=q by=t trace_parent=00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01
        60  Stop prompt=q
    """).drafts
    start, tool = (next(draft for draft in drafts if draft.role is role) for role in (Role.SESSION, Role.TOOL))
    turn, next_turn = sorted((d for d in drafts if d.role is Role.TURN), key=lambda d: d.start_ns)

    assert (
        Reference("session", start.trace_id, start.span_id),
        Reference("previous_turn", turn.trace_id, turn.span_id),
        Reference("launched_by", tool.trace_id, tool.span_id),
        Reference("native", "0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7"),
    ) == next_turn.links


# What closes a span stands with it


def test_a_span_knows_the_event_that_brought_its_result() -> None:
    """An opener's draft holds the event that ended it, none where it was ended by rule."""
    drafts = play("""
        0   SessionStart startup
        10  UserPromptSubmit prompt=p
        20  PreToolUse Bash tool=t prompt=p
        21  PreToolUse Bash tool=u prompt=p
        22  PreToolUse Bash tool=v prompt=p
        30  PostToolUse Bash tool=t prompt=p
        40  PostToolBatch prompt=p calls=u
        50  Stop prompt=p
    """).drafts

    assert {
        draft.hook_event.tool_use_id or draft.event.prompt_id: draft.closer.name if draft.closer else None
        for draft in drafts
        if draft.role in {Role.TURN, Role.TOOL}
    } == {"p": "Stop", "t": "PostToolUse", "u": "PostToolBatch", "v": None}


# What the agent tells and asks


def test_a_signal_comes_back_from_the_journal_as_it_went() -> None:
    """A signal is the same after the journal kept it."""
    signal = Observation(Cause.PROCESS_GONE, "s", 1, 5, (Interruption("p", 3),))

    assert signal == input_of(signal.to_json(), 0)


def told_to(assembler: Assembler, story: str) -> list[Draft]:
    """Tell a story and give what it finished."""
    return [draft for told in tell(story) for draft in assembler.add(told).drafts]


def test_only_what_is_open_or_waits_keeps_a_client_in_view() -> None:
    """The agent watches the clients that have something open or waiting, and no others."""
    assembler = Assembler()
    told_to(
        assembler,
        """
        0   SessionStart startup
        10  UserPromptSubmit prompt=p
        20  ConfigChange pid=2
        30  SessionStart startup session=z pid=3
        40  UserPromptSubmit prompt=q session=z pid=3
        """,
    )

    assert assembler.open_processes() == [("s", 1, 10_000_000), ("s", 2, 20_000_000), ("z", 3, 40_000_000)]
    assert assembler.open_processes("z") == [("z", 3, 40_000_000)]
    assert assembler.open_processes("unknown") == []


def test_a_client_is_overdue_once_an_event_waited_two_seconds() -> None:
    """The agent is told which clients have waited long enough for their SessionStart."""
    assembler = Assembler()
    told_to(assembler, "0 ConfigChange")

    assert assembler.overdue(2_000_000_000) == []
    assert [Observation(Cause.WAITED, "s", 1, 2_000_000_001)] == assembler.overdue(2_000_000_001)


def test_only_what_builds_on_a_waiting_event_waits_with_it() -> None:
    """An event that has a place takes it, while others wait for a SessionStart."""
    assembler = Assembler()
    drafts = told_to(
        assembler,
        """
        0   PreToolUse Bash tool=t prompt=p
        5   UserPromptSubmit prompt=p
        10  PreToolUse Bash tool=u prompt=p agent=a
        20  PostToolUse Bash tool=t prompt=p
        30  PostToolUse Bash tool=u prompt=p agent=a
        """,
    )

    assert [draft.hook_event.tool_use_id for draft in drafts] == ["u", "u"]


def test_a_session_is_quiet_when_nothing_is_open_and_its_last_event_is_old() -> None:
    """The agent may forget sessions with nothing open and nothing new, and their inputs bring them back."""
    assembler = Assembler()
    story = "0 SessionStart startup\n10 UserPromptSubmit prompt=p\n20 Stop prompt=p"
    first = told_to(assembler, story)

    assert assembler.quiet_sessions(20_000_000) == []
    assert assembler.quiet_sessions(20_000_001) == ["s"]

    assembler.forget("s")

    assert not assembler.knows("s")
    assert first == told_to(assembler, story)
    assert assembler.knows("s")


def test_an_open_span_is_never_quiet() -> None:
    """A session with an open span is not forgotten, however old."""
    assembler = Assembler()
    told_to(assembler, "0 SessionStart startup\n10 UserPromptSubmit prompt=p")

    assert assembler.quiet_sessions(10**18) == []


def test_an_event_told_by_two_wirings_is_told_to_be_a_duplicate() -> None:
    """The agent learns which event was the second telling of another, so that it can let go of its content."""
    assembled = play("0 SessionStart startup\n1 SessionStart startup plugin=/plugin\n2 ConfigChange")

    assert ([draft.event.id for draft in assembled.drafts], assembled.without_span) == ([1, 3], [2])
