"""The waiting room: who may wait, for how long, and how a wait ends."""

from cc_otel.agent.describe import Summary
from cc_otel.agent.summary.questions import TRIES_MAX, WAITING_MAX, Pace, Questions
from cc_otel.agent.summary.subject import Subject
from tests.agent.summary.home import wait_for

RULE, SENTENCE = Summary("by rule"), Summary("Ran it.", "model", "m")


def questions(timeout_s: float = 60.0, batch_max: int = 8) -> Questions:
    """Return an empty waiting room."""
    return Questions(Pace(timeout_s, batch_max))


def add(room: Questions, span_id: str, content: str, session_id: str = "s", *, new: bool = True) -> bool:
    """Let a span wait for a sentence about that content."""
    return room.add(span_id, session_id, Subject("call", content, content), (content,), RULE, new=new)


def asked(room: Questions) -> list[str]:
    """Return the contents of the next call."""
    return [question.subject.text for question in room.next_batch(5.0)]


def test_equal_contents_are_one_question() -> None:
    """Spans that say the same wait for one question, and all get its sentence."""
    room = questions(batch_max=1)
    added = [add(room, span_id, "x") for span_id in ("1", "2")]
    [question] = room.next_batch(5.0)
    added += [add(room, "3", "x"), add(room, "4", "x", new=False)]
    room.settle(question, SENTENCE)

    assert added == [True] * 4
    assert [(span_id, SENTENCE) for span_id in "1234"] == room.settled()
    assert (room.settled(), room.spans_waiting) == ([], 0)


def test_backlog_does_not_wait() -> None:
    """When as many spans wait as may, the next one does not, until one of them has left."""
    room = questions(batch_max=1)
    added = [add(room, str(number), str(number)) for number in range(WAITING_MAX + 1)]
    [question] = room.next_batch(5.0)
    room.settle(question, SENTENCE)
    room.settled()

    assert added == [True] * WAITING_MAX + [False]
    assert add(room, "next", "next")


def test_nobody_waits_for_a_question_that_may_not_begin() -> None:
    """Where no answer can come in time, no question is opened."""
    room = questions()

    assert not add(room, "1", "x", new=False)
    assert room.spans_waiting == 0


def test_time_runs_out() -> None:
    """A span leaves with its rule's text when its time is out, and the question goes on."""
    room = questions(timeout_s=0.01, batch_max=1)
    add(room, "1", "x")
    [question] = room.next_batch(5.0)
    left: list[tuple[str, Summary]] = []

    def one_has_left() -> bool:
        left.extend(room.settled())
        return bool(left)

    wait_for(one_has_left)
    add(room, "2", "x", new=False)
    room.settle(question, SENTENCE)

    assert left == [("1", RULE)]
    assert room.settled() == [("2", SENTENCE)]


def test_calls_hold_one_session() -> None:
    """What is asked together is of one session, the earliest first."""
    room = questions(batch_max=2)
    for span_id, session_id in (("1", "a"), ("2", "b"), ("3", "a"), ("4", "b")):
        add(room, span_id, span_id, session_id)

    assert [asked(room), asked(room)] == [["1", "3"], ["2", "4"]]


def test_spoilt_answer_is_asked_alone_once() -> None:
    """After a call that brought a question nothing it is asked alone, and after that never again."""
    room = questions(batch_max=2)
    add(room, "1", "x")
    add(room, "2", "y")
    x, y = room.next_batch(5.0)
    room.ask_alone(x, was_alone=False)
    room.settle(y, SENTENCE)
    room.end_call([x, y], 1)
    [again] = room.next_batch(5.0)
    room.ask_alone(again, was_alone=True)

    assert room.settled() == [("2", SENTENCE), ("1", RULE)]
    assert not add(room, "3", "x")


def test_trying_has_an_end() -> None:
    """A question that nobody answers is asked a few times, then its spans leave with their rules' texts."""
    room = questions(batch_max=1)
    add(room, "1", "x")
    tries = 0
    while batch := room.next_batch(0.2):
        tries += 1
        call = batch[0].call
        room.ask_again(batch, 0.0)
        room.end_call(batch, call)

    assert tries == TRIES_MAX
    assert room.settled() == [("1", RULE)]


def test_call_that_failed_leaves_nothing_behind() -> None:
    """Whatever a call did not deal with is dropped when it ends."""
    room = questions(batch_max=1)
    add(room, "1", "x")
    batch = room.next_batch(5.0)
    room.end_call(batch, batch[0].call)

    assert room.settled() == [("1", RULE)]
    assert add(room, "2", "x")
