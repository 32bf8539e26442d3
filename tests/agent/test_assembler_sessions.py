"""Whole sessions: what the hook recorded becomes the tree that a person drew and checked."""

import pytest

from cc_otel.agent.assembler import Assembler
from cc_otel.claude_code.event_table import EVENTS as KNOWN_EVENTS
from cc_otel.claude_code.payload import input_of
from tests.sessions.loader import NAMES, assemble, expected_tree, load
from tests.tree_text import render


@pytest.mark.parametrize("name", NAMES)
def test_a_session_becomes_its_tree(name: str) -> None:
    """A session becomes the tree that is kept beside it."""
    told = load(name)

    tree = render(assemble(told).drafts, told[0].clock_ns)

    assert expected_tree(name) == tree


@pytest.mark.parametrize("name", NAMES)
def test_no_event_is_missing_from_the_tree(name: str) -> None:
    """Each event is one span of the tree, or came by two wirings; a call without an opener is one more."""
    told = load(name)

    assembled = assemble(told)

    assert sorted(event.id for event in told) == sorted(
        [*(draft.event.id for draft in assembled.drafts if not draft.without_opener), *assembled.without_span]
    )
    assert len(assembled.drafts) == sum(bool(line) for line in expected_tree(name).splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_inputs_read_back_from_the_journal_give_the_same_spans(name: str) -> None:
    """Events and signals that went through the journal's form give the drafts that the originals gave."""
    told = load(name)

    restored = [input_of(event.to_json(), event.id) for event in told]

    assert told == restored
    assert assemble(told) == assemble(restored)


def test_sessions_told_in_between_each_other_do_not_mix() -> None:
    """All sessions assembled at once give the drafts that each gives alone."""
    alone = [draft for name in NAMES for draft in assemble(load(name)).drafts]

    together = assemble(
        sorted((event for name in NAMES for event in load(name)), key=lambda event: event.clock_ns), Assembler()
    ).drafts

    assert sorted(alone, key=lambda d: d.span_id) == sorted(together, key=lambda d: d.span_id)


def test_the_sessions_show_most_of_what_the_client_can_tell() -> None:
    """Only events that nothing depends on have no session here; they are instants like any unknown one."""
    shown = {event.name for name in NAMES for event in load(name)}

    assert set(KNOWN_EVENTS) - shown == {
        "PreModelSwitch",
        "PostModelSwitch",
        "ConfigChange",
        "CwdChanged",
        "FileChanged",
        "DirectoryAdded",
        "WorktreeRemove",
    }
