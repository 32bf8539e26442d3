"""What the Collector does with each answer of the graph-exporter (OTLP 1.11, Failures; Collector 0.161)."""

import grpc
import pytest

from tests.stack.process import wait_for
from tests.stack.programs import Collector, MakeCollector, Send
from tests.stack.receiver import Answer, Receiver
from tests.stack.trees import plain

pytestmark = pytest.mark.stack

GRAPH = "otlp_grpc/graph"


@pytest.fixture
def between(collector: MakeCollector, graph: Receiver, sink: Receiver) -> Collector:
    """The Collector between an agent and that."""
    return collector(graph.endpoint, sink.endpoint)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(grpc.StatusCode.UNAVAILABLE),
        Answer(grpc.StatusCode.CANCELLED),
        Answer(grpc.StatusCode.DEADLINE_EXCEEDED),
        Answer(grpc.StatusCode.ABORTED),
        Answer(grpc.StatusCode.OUT_OF_RANGE),
        Answer(grpc.StatusCode.DATA_LOSS),
        Answer(grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after_s=0.1),
    ],
    ids=lambda answer: answer.code.name,
)
def test_a_retryable_answer_brings_the_same_spans_again(
    between: Collector, graph: Receiver, send: Send, answer: Answer
) -> None:
    """What was answered with a retryable code is sent again until it is taken."""
    span = plain("retryable", 1)
    graph.script.append(answer)
    send(between.destination(), [span])
    wait_for("the second attempt", lambda: graph.accepted[span.span_id])
    first, second = graph.attempts

    assert first.spans == second.spans
    assert {span.span_id: 1} == graph.accepted


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        # Without RetryInfo it says that the message will never fit.
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    ],
    ids=lambda code: code.name,
)
def test_a_permanent_answer_ends_the_spans_and_is_counted(
    between: Collector, graph: Receiver, send: Send, code: grpc.StatusCode
) -> None:
    """What was answered with a permanent code is given up at once, counted, and holds up nothing behind it."""
    given_up, behind = plain("permanent", 1), plain("permanent", 2)
    graph.script.append(Answer(code))
    send(between.destination(), [given_up])
    wait_for("the failure to be counted", lambda: between.metric("otelcol_exporter_send_failed_spans", GRAPH))
    send(between.destination(), [behind])
    wait_for("the next span", lambda: graph.accepted[behind.span_id])

    failed = between.metric("otelcol_exporter_send_failed_spans", GRAPH)
    attempts = [attempt.spans[0].span_id for attempt in graph.attempts]

    assert (1, [given_up.span_id, behind.span_id]) == (failed, attempts)


def test_the_collector_comes_back_no_sooner_than_it_was_told(between: Collector, graph: Receiver, send: Send) -> None:
    """RetryInfo in an answer is a lower bound on the wait before the next attempt."""
    span = plain("throttled", 1)
    graph.script.append(Answer(grpc.StatusCode.UNAVAILABLE, retry_after_s=3))
    send(between.destination(), [span])
    wait_for("the second attempt", lambda: graph.accepted[span.span_id])
    first, second = graph.attempts

    assert second.at_s - first.at_s >= 3


def test_a_partial_success_is_not_sent_again(between: Collector, graph: Receiver, send: Send, sink: Receiver) -> None:
    """Rejected spans are the graph-exporter's to keep: the Collector sends nothing of the request again."""
    rejected, behind = plain("partial", 1), plain("partial", 2)
    graph.script.append(Answer(rejected_spans=1))
    send(between.destination(), [rejected])
    wait_for("the answer", lambda: graph.accepted[rejected.span_id])
    send(between.destination(), [behind])
    wait_for("the next span", lambda: graph.accepted[behind.span_id] and sink.accepted[behind.span_id])

    assert [rejected.span_id, behind.span_id] == [attempt.spans[0].span_id for attempt in graph.attempts]
    assert "Partial success" in between.output()
