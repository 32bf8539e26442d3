"""
Model calls, read from the client's transcripts while they grow.

A transcript is the client's own file: internal to it, late, and never promised. One API response stands in it as one
record per content block, all with the same message id and the same usage, so records are put together by that id
(hooks reference, section 9). A request that failed is a call too, without an answer. What is not understood is passed
over.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from cc_otel.agent.transcript.failures import Failure, failure_of

RECORDS_MAX: Final = 20_000
"""How many records are remembered to find the prompt that a call belongs to."""

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
        """Begin at the file's start. A subagent's own file names it."""
        self._agent_id = agent_id
        self._rest = b""
        self._prompts: OrderedDict[str, str] = OrderedDict()
        self._requests: OrderedDict[str, _Request] = OrderedDict()
        self._unanswered: _Request | None = None
        self._sent_count = 0
        self._call: ModelCall | None = None

    def feed(self, data: bytes) -> Iterator[ModelCall]:
        """Read on; give the calls that other records have followed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_BYTES_MAX:
            self._rest = b""
        for line in lines:
            yield from self._record(line)

    def finish(self) -> Iterator[ModelCall]:
        """Give the last call: nothing has been written for a while, so no block of it is to come."""
        if self._call:
            yield self._call
            self._call = None

    def _record(self, line: bytes) -> Iterator[ModelCall]:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        if not isinstance(record, dict):
            return
        kind, uuid = record.get("type"), _text(record.get("uuid"))
        clock_ns = _clock_ns(record.get("timestamp"))
        prompt_id = _text(record.get("promptId")) or self._prompts.get(_text(record.get("parentUuid")), "")
        if uuid:
            _remember(self._prompts, uuid, prompt_id, RECORDS_MAX)
        if kind == "api-request" and clock_ns:
            self._unanswered = _Request(clock_ns, self._sent_count)
            self._sent_count += 1
            _remember(self._requests, _text(record.get("id")), self._unanswered, REQUESTS_MAX)
        message = record.get("message")
        if failure := failure_of(record):
            yield from self._fail(record, failure, clock_ns, prompt_id)
        elif kind == "assistant" and isinstance(message, dict) and message.get("model") != _SYNTHETIC and clock_ns:
            yield from self._block(record, message, clock_ns, prompt_id)
        elif uuid:
            # Any other record of the conversation comes after the whole answer, and before a request of its own.
            yield from self.finish()
            self._sent_count = 0

    def _fail(self, record: dict[str, Any], failure: Failure, clock_ns: int, prompt_id: str) -> Iterator[ModelCall]:
        yield from self.finish()
        request, self._unanswered = self._unanswered, None
        if failure.retry_ms is None:
            self._sent_count = 0
        # The client also says in this way that it gives up on answers it did get: those are calls of their own.
        if request and clock_ns and (record_id := _text(record.get("uuid"))):
            yield ModelCall(
                message_id=record_id,
                model="",
                start_ns=request.clock_ns,
                end_ns=clock_ns,
                prompt_id=prompt_id,
                agent_id=_text(record.get("agentId")) or self._agent_id,
                request_id=failure.request_id,
                resend_count=request.resend_count,
                failure=failure,
            )

    def _block(
        self, record: dict[str, Any], message: dict[str, Any], clock_ns: int, prompt_id: str
    ) -> Iterator[ModelCall]:
        message_id = _text(message.get("id"))
        if not message_id:
            return
        known = self._call
        if known and known.message_id != message_id:
            yield from self.finish()
            known = None
        request = self._requests.get(_text(record.get("requestRef")))
        self._unanswered, self._sent_count = None, 0
        content = message.get("content")
        blocks = tuple(block for block in content if isinstance(block, dict)) if isinstance(content, list) else ()
        usage = message.get("usage")
        self._call = ModelCall(
            message_id=message_id,
            model=_text(message.get("model")),
            start_ns=known.start_ns if known else request.clock_ns if request else clock_ns,
            end_ns=clock_ns,
            prompt_id=prompt_id,
            agent_id=_text(record.get("agentId")) or self._agent_id,
            request_id=_text(record.get("requestId")),
            requested_model=_text(record.get("requestedModel")),
            stop_reason=_text(message.get("stop_reason")),
            effort=_text(record.get("effort")),
            usage=usage if isinstance(usage, dict) else {},
            blocks=(known.blocks if known else ()) + blocks,
            resend_count=request.resend_count if request else 0,
        )


def _remember(memory: "OrderedDict[str, Any]", key: str, value: object, count_max: int) -> None:
    memory[key] = value
    if len(memory) > count_max:
        memory.popitem(last=False)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _clock_ns(value: object) -> int:
    try:
        return int(datetime.fromisoformat(_text(value)).timestamp() * 1000) * 1_000_000
    except (ValueError, OverflowError, OSError):
        return 0
