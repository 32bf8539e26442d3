"""Sessions with their transcripts, played to the real agent: record by record as a client writes them, or at once."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span as Encoded

from cc_otel.agent.describe import Describer
from cc_otel.agent.pipeline import Agent, Limits
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.claude_code.transcript.records import timestamp_ns
from cc_otel.journal.journal import Journal
from cc_otel.spool import Spool

Record = dict[str, Any]

SECOND_NS: Final = 1_000_000_000
CLIENT_PROJECTS: Final = "/home/dev/.claude/projects"


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a hook records it."""

    clock_ns: int
    variables: dict[str, str]
    payload: Record


@dataclass(frozen=True, slots=True)
class Case:
    """Events, and the records of each transcript by its path below the projects folder."""

    events: list[Event] = field(default_factory=list)
    files: dict[str, list[bytes]] = field(default_factory=dict)


def load(folder: Path) -> Case:
    """Read a case from ``events.jsonl`` and ``projects/``."""
    lines = (json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines())
    events = [Event(line["t_ns"], line["env"], line["payload"]) for line in lines]
    projects = folder / "projects"
    files = {str(path.relative_to(projects)): path.read_bytes().splitlines(True) for path in projects.rglob("*.json*")}
    return Case(events, files)


class Player:
    """A home with an agent, and the projects folder of a client. Nothing is sent."""

    def __init__(self, home: Path) -> None:
        self.projects = home / "projects"
        self.projects.mkdir(parents=True)
        self.spool = Spool(home / "spool", 1 << 40)
        self.spool.prepare()
        self.journal = Journal(home / "journal.db", owner=True)
        self._describer = Describer({}, value_bytes_max=16384, with_content=True)
        self.restart()

    def restart(self) -> None:
        """Forget everything but what is on disk."""
        limits = Limits(1 << 40, 1e9, 3600.0)
        self.agent = Agent(self.spool, self.journal, self._describer, Transcripts(self.projects), limits)

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    def live(self, case: Case) -> None:
        """Play a case as it happened: each record is written when its time has come, and the agent goes round then."""
        steps = sorted([*self._told(case), *self._written(case)], key=lambda step: step[0])
        for clock_ns, _, act in steps:
            act()
            self.rounds(clock_ns + SECOND_NS // 10)
        self.settle(steps[-1][0])

    def at_once(self, case: Case, files: Iterable[str] | None = None) -> None:
        """Play a case of which everything is there when the agent begins."""
        for path in case.files if files is None else files:
            self.write(path, *case.files[path])
        for event in case.events:
            self.record(event)
        self.settle(max(event.clock_ns for event in case.events))

    def record(self, event: Event) -> None:
        """Record an event as the hook does."""
        payload = json.dumps(event.payload).replace(CLIENT_PROJECTS, str(self.projects))
        self.spool.write(payload.encode(), event.variables, event.clock_ns)

    def write(self, path: str, *lines: bytes) -> None:
        """Write records as the client does."""
        file = self.projects / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as out:
            out.writelines(lines)

    def rounds(self, now_ns: int) -> None:
        """Let the agent go round until there is nothing to do now."""
        while self.agent.round(now_ns):
            pass

    def settle(self, last_ns: int) -> None:
        """Let the agent go round for some seconds, and once a day later."""
        for later_s in (*(step / 2 for step in range(1, 12)), 3700, 90_000):
            self.rounds(last_ns + int(later_s * SECOND_NS))

    def spans(self) -> list[Encoded]:
        """Return the spans that would be sent."""
        return [Encoded.FromString(span.span) for span in self.journal.outbox.waiting(100_000, 1 << 30)]

    def chats(self) -> list["Chat"]:
        """Return what the spans of model calls say, in the order in which the calls began."""
        spans = {span.span_id: span for span in self.spans()}
        chats = [span for span in spans.values() if span.kind == Encoded.SPAN_KIND_CLIENT]
        return [chat_of(span, spans) for span in sorted(chats, key=lambda span: span.start_time_unix_nano)]

    def _told(self, case: Case) -> Iterator[tuple[int, int, Any]]:
        for event in case.events:
            yield event.clock_ns, 1, lambda event=event: self.record(event)

    def _written(self, case: Case) -> Iterator[tuple[int, int, Any]]:
        for path, lines in case.files.items():
            last_ns = 0
            for line in lines:
                # What has no time stands behind what had one.
                last_ns = max(last_ns, _clock_ns(line)) or case.events[0].clock_ns
                yield last_ns, 0, lambda path=path, line=line: self.write(path, line)


@dataclass(frozen=True, slots=True)
class Chat:
    """What a model call took: ``input`` is with what was cached. ``parent`` is the name of its span's parent."""

    model: str
    input: int
    output: int
    usd: float | None
    said: str
    parent: str


def chat_of(span: Encoded, spans: dict[bytes, Encoded]) -> Chat:
    """Return what a span says of its call."""
    told = attributes(span)
    parent = spans.get(span.parent_span_id)
    said = json.loads(told.get("gen_ai.output.messages", "[]"))
    texts = [part.get("content") or part.get("name", "") for message in said for part in message["parts"]]
    return Chat(
        told.get("gen_ai.response.model", ""),
        told.get("gen_ai.usage.input_tokens", 0),
        told.get("gen_ai.usage.output_tokens", 0),
        told.get("cc_otel.cost_usd"),
        " ".join(texts),
        parent.name if parent else "",
    )


def attributes(span: Encoded) -> dict[str, Any]:
    """Return a span's attributes as Python values."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}


def played(case: Case, home: Path, *, live: bool) -> list[Chat]:
    """Return the model calls of a case."""
    player = Player(home)
    with ExitStack() as stack:
        stack.callback(player.close)
        (player.live if live else player.at_once)(case)
        return player.chats()


def _clock_ns(line: bytes) -> int:
    try:
        record = json.loads(line)
    except ValueError:
        return 0
    return timestamp_ns(record.get("timestamp")) if isinstance(record, dict) else 0
