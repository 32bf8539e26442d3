"""
Model calls, read from the client's transcripts while they grow.

A transcript is the client's own file: internal to it, late, and never promised. One API response stands in it as one
record per content block, all with the same message id; those written before the response was over have no stop reason
and fewer tokens. So records are put together by that id (hooks reference, section 9). A request that failed is a call
too, without an answer. What is not understood is passed over.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cc_otel.claude_code.payload import text_of
from cc_otel.claude_code.transcript.failures import Failure, failure_of
from cc_otel.claude_code.transcript.records import json_of, timestamp_ns
from cc_otel.json_values import object_of, objects_of

RECORDS_MAX: Final = 1000
"""How many records are remembered to find the prompt that a call belongs to: each names one not far before it."""

REQUESTS_MAX: Final = 64
LINE_BYTES_MAX: Final = 16 << 20

_SYNTHETIC: Final = "<synthetic>"


@dataclass(frozen=True, slots=True)
class ModelCall:
    """
    One API response, or one request that got none and says why in ``failure``. Times are ns since the epoch.

    ``message_id`` is the response's; a failure has that of the record that tells of it. ``blocks`` hold what was said,
    ``usage`` what it took; ``resend_count`` tells how often the same had been sent before.
    """

    message_id: str
    model: str
    start_ns: int
    end_ns: int
    prompt_id: str = ""
    agent_id: str = ""
    request_id: str = ""
    requested_model: str = ""
    stop_reason: str = ""
    effort: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    blocks: tuple[dict[str, Any], ...] = ()
    resend_count: int = 0
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class _Request:
    """When a request was sent (ns), and how often the same had been before."""

    clock_ns: int
    resend_count: int


class Transcript:
    """One transcript file: give it the bytes as they come, take the calls that are whole."""

    def __init__(self, agent_id: str = "") -> None:
        """Begin where the file does, or where a record does. A subagent's own file names it."""
        self.agent_id = agent_id
        self._rest = b""
        self._prompts: OrderedDict[str, str] = OrderedDict()
        self._requests: OrderedDict[str, _Request] = OrderedDict()
        self._unanswered: _Request | None = None
        self._sent_count = 0
        self._call: ModelCall | None = None

    @property
    def unread_bytes(self) -> int:
        """How much was fed of a record whose end is still to come, bytes."""
        return len(self._rest)

    @property
    def pending(self) -> ModelCall | None:
        """The last call as far as it is known: nothing has come after it in the file."""
        return self._call

    def feed(self, data: bytes) -> Iterator[ModelCall]:
        """Read on; give the calls whose answer is over by what has followed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_BYTES_MAX:
            self._rest = b""
        for line in lines:
            yield from self._record(object_of(json_of(line)))

    def finish(self) -> Iterator[ModelCall]:
        """Give the last call: no block of it is to come."""
        if self._call:
            yield self._call
            self._call = None

    def _record(self, record: dict[str, Any]) -> Iterator[ModelCall]:
        kind, uuid = record.get("type"), text_of(record, "uuid")
        clock_ns = timestamp_ns(record.get("timestamp"))
        prompt_id = text_of(record, "promptId") or self._prompts.get(text_of(record, "parentUuid"), "")
        if uuid:
            _remember(self._prompts, uuid, prompt_id, RECORDS_MAX)
        if kind == "api-request" and clock_ns:
            self._unanswered = _Request(clock_ns, self._sent_count)
            self._sent_count += 1
            _remember(self._requests, text_of(record, "id"), self._unanswered, REQUESTS_MAX)
        message = object_of(record.get("message"))
        if failure := failure_of(record):
            yield from self._fail(record, failure, clock_ns, prompt_id)
        elif kind == "assistant" and message and message.get("model") != _SYNTHETIC and clock_ns:
            yield from self._block(record, message, clock_ns, prompt_id)
        elif uuid:
            self._sent_count = 0
            # A call's result may come, and what hooks say to it, while the answer that asked for it still goes on.
            if kind == "user" and not any(block.get("type") == "tool_result" for block in _blocks(message)):
                yield from self.finish()

    def _fail(self, record: dict[str, Any], failure: Failure, clock_ns: int, prompt_id: str) -> Iterator[ModelCall]:
        yield from self.finish()
        request, self._unanswered = self._unanswered, None
        if failure.retry_ms is None:
            self._sent_count = 0
        # The client also says in this way that it gives up on answers it did get: those are calls of their own.
        if request and clock_ns and (record_id := text_of(record, "uuid")):
            yield ModelCall(
                message_id=record_id,
                model="",
                start_ns=request.clock_ns,
                end_ns=clock_ns,
                prompt_id=prompt_id,
                agent_id=text_of(record, "agentId") or self.agent_id,
                request_id=failure.request_id,
                resend_count=request.resend_count,
                failure=failure,
            )

    def _block(
        self, record: dict[str, Any], message: dict[str, Any], clock_ns: int, prompt_id: str
    ) -> Iterator[ModelCall]:
        message_id = text_of(message, "id")
        if not message_id:
            return
        if self._call and self._call.message_id != message_id:
            yield from self.finish()
        request = self._requests.get(text_of(record, "requestRef")) or _Request(clock_ns, 0)
        self._unanswered, self._sent_count = None, 0
        known = self._call or ModelCall(message_id, "", request.clock_ns, clock_ns, resend_count=request.resend_count)
        self._call = replace(
            known,
            # What was not known when the first block was written, another tells.
            model=text_of(message, "model") or known.model,
            end_ns=max(known.end_ns, clock_ns),
            prompt_id=known.prompt_id or prompt_id,
            agent_id=text_of(record, "agentId") or self.agent_id,
            request_id=text_of(record, "requestId") or known.request_id,
            requested_model=text_of(record, "requestedModel") or known.requested_model,
            stop_reason=text_of(message, "stop_reason") or known.stop_reason,
            effort=text_of(record, "effort") or known.effort,
            usage=_more(known.usage, object_of(message.get("usage"))),
            blocks=known.blocks + _blocks(message),
        )


def _blocks(message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return objects_of(message.get("content"))


def _more(known: dict[str, Any], told: dict[str, Any], depth: int = 1) -> dict[str, Any]:
    """Put together what two records of one answer say it took: counts grow while it streams, so the larger is true."""
    merged = dict(known)
    for key, value in told.items():
        before = known.get(key)
        if depth and isinstance(value, dict):
            merged[key] = _more(object_of(before), value, depth - 1)
        else:
            merged[key] = max(before, value) if isinstance(before, int) and isinstance(value, int) else value
    return merged


def _remember(memory: "OrderedDict[str, Any]", key: str, value: object, count_max: int) -> None:
    memory[key] = value
    if len(memory) > count_max:
        memory.popitem(last=False)
