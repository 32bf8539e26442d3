"""Requests to the model that were not answered, as transcripts of client 2.1.330 tell of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent.describe import Content, SpanSource
from cc_otel.agent.model_calls import arrival_of
from cc_otel.agent.summary.rules.sentence import by_rule
from cc_otel.agent.tree import Draft, Role
from cc_otel.claude_code.payload import event_of
from cc_otel.claude_code.transcript.chats import Transcript, TranscriptCall
from cc_otel.claude_code.transcript.failures import Failure, failure_of
from cc_otel.claude_code.transcript.owners import DecidedCall

RECORDED: Final = Path(__file__).with_name("recorded")
NO_CONNECTION: Final = "Connection refused — a firewall or proxy may be blocking it (ECONNREFUSED)"

Attempt = tuple[int, str, Failure | None]
"""How often it had been asked before, why the answer ended, or why there was none."""


def calls(name: str) -> list[TranscriptCall]:
    """Read a recorded transcript."""
    transcript = Transcript()
    return [*transcript.feed((RECORDED / f"{name}.jsonl").read_bytes()), *transcript.finish()]


def finding(call: TranscriptCall) -> SpanSource:
    """Return what the agent would know of the call's span."""
    arrival = arrival_of(DecidedCall.of(call), "s", 1, call.end_ns)
    event = event_of(arrival.fields, 1)
    draft = Draft(Role.CHAT, event, "", "", None, call.start_ns, call.end_ns, error_type=event.error_type)
    return SpanSource(draft, Content.from_json(arrival.content or b"{}"))


RETRIED: Final[list[Attempt]] = [
    (0, "", Failure("overloaded_error", "529 scripted 529", 529, 574.0, "req_standin0001")),
    (1, "", Failure("api_error", "500 scripted 500", 500, 1193.0, "req_standin0002")),
    (2, "tool_use", None),
    (0, "", Failure("rate_limit_error", "429 scripted 429", 429, 592.0, "req_standin0004")),
    (1, "end_turn", None),
]
BAD_REQUEST: Final[list[Attempt]] = [
    (5, "", Failure("invalid_request_error", "400 scripted bad request", 400, None, "req_b52dafe5b5a0432ba7fea89c")),
]
OFFLINE: Final[list[Attempt]] = [
    (0, "", Failure("ECONNREFUSED", NO_CONNECTION, 0, 604.0)),
    (1, "", Failure("ECONNREFUSED", NO_CONNECTION, 0, 1140.0)),
    (2, "", Failure("connection_failed", NO_CONNECTION)),
]


@pytest.mark.parametrize(
    ("name", "attempts"),
    [
        pytest.param("retried", RETRIED, id="asked again until it was answered"),
        pytest.param("bad_request", BAD_REQUEST, id="changed and sent again without a word, then given up"),
        pytest.param("no_connection", OFFLINE, id="no connection"),
        pytest.param("refusal", [(0, "refusal", None), (0, "end_turn", None)], id="stopped by safeguards"),
        pytest.param("too_long", [(0, "max_tokens", None)] * 4, id="answered, but cut each time"),
    ],
)
def test_each_attempt_is_told(name: str, attempts: list[Attempt]) -> None:
    """Each request is one call: answered, or with the reason why it was not, and how often it had been sent before."""
    found = [(call.resend_count, call.stop_reason, call.failure) for call in calls(name)]

    assert found == attempts


def test_a_failure_runs_from_its_request_to_the_word_that_it_failed() -> None:
    """A failed request has the time it took, the prompt it was for, and the id of the record that tells of it."""
    failed, *_ = calls("retried")

    assert failed == TranscriptCall(
        message_id="",
        uuid="8059c260-e8a3-46b9-ad12-9d9d27835fe5",
        model="",
        start_ns=1795392058075000000,
        end_ns=1795392058085000000,
        prompt_id="7974ab13-8c03-4615-b8a3-7a4fb73b53f5",
        request_id="req_standin0001",
        failure=RETRIED[0][2],
    )


@pytest.mark.parametrize(
    ("name", "said", "bare"),
    [
        (
            "retried",
            [
                "Request failed: 529 scripted 529; tried again after 0.6 s",
                "Request failed: 500 scripted 500; tried again after 1.2 s",
                "asked for Bash",
                "Request failed: 429 scripted 429; tried again after 0.6 s",
                "Said: done",
            ],
            [
                "Request failed: overloaded_error; tried again after 0.6 s",
                "Request failed: api_error; tried again after 1.2 s",
                "Answered",
                "Request failed: rate_limit_error; tried again after 0.6 s",
                "Answered",
            ],
        ),
        ("refusal", ["Said: no; stopped by the model's safeguards", "Said: ok"], ["Answered", "Answered"]),
        ("too_long", ["Said: no; cut at the limit of tokens"] * 4, ["Answered"] * 4),
        ("bad_request", ["Request failed: 400 scripted bad request"], ["Request failed: invalid_request_error"]),
    ],
)
def test_each_attempt_has_its_sentence(name: str, said: list[str], bare: list[str]) -> None:
    """A sentence tells what was answered, or why nothing was; without content it names the error alone."""
    findings = [finding(call) for call in calls(name)]

    assert [by_rule(it).text for it in findings] == said
    assert [by_rule(it, with_content=False).text for it in findings] == bare


@pytest.mark.parametrize(
    ("error", "name"),
    [
        ({"message": '529 {"error": {"type": "overloaded_error"}}', "status": 529}, "overloaded_error"),
        ({"message": "529 <html>", "status": 529}, "529"),
        ({"message": '500 {"error": {"type": "with spaces, and text of whoever wrote it"}}'}, "_OTHER"),
        ({"connection": {"code": "ECONNRESET"}}, "ECONNRESET"),
        ({"status": 7}, "_OTHER"),
        ("gone", "_OTHER"),
    ],
)
def test_an_error_has_a_short_name(error: object, name: str) -> None:
    """The name is the API's, else the connection's, else the status; a text is none."""
    failure = failure_of({"type": "system", "subtype": "api_error", "error": error})

    assert failure
    assert failure.error_type == name


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
FIELDS: Final = "error retryInMs message apiErrorStatus apiErrorType apiError requestId uuid timestamp".split()


@given(
    kind=st.sampled_from(
        [{"type": "system", "subtype": "api_error"}, {"type": "assistant", "isApiErrorMessage": True}]
    ),
    fields=st.dictionaries(st.sampled_from(FIELDS), values),
)
def test_a_failure_of_any_shape_is_read(kind: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Whatever the fields of such a record hold, reading it never raises, and a failure always has a name."""
    record = {**fields, **kind}
    failure = failure_of(record)
    list(Transcript().feed(json.dumps(record).encode() + b"\n"))

    assert failure
    assert failure.error_type
