"""
Reads the transcripts of active sessions while they grow, and takes in the model calls that appear in them.

A call is taken in once: the journal knows it by its session and its identity. So how far a file was read need not
survive: after a restart it is read from its beginning, and what the journal knows is skipped.
"""

import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from cc_otel import event as events
from cc_otel.agent.guard import Guard
from cc_otel.agent.model_calls import arrival_of, digests_of, is_known
from cc_otel.agent.processes import alive
from cc_otel.claude_code.transcript.chats import QUIET_NS, Transcript, TranscriptCall
from cc_otel.claude_code.transcript.files import TranscriptFile, Transcripts
from cc_otel.claude_code.transcript.owners import DecidedCall, DecidedCalls, SessionCalls, advisor_calls
from cc_otel.event import Cause, HookEvent, Occurrence
from cc_otel.journal.counters import Counter
from cc_otel.journal.journal import Journal

CHECK_NS: Final = 500_000_000
"""How often the files are checked: `flush` waits 3 s for what is written at a session's end."""

WATCH_NS: Final = 30_000_000_000
"""How long after a session's last event its files are checked: the client writes them late."""

LATE_NS: Final = 2_000_000_000
"""An event that is older when it comes is from a backlog or a recording: `flush` waits for its transcript, too."""

LATE_FORGET_NS: Final = 10_000_000_000

KEEP_NS: Final = 3_600_000_000_000
"""How long after a session's last event it is remembered how its files go on."""

FINAL_CHECK_NS: Final = 100_000_000
"""How soon files are checked again whose client is gone: what is quiet then stays so."""

LAST_RECORDS_NS: Final = 1_000_000_000
"""How long after its last event a client that cannot be looked for may still write its last records."""

READ_BYTES_MAX: Final = 1 << 20
"""How much one check reads. The rest is read in the next rounds: events must not wait for a long history."""

TAKEN_MAX: Final = 200
"""How many calls one transaction takes in: their contents are in memory twice for as long."""

FILES_MAX: Final = 128
"""How many files are known by their last records. Of others it is only known how far they were read."""

SESSIONS_MAX: Final = 1000
"""How many sessions are remembered that are not checked any more."""

OFFSETS_MAX: Final = 10_000
UNREAD_MAX: Final = 200
"""How many sessions, the latest, are asked whether their transcripts can be read."""

NAMED_MAX: Final = 64
"""How many transcripts, and how many folders of them, are remembered that events of one session named."""

_AFTER_ANSWERS: Final = frozenset({"Stop", "StopFailure"})
_AFTER_ALL: Final = frozenset({"SessionEnd", Cause.PROCESS_GONE, Cause.IDLE})


@dataclass(slots=True)
class _Session:
    """
    A session with recent events: its client, its transcripts as events named them, its last event (ns, our clock).

    ``over_ns`` tells by which time (ns) all answers were over: of a subagent by its id, of the session itself under
    no id, of all of them under None. ``read_ns`` is that of all of them, once all files were read to their ends after.
    """

    pid: int
    heard_ns: int
    calls: SessionCalls
    main: str = ""
    paths: OrderedDict[str, None] = field(default_factory=OrderedDict)
    folders: OrderedDict[str, None] = field(default_factory=OrderedDict)
    over_ns: dict[str | None, int] = field(default_factory=dict)
    read_ns: int = 0
    files: int = 0

    def is_final(self, now_ns: int) -> bool:
        """Whether its files are as they will stay, and not read since: it has ended, and its client is gone."""
        ended_ns = self.over_ns.get(None, 0)
        if ended_ns <= self.read_ns:
            return False
        # A client that names no process, before 2.1.214, cannot be looked for.
        return not alive(self.pid, ended_ns) if self.pid else abs(now_ns - self.heard_ns) > LAST_RECORDS_NS

    def note_files(self, event: HookEvent) -> None:
        """Remember the files and folders that an event names."""
        self.main = event.transcript_path
        _remember(self.paths, event.transcript_path)
        if event.agent_folder and event.agent_id:
            # Not all of that folder: clients of 2025 kept the agents of all sessions in one.
            _remember(self.paths, f"{event.agent_folder}/agent-{event.agent_id}.jsonl")
        if event.transcript_folder:
            _remember(self.folders, event.transcript_folder)

    def is_settled(self, call: TranscriptCall, agent_id: str) -> bool:
        """Whether an answer ended, or something was recorded that comes after all of it."""
        over_ns = max(self.over_ns.get(agent_id, 0), self.over_ns.get(None, 0))
        return bool(call.stop_reason) or call.end_ns <= over_ns


def _remember(named: OrderedDict[str, None], path: str) -> None:
    named[path] = None
    named.move_to_end(path)
    if len(named) > NAMED_MAX:
        named.popitem(last=False)


@dataclass(slots=True)
class _File:
    """A transcript, how far it was read, and when it last grew (ns, our clock)."""

    transcript: Transcript
    offset: int
    grew_ns: int


@dataclass(frozen=True, slots=True)
class _Grown:
    """A file that holds what was not read, and how much of it, bytes."""

    key: "_Key"
    file: TranscriptFile
    unread: int


_Key = tuple[str, str]
"""A session's id, and the path of one of its files."""


class TranscriptIntake:
    """All transcripts that may grow."""

    def __init__(self, transcripts: Transcripts, journal: Journal, guard: Guard | None = None) -> None:
        """Take what may open files, and where calls go."""
        self._transcripts = transcripts
        self._journal = journal
        self._guard = guard or Guard(journal.counters)
        self._sessions: dict[str, _Session] = {}
        # Those that grew last stand last.
        self._files: OrderedDict[_Key, _File] = OrderedDict()
        self._offsets: OrderedDict[_Key, int] = OrderedDict()
        self._earlier = DecidedCalls()
        # Calls that are decided, each with its session and pid, until the journal has them.
        self._decided: list[tuple[DecidedCall, str, int]] = []
        self._checked_ns = 0
        self._check_ns = CHECK_NS
        self._more = False
        # The time of the last old event of each session (ns), and when one came last (ns, our clock).
        self._late: dict[str, int] = {}
        self._late_ns = 0

    def finished(self) -> dict[str, int]:
        """Return the sessions that have ended and of which nothing more will be read, and when they ended (ns)."""
        return {} if self._decided else {name: it.read_ns for name, it in self._sessions.items() if it.read_ns}

    def late(self, now_ns: int) -> dict[str, int]:
        """Return the sessions of which old events came lately, if one came at this time (ns)."""
        return dict(self._late) if self._late_ns == now_ns else {}

    def _note_late(self, told: Occurrence, now_ns: int) -> None:
        if now_ns - self._late_ns > LATE_FORGET_NS:
            self._late.clear()
        self._late[told.session_id] = told.clock_ns
        self._late_ns = now_ns

    def unread(self) -> dict[str, str]:
        """Return the transcripts that cannot be read of sessions of the last hour that answered, and why."""
        over = [session.main for session in self._sessions.values() if session.over_ns][-UNREAD_MAX:]
        reasons = ((path, self._transcripts.reason_unread(path)) for path in over)
        # Where it really is: a link may lead out of a folder that is known.
        return {os.path.realpath(path): reason.value for path, reason in reasons if reason}

    def note(self, told: Occurrence, now_ns: int) -> None:
        """Note an input of a session: its transcripts are checked for a while, and which answers are over."""
        if isinstance(told, events.ModelCall):
            return
        session = self._sessions.get(told.session_id)
        if isinstance(told, HookEvent):
            if not told.transcript_path:
                return
            if session is None:
                calls = SessionCalls(told.session_id, self._earlier)
                session = self._sessions[told.session_id] = _Session(told.pid, now_ns, calls)
            session.note_files(told)
            session.pid = told.pid
        if session is None:
            return
        session.heard_ns = now_ns
        if now_ns - told.clock_ns > LATE_NS:
            self._note_late(told, now_ns)
        name = told.name if isinstance(told, HookEvent) else told.cause
        if name in _AFTER_ALL:
            session.over_ns[None] = told.clock_ns
            self._check_ns = FINAL_CHECK_NS
        elif name in _AFTER_ANSWERS:
            session.over_ns[""] = told.clock_ns
        elif isinstance(told, HookEvent) and name == "SubagentStop" and told.agent_id:
            session.over_ns[told.agent_id] = told.clock_ns

    def check(self, now_ns: int) -> bool:
        """
        Take in the calls that have appeared since the last check. Return whether there is more to read at once.

        It costs nothing to call it too often.

        Raises:
            JournalUnavailable: it did not take all of them; the next check brings the others.

        """
        # Differences of either sign: a clock that is set back must not stop this.
        if not self._decided and (self._more or abs(now_ns - self._checked_ns) >= self._check_ns):
            self._checked_ns = now_ns
            self._read(now_ns)
        while self._decided:
            self._take_in(self._decided[:TAKEN_MAX], now_ns)
            del self._decided[:TAKEN_MAX]
        return self._more

    def _take_in(self, calls: Sequence[tuple[DecidedCall, str, int]], now_ns: int) -> None:
        digests = {digest for call, session_id, _ in calls for digest in digests_of(call, session_id)}
        known = self._journal.inputs.known(sorted(digests))
        arrivals = []
        for decided, session_id, pid in calls:
            if is_known(decided, session_id, known):
                continue
            for call in (decided, *advisor_calls(decided)):
                with self._guard.around(Counter.CALLS_NOT_READ, "TranscriptCall", session_id, call.identity):
                    arrivals.append(arrival_of(call, session_id, pid, now_ns))
        self._journal.inputs.take_in(arrivals)

    # Reading

    def _read(self, now_ns: int) -> None:
        # Before their sizes are taken, which then are their last ones.
        final = {name for name, session in self._sessions.items() if session.is_final(now_ns)}
        # The shortest way to go first: a long history must not keep others waiting.
        grown = sorted(self._grown(now_ns), key=lambda grown: grown.unread)
        left = READ_BYTES_MAX
        for it in grown:
            left -= self._read_on(it, left, now_ns)
            if left <= 0:
                break
        self._more = left <= 0
        self._settle({it.key for it in grown}, final, now_ns)
        self._decide({it.key[0] for it in grown if self._offset(it.key) < it.file.size})
        read = final - {it.key[0] for it in grown}
        for name in read:
            self._sessions[name].read_ns = self._sessions[name].over_ns[None]
        self._check_ns = FINAL_CHECK_NS if final - read else CHECK_NS
        self._forget(now_ns)

    def _grown(self, now_ns: int) -> Iterator[_Grown]:
        for session_id, session in self._sessions.items():
            if abs(now_ns - session.heard_ns) >= WATCH_NS:
                continue
            session.files = 0
            for file in self._transcripts.files(session.paths, session_id, session.folders):
                session.files += 1
                key = (session_id, str(file.path))
                if file.size < self._offset(key):
                    # Written anew: the journal knows which of its calls are old.
                    self._files.pop(key, None)
                    self._offsets.pop(key, None)
                if file.size > (offset := self._offset(key)):
                    yield _Grown(key, file, file.size - offset)

    def _offset(self, key: _Key) -> int:
        file = self._files.get(key)
        return file.offset if file else self._offsets.get(key, 0)

    def _read_on(self, grown: _Grown, bytes_max: int, now_ns: int) -> int:
        key = grown.key
        file = self._files.get(key) or _File(Transcript(grown.file.agent_id), self._offset(key), now_ns)
        data = self._transcripts.read_on(grown.file.path, file.offset, bytes_max)
        if data:
            self._offsets.pop(key, None)
            self._files[key] = file
            self._files.move_to_end(key)
            file.offset += len(data)
            file.grew_ns = now_ns
            self._add(key, file.transcript.feed(data))
        return len(data)

    def _add(self, key: _Key, calls: Iterable[TranscriptCall]) -> None:
        session = self._sessions[key[0]]
        for call in calls:
            session.calls.add(key[1], call)

    # Which calls are complete, and whose they are

    def _settle(self, growing: set[_Key], final: set[str], now_ns: int) -> None:
        """Take the calls of files that are quiet where no record of them is to come."""
        for key, file in self._files.items():
            if key in growing:
                continue
            if key[0] in final:
                self._add(key, file.transcript.finish())
            elif abs(now_ns - file.grew_ns) > QUIET_NS:
                session, agent_id = self._sessions[key[0]], file.transcript.agent_id
                # A quiet file alone proves nothing: the client writes each block when it is there, and one may take
                # minutes.
                self._add(key, file.transcript.finish(partial(session.is_settled, agent_id=agent_id)))

    def _decide(self, unread: set[str]) -> None:
        open_ids: dict[str, set[str]] = {}
        for (session_id, _), file in self._files.items():
            open_ids.setdefault(session_id, set()).update(file.transcript.open_ids)
        for session_id, session in self._sessions.items():
            is_complete = session_id not in unread or session.files == 1
            decided = session.calls.decide(session.main, open_ids.get(session_id, ()), is_complete=is_complete)
            self._decided.extend((call, session_id, session.pid) for call in decided)

    # Forgetting

    def _forget(self, now_ns: int) -> None:
        """Drop files that did not grow for longest, and sessions without an event for long."""
        quiet = {it: abs(now_ns - session.heard_ns) for it, session in self._sessions.items()}
        old = {name for name, quiet_ns in quiet.items() if quiet_ns >= KEEP_NS}
        unwatched = [name for name, quiet_ns in quiet.items() if quiet_ns >= WATCH_NS]
        old.update(unwatched[: max(len(self._sessions) - SESSIONS_MAX, 0)])
        keys = [key for key in self._files if key[0] in old]
        keys += [key for key in self._files if key[0] not in old][: max(len(self._files) - len(keys) - FILES_MAX, 0)]
        for key in keys:
            self._suspend(key)
        for name in old:
            session = self._sessions.pop(name)
            self._decided.extend((call, name, session.pid) for call in session.calls.finish(session.main))

    def _suspend(self, key: _Key) -> None:
        """Take what is known of a file's last calls, and remember where its next record begins."""
        file = self._files.pop(key)
        self._add(key, file.transcript.finish())
        self._offsets[key] = file.offset - file.transcript.unread_bytes
        if len(self._offsets) > OFFSETS_MAX:
            self._offsets.popitem(last=False)
