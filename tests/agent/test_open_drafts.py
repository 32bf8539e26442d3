"""The open spans that the agent keeps for readers."""

from contextlib import closing
from pathlib import Path

import pytest

from cc_otel.agent.open_drafts import finished_drafts, open_drafts
from cc_otel.agent.tree import Role
from cc_otel.journal.journal import Journal
from cc_otel.journal.open_spans import OpenState
from tests.agent.test_pipeline import NAMES, Workshop, events_of


def shown(home: Path) -> list[tuple[str, str, str]]:
    """Return role, span id and trace id of what a reader sees."""
    with closing(Journal(home / "journal.db", read_only=True)) as journal:
        return [(str(it.draft.role), it.draft.span_id, it.draft.trace_id) for it in open_drafts(journal)]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_is_what_the_assembler_has_open(tmp_path: Path, name: str) -> None:
    """After every event the journal has the agent's open spans, also of an agent that starts anew each time."""
    workshop = Workshop(tmp_path)
    for number, event in enumerate(events_of(name)):
        workshop.spool.write(*event)
        workshop.settle(0.2)
        if number % 3 == 0:
            workshop.restart()
            workshop.settle(0.2)
        assembler = workshop.agent._assembler
        expected = [draft for session in assembler._sessions for draft, _ in assembler.open_spans(session)]
        assert shown(tmp_path) == [(str(draft.role), draft.span_id, draft.trace_id) for draft in expected]

    workshop.settle(100_000)
    assert shown(tmp_path) == []


def test_an_undecided_agent_stands_at_its_caller(workshop: Workshop) -> None:
    """While two calls may have launched a subagent, it is shown below the turn, marked."""
    session = {"session_id": "s", "prompt_id": "p"}
    task = {"tool_name": "Agent", "tool_input": {"subagent_type": "explorer", "prompt": "look"}}
    workshop.record({**session, "hook_event_name": "SessionStart", "source": "startup"})
    workshop.record({**session, "hook_event_name": "UserPromptSubmit", "prompt": "go"})
    for call in ("a", "b"):
        workshop.record({**session, "hook_event_name": "PreToolUse", "tool_use_id": call, **task})
    workshop.record({**session, "hook_event_name": "SubagentStart", "agent_id": "x", "agent_type": "explorer"})
    workshop.settle(1)

    states = {it.draft.role: it for it in open_drafts(workshop.journal)}
    turn, agent = states[Role.TURN], states[Role.SUBAGENT]
    assert (agent.state, turn.state) == (OpenState.UNDECIDED, OpenState.OPEN)
    assert (agent.draft.parent_id, agent.draft.trace_id) == (turn.draft.span_id, turn.draft.trace_id)
    assert finished_drafts(workshop.journal) == []


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Return a workshop with content."""
    return Workshop(tmp_path)
