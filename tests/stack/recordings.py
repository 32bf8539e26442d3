"""The recorded sessions as files to replay, and what must become of them."""

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

from cc_otel.otlp.decode import decode
from cc_otel.span import INSTANT_NS, Span, StatusCode
from tests.path.processes import cc_otel
from tests.sessions import loader
from tests.stack.programs import message

NAMES: Final = tuple(loader.NAMES)

_NO_PID: Final = 10_000_000
"""No system gives a pid of this size: the clients of recordings are gone, and are never somebody else."""

_CLIENT_PROJECTS: Final = "/home/dev/.claude/projects"
_LINE: Final = re.compile(r"( *)\S.*?  @([-\d.]+) (instant|[\d.]+ ms)(?:.*, ERROR (\w+))?")


class Place(NamedTuple):
    """A span as a line of a drawn tree shows it: how deep, when and how long (ms), and what went wrong."""

    depth: int
    start_ms: str
    took: str
    error_type: str | None


class Recordings:
    """A folder with all recorded sessions, each a file to replay, and their transcripts beside them."""

    def __init__(self, folder: Path) -> None:
        self.projects = folder / "projects"
        for source in (loader.PROJECTS, loader.FOLDER / "transcripts"):
            shutil.copytree(source, self.projects, dirs_exist_ok=True)
        self._folder = folder
        self.files = [self._copy(name) for name in NAMES]

    def by_client(self, name: str) -> list[list[bytes]]:
        """Return what the hook read of a session, an event each, client after client."""
        lines = (self._folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        records = sorted(map(json.loads, lines), key=itemgetter("t_ns"))
        clients = groupby(records, lambda record: record["env"]["CLAUDE_PID"])
        return [[json.dumps(record["payload"]).encode() for record in records] for _, records in clients]

    def rehearsed(self, home: Path) -> list[Span]:
        """Return the spans that ``cc-otel replay --dry-run`` says an agent on that home would send."""
        told = ("--projects-dir", self.projects, "--home", home)
        done = cc_otel("replay", "--dry-run", "--json", *told, *self.files)
        assert done.returncode == 0, done.stderr.decode()
        requests = (message(json.loads(line)) for line in done.stdout.splitlines())
        return [span for request in requests for span in decode(request.SerializeToString()).spans]

    def _copy(self, name: str) -> Path:
        copy = self._folder / f"{name}.jsonl"
        with copy.open("w", encoding="utf-8") as file:
            for record in loader.records(name):
                if pid := record["env"].get("CLAUDE_PID"):
                    record["env"]["CLAUDE_PID"] = str(int(pid) + _NO_PID)
                file.write(json.dumps(record).replace(_CLIENT_PROJECTS, str(self.projects)) + "\n")
        return copy


def sessions_of(name: str) -> set[str]:
    """Return the ids of the sessions in a recording."""
    return {record["payload"]["session_id"] for record in loader.records(name)}


def drawn(name: str) -> list[Place]:
    """Return the tree that a person drew and checked for a recording."""
    lines = filter(None, map(_LINE.match, loader.expected_tree(name).splitlines()))
    return _at_one_time([Place(len(line[1]) // 2, line[2], line[3], line[4]) for line in lines])


def drawing(name: str, spans: Iterable[Span]) -> list[Place]:
    """Draw a recording's spans in the same way, without model calls."""
    origin_ns = min(record["t_ns"] for record in loader.records(name))
    below = _by_parent(map(_where_it_was_recorded, spans))
    return _at_one_time([place for root in below[None] for place in _draw(root, below, origin_ns, depth=0)])


def _where_it_was_recorded(span: Span) -> Span:
    """Return the end of a session as the instant that was drawn: its span covers the whole session."""
    return replace(span, start_ns=span.end_ns - INSTANT_NS) if span.name == "hook SessionEnd" else span


def _at_one_time(places: list[Place]) -> list[Place]:
    """Put siblings of one time, a batch and the calls that it alone names, in an order of their own."""
    groups = groupby(places, lambda place: (place.depth, place.start_ms))
    return [
        place for _, group in groups for place in sorted(group, key=lambda place: (place.took, str(place.error_type)))
    ]


def shape(spans: Iterable[Span]) -> list[object]:
    """Return the trees, without model calls, as nested lists of names and failures, in whatever order it happened."""
    below = _by_parent(spans)

    def of(span: Span) -> list[object]:
        return [span.name, _error_type(span), sorted(map(of, below[span.span_id]), key=repr)]

    return sorted(map(of, below[None]), key=repr)


def is_model_call(span: Span) -> bool:
    """Whether a span tells of a model call; those come from the transcript, and no hook tells of them."""
    # A request that failed names no model.
    return span.name.split(" ")[0] == "chat"


def _by_parent(spans: Iterable[Span]) -> dict[str | None, list[Span]]:
    below: dict[str | None, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (span.start_ns, span.span_id)):
        if not is_model_call(span):
            below[span.parent_id].append(span)
    return below


def _draw(span: Span, below: dict[str | None, list[Span]], origin_ns: int, depth: int) -> Iterator[Place]:
    took_ns = span.end_ns - span.start_ns
    took = "instant" if took_ns == INSTANT_NS else f"{took_ns / 1e6:.1f} ms"
    yield Place(depth, f"{(span.start_ns - origin_ns) / 1e6:.1f}", took, _error_type(span))
    for child in below[span.span_id]:
        yield from _draw(child, below, origin_ns, depth + 1)


def _error_type(span: Span) -> str | None:
    error_type = str(span.attributes["error.type"]) if span.status is StatusCode.ERROR else None
    # What a runner's own words say is read by the agent; what was drawn is what the events say.
    return None if error_type == "runner_summary" else error_type
