"""
Model calls, read from one of the client's transcripts while it grows.

A transcript is the client's own file: internal to it, late, and without a documented format. One API response stands
in it as one record per content block; records written before the response was over have no stop reason and fewer
tokens (hooks reference, section 9). Which records are one response is decided here by the rules of docs/transcripts.md.
A request that failed is a call too, without an answer. Records that are not understood are ignored.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cc_otel.claude_code.payload import text_of
from cc_otel.claude_code.transcript.failures import Failure, failure_of
from cc_otel.claude_code.transcript.records import json_of, timestamp_ns
from cc_otel.json_values import object_of, objects_of

RECORDS_MAX: Final = 1000
"""How many records are remembered to find the prompt that a call belongs to: each names one not far before it."""

REQUESTS_MAX: Final = 64
OPEN_MAX: Final = 16
"""How many answers of one file may be open at once; beyond it, the earliest counts as complete."""

LINE_BYTES_MAX: Final = 16 << 20

QUIET_NS: Final = 1_500_000_000
"""An answer with a stop reason is complete once the file has gone on for this long without another record of it."""

_SYNTHETIC: Final = "<synthetic>"


@dataclass(frozen=True, slots=True)
class TranscriptCall:
    """
    One API response, or one request that got none and says why in ``failure``. Times are ns since the epoch.

    ``uuid`` is that of its first record. ``usage`` and ``model`` are those of the record with a stop reason and the
    most output tokens. ``resend_count`` is how often the same request had been sent before. The rest is evidence of
    where the call belongs: ``has_request`` if the file holds its request, ``is_copy`` if the file holds it as the
    history of a fork, ``clocks`` the times of its records, ``size`` their bytes.
    """

    message_id: str
    model: str
    start_ns: int
    end_ns: int
    uuid: str = ""
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
    has_request: bool = False
    is_copy: bool = False
    clocks: frozenset[int] = frozenset()
    size: int = 0

    @property
    def rank(self) -> tuple[bool, int]:
        """Return what decides which of two records says more of the same answer."""
        return bool(self.stop_reason), output_tokens(self.usage)

    def continues(self, earlier: "TranscriptCall") -> bool:
        """Whether this, read later from the same file, is part of the same answer by its ids, usage and stop reason."""
        if self.message_id != earlier.message_id:
            return False
        if self.request_id and earlier.request_id:
            return self.request_id == earlier.request_id
        return self.usage == earlier.usage or not earlier.stop_reason


def output_tokens(usage: dict[str, Any]) -> int:
    """Return the output tokens of a usage, 0 where it has no such count."""
    count = usage.get("output_tokens")
    return count if isinstance(count, int) else 0


@dataclass(frozen=True, slots=True)
class _Request:
    """When a request was sent (ns), and how often the same had been sent before."""

    clock_ns: int
    resend_count: int


@dataclass(slots=True)
class _Open:
    """An answer that may go on: what is known of it, its last record, and the ids of its records."""

    call: TranscriptCall
    last: TranscriptCall
    uuids: set[str]

    def is_continued_by(self, record: TranscriptCall, parent_uuid: str) -> bool:
        if not record.message_id and not self.call.message_id:
            return parent_uuid in self.uuids
        return bool(record.message_id) and record.continues(self.last)

    def add(self, record: TranscriptCall) -> None:
        known = self.call
        best = record if record.rank >= known.rank else known
        self.call = replace(
            known,
            # What was not known when the first block was written, another may say.
            model=best.model or known.model,
            usage=best.usage,
            stop_reason=best.stop_reason,
            end_ns=max(known.end_ns, record.end_ns),
            prompt_id=known.prompt_id or record.prompt_id,
            request_id=known.request_id or record.request_id,
            requested_model=record.requested_model or known.requested_model,
            effort=record.effort or known.effort,
            blocks=known.blocks + record.blocks,
            clocks=known.clocks | record.clocks,
            has_request=known.has_request or record.has_request,
            size=known.size + record.size,
        )
        self.last = record
        self.uuids.add(record.uuid)


class Transcript:
    """One transcript file: takes its bytes as they come, and returns the calls that are complete."""

    def __init__(self, agent_id: str = "") -> None:
        """Begin at the start of the file, or of a record. ``agent_id`` is the subagent whose file it is."""
        self.agent_id = agent_id
        self._rest = b""
        self._prompts: OrderedDict[str, str] = OrderedDict()
        self._requests: OrderedDict[str, _Request] = OrderedDict()
        self._unanswered: _Request | None = None
        self._sent_count = 0
        self._open: list[_Open] = []
        # Between the mark of a fork and its first own prompt stand records that were copied from its parent.
        self._is_copying = False

    @property
    def unread_bytes(self) -> int:
        """Return how many bytes were fed of a record whose end is still to come."""
        return len(self._rest)

    @property
    def open_ids(self) -> set[str]:
        """Return the message ids of the answers that may go on."""
        return {answer.call.message_id for answer in self._open}

    def feed(self, data: bytes) -> Iterator[TranscriptCall]:
        """Read on; return the calls that are complete by what follows them."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_BYTES_MAX:
            self._rest = b""
        for line in lines:
            yield from self._record(object_of(json_of(line)), len(line))

    def finish(self, is_complete: Callable[[TranscriptCall], object] = lambda _: True) -> Iterator[TranscriptCall]:
        """Return the open calls that are complete, all unless told otherwise: no record of them is to come."""
        calls = [answer.call for answer in self._open if is_complete(answer.call)]
        self._open = [answer for answer in self._open if not is_complete(answer.call)]
        yield from calls

    def _record(self, record: dict[str, Any], size: int) -> Iterator[TranscriptCall]:
        kind, uuid = record.get("type"), text_of(record, "uuid")
        clock_ns = timestamp_ns(record.get("timestamp"))
        prompt_id = text_of(record, "promptId") or self._prompts.get(text_of(record, "parentUuid"), "")
        if uuid:
            _remember(self._prompts, uuid, prompt_id, RECORDS_MAX)
        if kind == "api-request" and clock_ns:
            self._unanswered = _Request(clock_ns, self._sent_count)
            self._sent_count += 1
            _remember(self._requests, text_of(record, "id"), self._unanswered, REQUESTS_MAX)
        elif kind == "fork-context-ref":
            self._is_copying = True
        message = object_of(record.get("message"))
        if failure := failure_of(record):
            yield from self._fail(record, failure, clock_ns, prompt_id)
        elif kind == "assistant" and message and message.get("model") != _SYNTHETIC and clock_ns:
            yield from self._answer(record, self._part(record, message, clock_ns, prompt_id, size))
        elif uuid:
            self._sent_count = 0
            if kind == "user":
                yield from self._user(message)

    def _user(self, message: dict[str, Any]) -> Iterator[TranscriptCall]:
        if self._is_copying:
            self._is_copying = False
            yield from self.finish()
        # A call's result may come, and what hooks say to it, while the answer that asked for it still goes on.
        elif not any(block.get("type") == "tool_result" for block in _blocks(message)):
            yield from self.finish()

    def _fail(
        self, record: dict[str, Any], failure: Failure, clock_ns: int, prompt_id: str
    ) -> Iterator[TranscriptCall]:
        yield from self.finish()
        request, self._unanswered = self._unanswered, None
        if failure.retry_ms is None:
            self._sent_count = 0
        # The client also says in this way that it gives up on answers it did get: those are calls of their own.
        if request and clock_ns and (record_id := text_of(record, "uuid")):
            yield TranscriptCall(
                message_id="",
                model="",
                start_ns=request.clock_ns,
                end_ns=clock_ns,
                uuid=record_id,
                prompt_id=prompt_id,
                agent_id=text_of(record, "agentId") or self.agent_id,
                request_id=failure.request_id,
                resend_count=request.resend_count,
                failure=failure,
            )

    def _part(
        self, record: dict[str, Any], message: dict[str, Any], clock_ns: int, prompt_id: str, size: int
    ) -> TranscriptCall:
        known = self._requests.get(text_of(record, "requestRef"))
        request = known or _Request(clock_ns, 0)
        return TranscriptCall(
            message_id=text_of(message, "id"),
            model=text_of(message, "model"),
            start_ns=request.clock_ns,
            end_ns=max(request.clock_ns, clock_ns),
            uuid=text_of(record, "uuid"),
            prompt_id=prompt_id,
            agent_id=text_of(record, "agentId") or self.agent_id,
            request_id=text_of(record, "requestId"),
            requested_model=text_of(record, "requestedModel"),
            stop_reason=text_of(message, "stop_reason"),
            effort=text_of(record, "effort"),
            usage=object_of(message.get("usage")),
            blocks=_blocks(message),
            resend_count=request.resend_count,
            has_request=known is not None,
            is_copy=self._is_copying,
            clocks=frozenset({clock_ns}),
            size=size,
        )

    def _answer(self, record: dict[str, Any], part: TranscriptCall) -> Iterator[TranscriptCall]:
        if not part.message_id and not part.uuid:
            # Nothing would tell it from itself when the file is read again.
            return
        self._unanswered, self._sent_count = None, 0
        parent_uuid = text_of(record, "parentUuid")
        known = next((answer for answer in self._open if answer.is_continued_by(part, parent_uuid)), None)
        if known:
            known.add(part)
            return
        latest_ns = part.end_ns - QUIET_NS
        yield from self.finish(lambda call: call.stop_reason and call.end_ns <= latest_ns)
        self._open.append(_Open(part, part, {part.uuid}))
        if len(self._open) > OPEN_MAX:
            yield self._open.pop(0).call


def _blocks(message: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return objects_of(message.get("content"))


def _remember(memory: "OrderedDict[str, Any]", key: str, value: object, count_max: int) -> None:
    memory[key] = value
    if len(memory) > count_max:
        memory.popitem(last=False)
