"""
Watches the transcripts of sessions that are being heard of, and takes in the model calls that appear in them.

A call is taken in once: its digest is its message id, and the journal knows digests. So nothing is remembered of how
far a file was read; after a restart it is read again from its beginning.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from cc_otel.agent.describe import Content
from cc_otel.agent.events import HookEvent, Payload
from cc_otel.agent.limits import fit
from cc_otel.agent.redaction.redact import redact
from cc_otel.agent.transcript.chats import ModelCall, Transcript
from cc_otel.agent.transcript.files import Transcripts
from cc_otel.journal import Arrival

LOOK_NS: Final = 1_000_000_000
"""How often the files are looked at."""

WATCH_NS: Final = 30_000_000_000
"""How long after a session's last event its files are watched: the client writes them late."""

QUIET_NS: Final = 1_500_000_000
"""After this long without a new record, the last call of a file is whole."""

AHEAD_NS_MAX: Final = 60_000_000_000
"""How far ahead of our clock a call may say it was; beyond it, it happened now."""

READ_BYTES_MAX: Final = 4 << 20
FILES_MAX: Final = 200
CONTENT_BYTES_MAX: Final = 1 << 18
ASKED_MAX: Final = 64


@dataclass(slots=True)
class _File:
    """A transcript, how far it was read, and when it last grew (ns, our clock)."""

    transcript: Transcript
    offset: int = 0
    grew_ns: int = 0


@dataclass(slots=True)
class _Session:
    """A session that is heard of: its client's pid, its transcript, and the files that belong to it."""

    pid: int
    path: str
    heard_ns: int
    files: dict[Path, _File] = field(default_factory=dict)


class ChatWatch:
    """All transcripts that may grow."""

    def __init__(self, transcripts: Transcripts) -> None:
        """Take the one who may open files."""
        self._transcripts = transcripts
        self._sessions: dict[str, _Session] = {}
        self._looked_ns = 0

    def hear(self, event: HookEvent, now_ns: int) -> None:
        """Note an event's session, so that its transcripts are watched for a while."""
        if not event.transcript_path or event.ended_ns:
            return
        known = self._sessions.get(event.session_id)
        if known is None or known.path != event.transcript_path:
            known = self._sessions[event.session_id] = _Session(event.pid, event.transcript_path, now_ns)
        known.pid, known.heard_ns = event.pid, now_ns

    def look(self, now_ns: int) -> list[Arrival]:
        """Give the calls that have appeared since the last look; it costs nothing to ask too often."""
        if now_ns - self._looked_ns < LOOK_NS:
            return []
        self._looked_ns = now_ns
        arrivals = [
            arrival_of(call, session_id, session.pid, now_ns)
            for session_id, session in self._sessions.items()
            for call in self._calls(session_id, session, now_ns)
        ]
        self._sessions = {name: s for name, s in self._sessions.items() if now_ns - s.heard_ns < WATCH_NS}
        return arrivals

    def _calls(self, session_id: str, session: _Session, now_ns: int) -> Iterator[ModelCall]:
        for path, agent_id in self._transcripts.files(session.path, session_id)[:FILES_MAX]:
            file = session.files.setdefault(path, _File(Transcript(agent_id), 0, now_ns))
            size = self._transcripts.size(path)
            if size < file.offset:
                # Written anew: the journal knows which of its calls are old.
                file = session.files[path] = _File(Transcript(agent_id), 0, now_ns)
            while size > file.offset and (data := self._transcripts.read_on(path, file.offset, READ_BYTES_MAX)):
                file.offset += len(data)
                file.grew_ns = now_ns
                yield from file.transcript.feed(data)
            if now_ns - file.grew_ns > QUIET_NS:
                yield from file.transcript.finish()


def arrival_of(call: ModelCall, session_id: str, pid: int, now_ns: int) -> Arrival:
    """Make a model call an input of the assembler, its content redacted and cut."""
    # A file may say anything: a call of next year would wait to be assembled until then.
    start_ns = call.start_ns if call.start_ns <= now_ns + AHEAD_NS_MAX else now_ns
    asked_for = tuple(_text(block.get("id")) for block in call.blocks if block.get("type") == "tool_use")
    payload: dict[str, Any] = {
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
    redacted = redact(payload)
    fitted = fit(redacted.value, CONTENT_BYTES_MAX)
    event = HookEvent(
        name="ModelCall",
        clock_ns=start_ns,
        session_id=session_id,
        digest=call.message_id,
        pid=pid,
        prompt_id=call.prompt_id,
        agent_id=call.agent_id,
        model=call.model,
        ended_ns=max(start_ns + call.end_ns - call.start_ns, 1),
        error_type=call.failure.error_type if call.failure else "",
        asked_for=asked_for[:ASKED_MAX],
    )
    content = Content(cast(Payload, fitted.value), redacted.count, fitted.truncated)
    return Arrival(f"chat {call.message_id}", session_id, start_ns, event.to_json(), content.to_json())


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
