"""A home with the real agent in it, driven round by round, and the events that it is told."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cc_otel import conventions as c
from cc_otel.agent.describe import Describer
from cc_otel.agent.pipeline import Agent, Limits
from cc_otel.agent.summary.activity import Activity
from cc_otel.agent.summary.budget import Allowance, Budget
from cc_otel.agent.summary.cache import SharedCache, SqliteCache
from cc_otel.agent.summary.chain import Chain
from cc_otel.agent.summary.process import ModelProcess
from cc_otel.agent.summary.questions import Pace
from cc_otel.agent.summary.summariser import Parts, Summariser
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.journal.journal import Journal
from cc_otel.otlp.decode import decode
from cc_otel.otlp.encode import request
from cc_otel.span import Span
from cc_otel.spool import Spool

DEADLINE_S = 30.0
AHEAD_NS = 5_000_000_000
PLENTY = Allowance(usd_per_day=100.0, calls_per_day=10_000, calls_per_minute=10_000)
MODEL = "openai/gpt-5-nano"
BY_RULE = ("what the rule says", "rule", None)


@dataclass
class Summarising:
    """A summariser with all it works with."""

    summariser: Summariser
    parts: Parts


def make_summaries(
    folder: Path,
    process: ModelProcess,
    models: Sequence[str] = (MODEL,),
    *,
    timeout_s: float = 20.0,
    allowance: Allowance = PLENTY,
    remote: Any = None,
    saved: str = "",
) -> Summarising:
    """Put a summariser together around a process that others use too."""
    path = folder / "cache.db"
    cache = SharedCache(SqliteCache(path, age_max_s=86400.0, bytes_max=1 << 24), remote)
    budget = Budget(allowance, saved, lambda _: None)
    chain = Chain(models, process, budget)
    parts = Parts(cache, Activity(path), chain, process, budget)
    return Summarising(Summariser(Pace(timeout_s), parts), parts)


@dataclass
class Home:
    """One agent on one folder; ``summaries`` None means rules alone."""

    folder: Path
    summaries: Summariser | None
    stop: threading.Event = field(default_factory=threading.Event)
    _clock_ns: int = 0

    def __post_init__(self) -> None:
        self.spool = Spool(self.folder / "spool", 1 << 30)
        self.spool.prepare()
        self.journal = Journal(self.folder / "journal.db")
        describer = Describer({c.SERVICE_NAME: "s"}, value_bytes_max=16384, with_content=True)
        limits = Limits(journal_bytes_max=1 << 30, keep_s=1e9, idle_s=1e9)
        self.agent = Agent(self.spool, self.journal, describer, Transcripts(self.folder), limits, self.summaries)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        if self.summaries:
            self.summaries.run(self.stop)

    def record(self, *payloads: Mapping[str, Any]) -> None:
        """Put events into the spool, a millisecond apart at least, also from those of the call before."""
        for payload in payloads:
            self._clock_ns = max(time.time_ns(), self._clock_ns + 1_000_000)
            self.spool.write(json.dumps(payload).encode(), {"CLAUDE_PID": "1"}, self._clock_ns)

    def rounds(self) -> None:
        """Go round until nothing is left that can be done now."""
        # Later than now: an event of just now would wait for a SessionStart that never comes.
        while self.agent.round(time.time_ns() + AHEAD_NS):
            pass

    def spans(self, count: int) -> dict[str, Span]:
        """Go round until that many spans are in the outbox; return them by name, the last of each."""
        self.rounds()
        wait_for(lambda: self._round_until(count))
        spans = self.sent()
        assert count == len(spans), [span.name for span in spans]
        return {span.name: span for span in spans}

    def sent(self) -> list[Span]:
        """Return the spans in the outbox."""
        return list(decode(request(self.journal.outbox.waiting(10_000, 1 << 30))).spans)

    def _round_until(self, count: int) -> bool:
        self.rounds()
        return len(self.journal.outbox.waiting(10_000, 1 << 30)) >= count

    def close(self) -> None:
        """End it in order."""
        self.stop.set()
        self._thread.join(DEADLINE_S)
        if self.summaries:
            self.summaries.close()
        self.journal.close()


def wait_for(true: Callable[[], bool]) -> None:
    """Wait until something is so, or for long enough."""
    deadline = time.monotonic() + DEADLINE_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.02)


def told(span: Span) -> tuple[object, object, object]:
    """Return the sentence on a span, where it comes from, and the model that wrote it; `BY_RULE` for any rule's."""
    keys = (c.SUMMARY, c.SUMMARY_SOURCE, c.SUMMARY_MODEL)
    sentence, source, model = (span.attributes.get(key) for key in keys)
    return BY_RULE if (source, model) == ("rule", None) and sentence else (sentence, source, model)


def event(name: str, session: str = "s", **fields: Any) -> dict[str, Any]:
    """Return an event's payload."""
    common = {"session_id": session, "hook_event_name": name, "cwd": "/home/u/project", "prompt_id": f"p-{session}"}
    return common | fields


def bash(
    command: str, output: str = "", *, session: str = "s", call: str = "t1", **fields: Any
) -> list[dict[str, Any]]:
    """Return a Bash call, from its Pre to its Post."""
    about = {"session": session, "tool_name": "Bash", "tool_use_id": call, "tool_input": {"command": command}} | fields
    return [event("PreToolUse", **about), event("PostToolUse", **about, tool_response={"stdout": output, "stderr": ""})]


def turn(prompt: str, *calls: list[dict[str, Any]], last: str = "Done.", session: str = "s") -> list[dict[str, Any]]:
    """Return a turn, from its prompt to its end."""
    return [
        event("UserPromptSubmit", session, prompt=prompt),
        *(payload for call in calls for payload in call),
        event("Stop", session, stop_hook_active=False, last_assistant_message=last),
    ]
