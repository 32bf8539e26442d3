"""
Watches the transcripts of sessions that are being heard of, and takes in the model calls that appear in them.

A call is taken in once: its session and message id make its digest, and the journal knows digests. So how far a file
was read need not survive: after a restart it is read from its beginning, and what the journal knows is passed over.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from cc_otel.agent.describe import Content
from cc_otel.agent.processes import alive
from cc_otel.agent.redaction.redact import redact
from cc_otel.agent.truncation import fit
from cc_otel.claude_code.payload import Payload, text_of
from cc_otel.claude_code.transcript.chats import ModelCall, Transcript
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.event import Cause, Handler, HookEvent, Observation
from cc_otel.journal.counters import Counter
from cc_otel.journal.inputs import InputKind, JournalInput
from cc_otel.journal.journal import Journal
from cc_otel.json_values import Json, object_of

log = logging.getLogger(__name__)

LOOK_NS: Final = 500_000_000
"""How often the files are looked at: `flush` waits 3 s for what is written at a session's end."""

WATCH_NS: Final = 30_000_000_000
"""How long after a session's last event its files are looked at: the client writes them late."""

KEEP_NS: Final = 3_600_000_000_000
"""How long after a session's last event it is known how its files go on."""

FINAL_LOOK_NS: Final = 100_000_000
"""How soon files are looked at again whose client is gone: what is quiet then stays so."""

QUIET_NS: Final = 1_500_000_000
"""After this long without a new record, nothing more is written of what is over."""

AHEAD_NS_MAX: Final = 60_000_000_000
"""How far ahead of our clock a call may say it was; beyond it, it happened now."""

READ_BYTES_MAX: Final = 1 << 20
"""How much one look reads. The rest is read in the next rounds: events must not wait for a long history."""

FILES_MAX: Final = 128
"""How many files are known by their last records. Of others it is only known how far they were read."""

OFFSETS_MAX: Final = 10_000
CONTENT_BYTES_MAX: Final = 1 << 18
ASKED_MAX: Final = 64

_AFTER_ANSWERS: Final = frozenset({"Stop", "StopFailure"})
_AFTER_ALL: Final = frozenset({"SessionEnd", Cause.PROCESS_GONE, Cause.IDLE})


@dataclass(slots=True)
class _Session:
    """
    A session that is heard of: its client's pid, its transcript, and when it was last heard of (ns, our clock).

    ``over_ns`` tells by which time (ns) all answers were over: of a subagent by its id, of the session itself under
    no id, of all of them under None. ``read_ns`` is that of all of them, once all files were read to their ends after.
    """

    pid: int
    path: str
    heard_ns: int
    over_ns: dict[str | None, int] = field(default_factory=dict)
    read_ns: int = 0

    @property
    def is_final(self) -> bool:
        """Whether its files are as they will stay, and not read since: it has ended, and its client is gone."""
        ended_ns = self.over_ns.get(None, 0)
        return bool(self.pid) and ended_ns > self.read_ns and not alive(self.pid, ended_ns)

    def is_over(self, call: ModelCall, agent_id: str) -> bool:
        """Whether something was told that comes after the whole answer."""
        return call.end_ns <= max(self.over_ns.get(agent_id, 0), self.over_ns.get(None, 0))


@dataclass(slots=True)
class _File:
    """A transcript, how far it was read, and when it last grew (ns, our clock)."""

    transcript: Transcript
    offset: int
    grew_ns: int


_Key = tuple[str, str]
"""A session's id, and the path of one of its files."""


class ChatWatch:
    """All transcripts that may grow."""

    def __init__(self, transcripts: Transcripts, journal: Journal) -> None:
        """Take the one who may open files, and where calls go."""
        self._transcripts = transcripts
        self._journal = journal
        self._sessions: dict[str, _Session] = {}
        # Those that grew last stand last.
        self._files: OrderedDict[_Key, _File] = OrderedDict()
        self._offsets: OrderedDict[_Key, int] = OrderedDict()
        # Calls that are whole, each with its session and pid, until the journal has them.
        self._whole: list[tuple[ModelCall, str, int]] = []
        self._looked_ns = 0
        self._look_ns = LOOK_NS
        self._more = False

    def finished(self) -> dict[str, int]:
        """Return the sessions that have ended and of which nothing more will be read, and when they ended (ns)."""
        return {} if self._whole else {name: it.read_ns for name, it in self._sessions.items() if it.read_ns}

    def hear(self, told: HookEvent | Observation, now_ns: int) -> None:
        """Note what is told of a session: its transcripts are watched for a while, and which answers are over."""
        session = self._sessions.get(told.session_id)
        if isinstance(told, HookEvent):
            if not told.transcript_path or told.ended_ns:
                return
            if session is None or session.path != told.transcript_path:
                session = self._sessions[told.session_id] = _Session(told.pid, told.transcript_path, now_ns)
            session.pid = told.pid
        if session is None:
            return
        session.heard_ns = now_ns
        name = told.name if isinstance(told, HookEvent) else told.cause
        if name in _AFTER_ALL:
            session.over_ns[None] = told.clock_ns
            self._look_ns = FINAL_LOOK_NS
        elif name in _AFTER_ANSWERS:
            session.over_ns[""] = told.clock_ns
        elif isinstance(told, HookEvent) and name == "SubagentStop" and told.agent_id:
            session.over_ns[told.agent_id] = told.clock_ns

    def look(self, now_ns: int) -> bool:
        """
        Take in the calls that have appeared since the last look; give whether there is more to read at once.

        It costs nothing to ask too often.

        Raises:
            JournalUnavailable: it took none of them; the next look brings them again.

        """
        # Differences of either sign: a clock that is set back must not stop this.
        if not self._whole and (self._more or abs(now_ns - self._looked_ns) >= self._look_ns):
            self._looked_ns = now_ns
            self._read(now_ns)
        if self._whole:
            self._take_in(now_ns)
        return self._more

    def _take_in(self, now_ns: int) -> None:
        known = self._journal.inputs.known(
            [_digest(session_id, call.message_id) for call, session_id, _ in self._whole]
        )
        arrivals = []
        for call, session_id, pid in self._whole:
            if _digest(session_id, call.message_id) in known:
                continue
            try:
                arrivals.append(arrival_of(call, session_id, pid, now_ns))
            except Exception:
                # The seam around one call: whatever it holds, it must not stop the others.
                log.exception("a model call could not be read")
                self._journal.counters.add(Counter.CALLS_NOT_READ)
        self._journal.inputs.take_in(arrivals)
        self._whole = []

    # Reading

    def _read(self, now_ns: int) -> None:
        # Before their sizes are taken, which then are their last ones.
        final = {name for name, session in self._sessions.items() if session.is_final}
        # The shortest way to go first: a long history must not keep others waiting.
        grown = sorted(self._grown(now_ns), key=lambda grown: grown[0])
        left = READ_BYTES_MAX
        for _, key, agent_id, session in grown:
            left -= self._read_on(key, agent_id, session, left, now_ns)
            if left <= 0:
                break
        self._more = left <= 0
        growing = {key for _, key, _, _ in grown}
        for key in [key for key in self._files if key not in growing]:
            if key[0] in final or self._is_settled(key, self._files[key], now_ns):
                self._give(key, self._files[key].transcript.finish())
        read = final - {name for name, _ in growing}
        for name in read:
            self._sessions[name].read_ns = self._sessions[name].over_ns[None]
        self._look_ns = FINAL_LOOK_NS if final - read else LOOK_NS
        self._forget(now_ns)

    def _grown(self, now_ns: int) -> Iterator[tuple[int, _Key, str, _Session]]:
        """Give the files that hold what was not read, and how much of it, bytes."""
        for session_id, session in self._sessions.items():
            if abs(now_ns - session.heard_ns) >= WATCH_NS:
                continue
            for path, agent_id, size in self._transcripts.sizes(session.path, session_id):
                key = (session_id, str(path))
                file = self._files.get(key)
                offset = file.offset if file else self._offsets.get(key, 0)
                if size < offset:
                    # Written anew: the journal knows which of its calls are old.
                    self._files.pop(key, None)
                    self._offsets.pop(key, None)
                    offset = 0
                if size > offset:
                    yield size - offset, key, agent_id, session

    def _read_on(self, key: _Key, agent_id: str, session: _Session, bytes_max: int, now_ns: int) -> int:
        file = self._files.get(key) or _File(Transcript(agent_id), self._offsets.get(key, 0), now_ns)
        data = self._transcripts.read_on(Path(key[1]), file.offset, bytes_max)
        if data:
            self._offsets.pop(key, None)
            self._files[key] = file
            self._files.move_to_end(key)
            file.offset += len(data)
            file.grew_ns = now_ns
            self._give(key, file.transcript.feed(data))
        return len(data)

    def _give(self, key: _Key, calls: Iterator[ModelCall]) -> None:
        session = self._sessions[key[0]]
        self._whole.extend((call, key[0], session.pid) for call in calls)

    def _is_settled(self, key: _Key, file: _File, now_ns: int) -> bool:
        call = file.transcript.pending
        if call is None or abs(now_ns - file.grew_ns) <= QUIET_NS:
            return False
        # A quiet file alone proves nothing: the client writes each block when it is there, and one may take minutes.
        return bool(call.stop_reason) or self._sessions[key[0]].is_over(call, file.transcript.agent_id)

    # Forgetting

    def _forget(self, now_ns: int) -> None:
        """Let go of files that did not grow for longest, and of sessions that nothing is heard of."""
        old = {name for name, session in self._sessions.items() if abs(now_ns - session.heard_ns) >= KEEP_NS}
        keys = [key for key in self._files if key[0] in old]
        keys += [key for key in self._files if key[0] not in old][: max(len(self._files) - len(keys) - FILES_MAX, 0)]
        for key in keys:
            self._rest(key)
        for name in old:
            del self._sessions[name]

    def _rest(self, key: _Key) -> None:
        """Give what is known of a file's last call, and remember where its next record begins."""
        file = self._files.pop(key)
        self._give(key, file.transcript.finish())
        self._offsets[key] = file.offset - file.transcript.unread_bytes
        if len(self._offsets) > OFFSETS_MAX:
            self._offsets.popitem(last=False)


def arrival_of(call: ModelCall, session_id: str, pid: int, now_ns: int) -> JournalInput:
    """Make a model call an input of the assembler, redacted and cut."""
    # A file may say anything: a call of next year would wait to be assembled until then.
    latest_ns = now_ns + AHEAD_NS_MAX
    start_ns = call.start_ns if call.start_ns <= latest_ns else now_ns
    end_ns = max(start_ns, min(start_ns + call.end_ns - call.start_ns, latest_ns))
    named = {
        "message_id": call.message_id,
        "prompt_id": call.prompt_id,
        "agent_id": call.agent_id,
        "model": call.model,
        "error_type": call.failure.error_type if call.failure else "",
        "asked_for": [block.get("id") for block in call.blocks if block.get("type") == "tool_use"][:ASKED_MAX],
    }
    said: dict[str, Any] = {
        "requested_model": call.requested_model,
        "request_id": call.request_id,
        "stop_reason": call.stop_reason,
        "effort": {"level": call.effort} if call.effort else None,
        "usage": call.usage,
        "resend_count": call.resend_count,
        "failure": call.failure and asdict(call.failure),
        # The arguments of a call stand on its own span.
        "blocks": [{key: value for key, value in block.items() if key != "input"} for block in call.blocks],
    }
    redacted = redact(cast(Json, {"named": named, "said": said}))
    # Redacting keeps the shape: an object stays one.
    safe = cast(Payload, redacted.value)
    names = object_of(safe["named"])
    fitted = fit(safe["said"], CONTENT_BYTES_MAX)
    event = HookEvent(
        name="ModelCall",
        handler=Handler.MODEL_CALL,
        clock_ns=start_ns,
        session_id=session_id,
        digest=text_of(names, "message_id"),
        pid=pid,
        prompt_id=text_of(names, "prompt_id"),
        agent_id=text_of(names, "agent_id"),
        model=text_of(names, "model"),
        ended_ns=max(end_ns, 1),
        error_type=text_of(names, "error_type"),
        asked_for=tuple(text_of({"id": name}, "id") for name in names["asked_for"]),
    )
    content = Content(cast(Payload, fitted.value), redacted.count, fitted.truncated)
    return JournalInput(
        InputKind.MODEL_CALL,
        session_id,
        start_ns,
        event.to_json(),
        digest=_digest(session_id, event.digest),
        content=content.to_json(),
    )


def _digest(session_id: str, message_id: str) -> str:
    # A forked session's transcript begins with a copy of the other's: which is read first must not matter.
    return f"chat {session_id} {message_id}"
