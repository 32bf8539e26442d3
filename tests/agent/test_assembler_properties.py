"""What holds of every history, told in whatever order, with whatever missing."""

import contextlib
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cc_otel.agent.assembler import Assembler
from cc_otel.agent.tree import Draft, Role, Step
from cc_otel.claude_code.payload import Unreadable, event_of, read
from cc_otel.event import NO_PLUGIN, Handler, HookEvent, Observation
from cc_otel.span import INSTANT_NS
from tests.agent.strategies import PLUGIN_ROOT, Inputs, histories, retold_sessions, sessions, spoiled_payloads
from tests.sessions.loader import NAMES, Assembled, assemble, load

few = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
many = settings(few, max_examples=300)


def check_sound(told: Inputs) -> Assembled:
    """Assemble a history, close it as the agent would, and hold the result to every promise of a tree."""
    assembler = Assembler()
    assembled = assemble(told, assembler)
    drafts = assembled.drafts
    by_id = {draft.span_id: draft for draft in drafts}
    told_ids = Counter(item.id for item in told if not isinstance(item, Observation))

    of_events = [draft.event.id for draft in drafts if not draft.without_opener]
    assert Counter([*of_events, *assembled.without_span]) == told_ids
    calls = Counter((d.event.session_id, d.hook_event.tool_use_id) for d in drafts if d.role is Role.TOOL)
    forgotten = {item.session_id for item in told if isinstance(item, HookEvent) and item.forgotten_ns}
    named = {(session_id, call) for session_id, call in _calls_named(told) if session_id not in forgotten}
    assert named <= calls.keys()
    assert set(calls.values()) <= {1}
    assert len(drafts) == len(by_id), "a span id is used twice"
    for draft in drafts:
        assert draft.end_ns >= draft.start_ns + INSTANT_NS
        _check_place(draft, by_id)
    roots = Counter(draft.trace_id for draft in drafts if draft.parent_id is None)
    assert {draft.trace_id: 1 for draft in drafts} == roots
    assert assembler.open_processes() == []
    assert {item.session_id for item in told} == set(assembler.quiet_sessions(1 << 80))
    return assembled


def _calls_named(told: Inputs) -> set[tuple[str, str]]:
    """Return each call that any event names, with its session."""
    found = set()
    for item in told:
        if isinstance(item, HookEvent) and item.handler in {Handler.CALL, Handler.CALL_RESULT} and item.tool_use_id:
            found.add((item.session_id, item.tool_use_id))
        elif isinstance(item, HookEvent) and item.handler is Handler.BATCH:
            found |= {(item.session_id, call.tool_use_id) for call in item.calls}
    return found


def _check_place(draft: Draft, by_id: dict[str, Draft]) -> None:
    above = draft
    for _ in by_id:
        if above.parent_id is None:
            break
        above = by_id[above.parent_id]
    assert above.parent_id is None, "a span is its own ancestor"
    assert draft.trace_id == above.trace_id
    if draft.role is Role.WAIT:
        tool = by_id[draft.parent_id or ""]
        assert tool.start_ns <= draft.start_ns < draft.end_ns <= tool.end_ns
    for link in draft.links:
        assert link.kind == "native" or by_id[link.span_id].trace_id == link.trace_id


@few
@given(retold_sessions())
def test_a_session_told_badly_is_still_a_tree(told: Inputs) -> None:
    """Events lost, repeated, out of order or of several sessions make sound trees."""
    check_sound(told)


@many
@given(histories())
def test_any_history_is_a_tree(told: Inputs) -> None:
    """Whatever events and signals come, in whatever order, they make sound trees."""
    check_sound(told)


@pytest.mark.parametrize("name", NAMES)
def test_a_session_cut_off_anywhere_is_a_tree(name: str) -> None:
    """Each beginning of a session makes sound trees, however its client died."""
    told = load(name)

    for length in range(len(told)):
        check_sound(told[:length])


@pytest.mark.parametrize("name", NAMES)
def test_a_session_without_any_one_event_is_a_tree(name: str) -> None:
    """A session that lost one event makes sound trees, whichever it was."""
    told = load(name)

    for lost in range(len(told)):
        check_sound([*told[:lost], *told[lost + 1 :]])


@pytest.mark.parametrize("name", NAMES)
def test_told_again_after_a_restart_anywhere_gives_the_same_spans(name: str) -> None:
    """An assembler that is told all inputs so far goes on as if it had never stopped."""
    told = load(name)
    steps = fold(Assembler(), told)

    for length in range(len(told)):
        restarted = Assembler()

        assert steps[:length] == fold(restarted, told[:length])
        assert steps[length:] == fold(restarted, told[length:])


@many
@given(histories(), st.integers(0, 40))
def test_any_history_goes_on_after_a_restart(told: Inputs, length: int) -> None:
    """An assembler that is told any inputs again goes on as if it had never stopped."""
    steps = fold(Assembler(), told)
    restarted = Assembler()

    assert steps[:length] == fold(restarted, told[:length])
    assert steps[length:] == fold(restarted, told[length:])


@few
@given(sessions, sessions, st.data())
def test_sessions_do_not_mix(one: list[HookEvent], other: list[HookEvent], data: st.DataObject) -> None:
    """Two sessions in between each other, in any way, give what each gives alone."""
    assume({event.session_id for event in one}.isdisjoint(event.session_id for event in other))
    queues = [iter(one), iter(other)]
    turns = data.draw(st.permutations([0] * len(one) + [1] * len(other)))

    together = fold(Assembler(), [next(queues[turn]) for turn in turns])

    alone = [*fold(Assembler(), one), *fold(Assembler(), other)]
    assert sorted(spans(alone)) == sorted(spans(together))


@few
@given(sessions, st.data())
def test_a_second_wiring_adds_no_span(told: list[HookEvent], data: st.DataObject) -> None:
    """Settings beside a plugin tell every event twice, and each is one span, with the same ids and the same tree."""
    told = [event for event in told if event.plugin_root == NO_PLUGIN]
    alone = assemble(told)
    late_ns = data.draw(st.lists(st.integers(0, 30_000_000), min_size=len(told), max_size=len(told)))
    copies = [
        replace(event, clock_ns=event.clock_ns + late, plugin_root=PLUGIN_ROOT, id=-event.id)
        for event, late in zip(told, late_ns, strict=True)
    ]
    twice = sorted([*told, *copies], key=lambda event: event.clock_ns)

    assembled = assemble(twice)

    assert alone.drafts == assembled.drafts
    assert sorted(assembled.without_span) == sorted([*alone.without_span, *(event.id for event in copies)])


@few
@given(sessions, st.data())
def test_an_event_told_again_by_its_own_wiring_is_another_event(told: list[HookEvent], data: st.DataObject) -> None:
    """What one wiring tells twice happened twice: a second opener, say, is an instant."""
    again = data.draw(st.sampled_from(told))
    copy = replace(again, id=len(told) + 1)
    place = told.index(again) + 1

    assembled = check_sound([*told[:place], copy, *told[place:]])

    assert len(assemble(told).drafts) + 1 == len(assembled.drafts)


@many
@given(st.lists(spoiled_payloads(), min_size=1, max_size=8))
def test_no_payload_stops_the_agent(payloads: list[dict[str, object]]) -> None:
    """A payload with fields of any type is an event that finds its place, or says why it is none."""
    told = []
    for number, payload in enumerate(payloads, 1):
        with contextlib.suppress(Unreadable):
            event = read(payload, {"CLAUDE_PID": "7"}, clock_ns=number * 1_000_000, digest=str(number))
            told.append(replace(event, id=number))

    assert told == [event_of(event.to_json(), event.id) for event in told]
    check_sound(told)


def fold(assembler: Assembler, told: Inputs) -> list[Step]:
    """Give what each input led to."""
    return [assembler.add(item) for item in told]


def spans(steps: list[Step]) -> list[tuple[str, str]]:
    """Return each draft of those steps, by its id."""
    return [(draft.span_id, repr(draft)) for step in steps for draft in step.drafts]
