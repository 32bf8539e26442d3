"""From the hook script to Jaeger's answers and the graph's, through a real agent, Collector and graph-exporter."""

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from cc_otel.claude_code.hook import install_script
from cc_otel.graph.model import COLLECTIONS
from cc_otel.graph.store import Json
from cc_otel.span import Span
from tests.graph.arango.held import Held, expected, held
from tests.graph.arango.standin.server import StandIn, running
from tests.hook.wired import SILENT, Hook
from tests.path.processes import CLEAN, cc_otel, rows, serving
from tests.stack.comparing import as_jaeger_keeps, as_sent, graph_in, graph_of, seen_in
from tests.stack.process import wait_for
from tests.stack.programs import Built, Collector, GraphExporter, Jaeger, MakeCollector
from tests.stack.recordings import NAMES, Recordings, drawing, drawn, is_model_call, sessions_of, shape
from tests.stack.trees import traces_of

pytestmark = pytest.mark.stack

Row = Mapping[str, Json]

HOMES = 2
"""Into how many homes everything is replayed: what one agent sends, another sends again."""

DELIVERED_S = 240.0
"""A client that was never seen alive is given up after a minute of silence; only then is everything sent."""

ALL_GONE = {
    "made_pid_reused": "the pid's second owner is gone as well, so nothing shows that the first one ended before",
    "made_two_clients": "the first client is found gone when the second one starts",
}
"""Recordings whose tree needs a client that still lives."""


@dataclass(frozen=True)
class Graph:
    """A graph-exporter's store: its settings, what it holds in a comparable form, and what it should."""

    home: Path
    settings: Mapping[str, str]
    content: Callable[[], object]
    expected: Callable[[list[Span]], object]

    def tree(self, what: str) -> list[Row]:
        """Return what ``cc-otel query tree`` does."""
        return list(rows(cc_otel("query", "tree", what, "--json", "--home", self.home, env={**CLEAN, **self.settings})))


@dataclass(frozen=True)
class Stack:
    """Everything behind a Collector, after all recordings went through it, and the spans that should be there."""

    jaeger: Jaeger
    graphs: Mapping[str, Graph]
    spans: list[Span]

    def of_session(self, session_id: str) -> list[Span]:
        """Return what Jaeger shows of a session."""
        mine = [span for span in self.spans if span.attributes["session.id"] == session_id]
        return [span for trace_id in sorted(traces_of(mine)) for span in self.jaeger.trace(trace_id)]


@pytest.fixture(scope="module")
def stack(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """
    Replay everything, twice over, into each of two stores.

    Two Collectors, one before a graph in SQLite and one before ArangoDB's stand-in, share one Jaeger. Each takes what
    two agents send; four in all, and at once, because each waits a minute for the recordings' clients.
    """
    folder = tmp_path_factory.mktemp("stack")
    recordings = Recordings(folder)
    spans = recordings.rehearsed(folder)
    with ExitStack() as parts:
        standin = parts.enter_context(running(StandIn()))
        jaeger = parts.enter_context(Jaeger(built("jaeger"), folder).running())
        graphs = {"sqlite": sqlite(folder / "sqlite"), "arangodb": arangodb(folder / "arangodb", standin)}
        collectors = []
        for graph in graphs.values():
            graph.home.mkdir()
            exporter = parts.enter_context(GraphExporter(graph.home, **graph.settings).running())
            collector = Collector(built("collector"), graph.home, exporter.endpoint, jaeger.endpoint)
            collectors.append(parts.enter_context(collector.running()))
        for number, collector in enumerate(collectors * HOMES):
            parts.enter_context(replaying(recordings, folder / f"home-{number}", collector))
        for collector, destination in product(collectors, ("otlp_grpc/jaeger", "otlp_grpc/graph")):
            wait_for(destination, partial(has_sent, collector, destination, HOMES * len(spans)), DELIVERED_S)
        yield Stack(jaeger, graphs, spans)


@contextmanager
def replaying(recordings: Recordings, home: Path, collector: Collector) -> Iterator[None]:
    """Replay all recordings into a home, and run its agent."""
    rows(cc_otel("replay", "--json", "--home", home, *recordings.files))
    endpoint = ("--exporter-otlp-endpoint", collector.destination().endpoint)
    with serving("agent", "--home", home, *endpoint, "--projects-dir", recordings.projects, "--idle-s", "5"):
        yield


def has_sent(collector: Collector, destination: str, spans: int) -> bool:
    """Whether a Collector has sent so many spans to one of its destinations."""
    return collector.metric("otelcol_exporter_sent_spans", destination) >= spans


def sqlite(home: Path) -> Graph:
    """Make a graph in a file."""
    database = home / "graph" / "graph.db"
    settings = {"CC_OTEL_STORE": f"sqlite://{database}"}
    return Graph(home, settings, lambda: graph_in(database), lambda spans: graph_of(spans, home / "expected.db"))


def arangodb(home: Path, standin: StandIn) -> Graph:
    """Make a graph in ArangoDB's stand-in."""
    settings = {"CC_OTEL_STORE": standin.url, "CC_OTEL_ARANGO_PASSWORD": standin.password}
    return Graph(home, settings, lambda: _without_derived(held(standin)), expected)


def _without_derived(graph: Held) -> Held:
    """Return what spans say by themselves: what takes two comes a moment later. Without the words that are searched."""
    return {
        place: {name: value for name, value in document.items() if name != "words"}
        for place, document in graph.items()
        if not COLLECTIONS[place[0]].derived
    }


def test_jaeger_shows_every_recorded_session_whole_and_without_a_warning(stack: Stack) -> None:
    """All recordings, sent four times over, stand in Jaeger once: each span whole, under its parent, no warning."""
    shown = seen_in(stack.jaeger, stack.spans)

    assert as_jaeger_keeps(stack.spans) == shown
    assert not [span for span in shown if "@jaeger@warnings" in span.attributes]
    assert {(s.trace_id, s.parent_id) for s in shown if s.parent_id} <= {(s.trace_id, s.span_id) for s in shown}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALL_GONE])
def test_jaeger_shows_the_tree_that_was_drawn(stack: Stack, name: str) -> None:
    """Jaeger's answers hold a recording's tree as a person drew it: depths, times, and errors where things failed."""
    shown = [span for session_id in sessions_of(name) for span in stack.of_session(session_id)]

    assert drawn(name) == drawing(name, shown)


@pytest.mark.parametrize("store", ["sqlite", "arangodb"])
def test_the_graph_holds_each_span_and_edge_once(stack: Stack, store: str) -> None:
    """All recordings, sent twice over, are one graph: every vertex and edge that the spans stand for, and no other."""
    graph = stack.graphs[store]

    assert graph.expected(as_sent(stack.spans)) == graph.content()


@pytest.mark.parametrize("store", ["sqlite", "arangodb"])
def test_jaeger_and_the_graph_tell_the_same(stack: Stack, store: str) -> None:
    """`cc-otel query tree` gives for each session the spans, parents and outcomes that Jaeger's answers hold."""
    sessions = sorted({session_id for name in NAMES for session_id in sessions_of(name)})
    with ThreadPoolExecutor(4) as pool:
        trees = dict(zip(sessions, pool.map(stack.graphs[store].tree, sessions), strict=True))

    assert {session_id: told_by_jaeger(stack.of_session(session_id)) for session_id in sessions} == {
        session_id: told_by_the_graph(tree) for session_id, tree in trees.items()
    }
    assert not [row for tree in trees.values() for row in tree if (row["depth"] == 0) != (row["parent_id"] is None)]


@pytest.mark.parametrize("name", ["subagent", "denied", "kill_sigkill"])
def test_a_session_goes_from_the_hook_to_jaeger_and_the_graph(
    collector: MakeCollector, jaeger: Jaeger, graph_exporter: GraphExporter, tmp_path: Path, name: str
) -> None:
    """What the real hook records becomes the recording's trees, in Jaeger and in the graph, also if its client dies."""
    recordings = Recordings(tmp_path)
    [session_id] = sessions_of(name)
    expected = [span for span in recordings.rehearsed(tmp_path) if span.attributes["session.id"] == session_id]
    between = collector(graph_exporter.endpoint, jaeger.endpoint)
    home = tmp_path / "home"
    with serving("agent", "--home", home, "--exporter-otlp-endpoint", between.destination().endpoint):
        for payloads in recordings.by_client(name):
            play(payloads, home)
        wait_for("the graph", lambda: graph_exporter.spans() >= sum(not is_model_call(span) for span in expected))
    tree = rows(cc_otel("query", "tree", session_id, "--json", "--home", graph_exporter.database.parent))
    wait_for("Jaeger", lambda: len(in_jaeger(jaeger, tree)) >= len(tree))

    assert shape(expected) == shape(in_jaeger(jaeger, tree))
    assert told_by_jaeger(in_jaeger(jaeger, tree)) == told_by_the_graph(tree)


def play(payloads: Iterable[bytes], home: Path) -> None:
    """Run the hook for each event, as a client that is killed after the last."""
    install_script(home)
    hook = Hook(["sh"], home)
    with subprocess.Popen(["sleep", "600"]) as client:
        try:
            assert {hook.run(payload, {"CLAUDE_PID": str(client.pid)}) for payload in payloads} == {SILENT}
        finally:
            client.kill()


def in_jaeger(jaeger: Jaeger, tree: Iterable[Row]) -> list[Span]:
    """Return what Jaeger shows of the traces of a tree."""
    return [span for trace_id in {str(row["trace_id"]) for row in tree} for span in jaeger.trace(trace_id)]


def told_by_jaeger(spans: Iterable[Span]) -> set[tuple[Json, ...]]:
    """Return what a tree tells of each span."""
    return {(s.trace_id, s.span_id, s.parent_id, s.name, s.status.name, s.start_ns / 1_000_000) for s in spans}


def told_by_the_graph(tree: Iterable[Row]) -> set[tuple[Json, ...]]:
    """Return the same of the rows of a tree."""
    return {(r["trace_id"], r["span_id"], r["parent_id"], r["name"], r["status"], r["start_ms"]) for r in tree}
