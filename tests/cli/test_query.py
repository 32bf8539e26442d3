"""What the graph is asked on the command line, and what is printed."""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from cc_otel.cli import main
from cc_otel.cli.query_options import Duration
from cc_otel.graph.mapping import mapping
from cc_otel.graph.queries import catalogue
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.journal.journal import Journal
from cc_otel.span import AttributeValue, Span
from tests.graph.made import TRACE_A1, TRACE_A2, span, span_id, tool, turn, two_sessions

GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"
NASTY = "\x1b]52;c;cm0gLXJm\x07\x1b[2J\u202e\x9b31m\r\n"


def put(home: Path, spans: Sequence[Span]) -> None:
    """Write the graph of a home."""
    store = SqliteStore(home / "graph.db")
    assert list(store.write(mapping.of(spans))) == []
    store.close()


def ask(home: Path, *arguments: str) -> Result:
    """Type a `cc-otel query` command."""
    return CliRunner().invoke(main, ["query", *arguments, "--home", str(home)], env={"COLUMNS": "80"})


def answered(home: Path, *arguments: str) -> list[str]:
    """Return the lines that it prints."""
    result = ask(home, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def rows(home: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return the rows that it prints for programs."""
    return [json.loads(line) for line in answered(home, *arguments, "--json")]


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow: what a full disk looks like from inside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def leave_log(path: Path) -> None:
    """Leave a database as a killed writer does: with a log that is part of it."""
    write = "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
    write += "db.execute('CREATE TABLE more (x)'); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", write, path], check=False)
    assert path.with_name(f"{path.name}-wal").stat().st_size


def test_sessions_of_one_beginning_are_named_safely(tmp_path: Path) -> None:
    """Where several sessions begin so they are named, and nothing in their names acts on the terminal."""
    put(tmp_path, [span(1, session=f"run {NASTY}1"), span(2, session=f"run {NASTY}2")])

    for command in (("tree", "run"), ("spans", "--session", "run"), ("cost", "--session", "run")):
        result = ask(tmp_path, *command)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: 2 sessions begin with 'run': run ]52;c;")
        assert result.stderr.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    "command",
    [
        ("tree", TRACE_A1, "--all", "--ids"),
        ("tree", "last"),
        ("span", f"{TRACE_A1}-{span_id(1)}"),
        ("sessions",),
        ("traces", "--days", "36500"),
        ("spans",),
        ("files", "--days", "36500"),
        *(("cost", "--days", "36500", "--by", by) for by in ("session", "turn", "agent", "model")),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_that_was_recorded_acts_on_the_terminal(
    tmp_path: Path, command: tuple[str, ...], as_json: bool
) -> None:
    """Whatever spans hold, each line that is printed is printable, and JSON still means the same."""
    said: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.model": NASTY,
        "gen_ai.usage.input_tokens": 1,
        "cc_otel.summary": NASTY,
        f"note {NASTY}": NASTY,
    }
    call: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "Read",
        "gen_ai.tool.call.arguments": json.dumps({"file_path": f"/{NASTY}"}),
    }
    put(
        tmp_path,
        [
            span(1, NASTY, session=NASTY, error=NASTY, attributes=said),
            span(2, NASTY, parent=1, session=NASTY, attributes=call),
        ],
    )
    lines = answered(tmp_path, *command, *(["--json"] if as_json else []))

    assert lines
    assert [line for line in lines if not line.isprintable()] == []
    if as_json:
        assert [value for value in json.loads(lines[0]).values() if isinstance(value, str) and NASTY in value]


def test_the_beginning_of_a_session_is_enough(tmp_path: Path) -> None:
    """Whatever is asked of a session, the beginning of its id names it; words of a fixed list may be in any case."""
    put(tmp_path, two_sessions())
    found = rows(tmp_path, "spans", "--session", "session-a", "--kind", "TOOL")

    assert len(found) == 3
    assert rows(tmp_path, "spans", "--session", "last", "--kind", "turn") == rows(
        tmp_path, "spans", "--session", "session-b"
    )


@pytest.mark.parametrize("wrong", [("--kind", "bogus"), ("--status", "bad"), ("--days", "1")])
def test_what_cannot_be_is_refused(tmp_path: Path, wrong: tuple[str, str]) -> None:
    """A kind or a status that nothing can have, or an option of another list, is wrong usage, not an empty answer."""
    put(tmp_path, two_sessions())

    assert ask(tmp_path, "spans", *wrong).exit_code == 2


@pytest.mark.parametrize("limit", ["0", "-5", str(2**63), "9" * 40])
@pytest.mark.parametrize("command", ["sessions", "traces", "spans", "files"])
def test_a_limit_that_no_store_takes_is_wrong_usage(tmp_path: Path, command: str, limit: str) -> None:
    """A limit below one or beyond 64 bits is refused before anything is asked."""
    put(tmp_path, two_sessions())

    assert ask(tmp_path, command, "--limit", limit).exit_code == 2
    assert len(rows(tmp_path, command, "--limit", str(2**63 - 1), *(["--days", "36500"] if command == "files" else [])))


def test_one_large_number_ruins_no_table(tmp_path: Path) -> None:
    """A number that no model could have used is shown by its size, beside others that are shown whole."""
    chat: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": 12_345,
    }
    huge: dict[str, AttributeValue] = {
        **chat,
        "gen_ai.usage.input_tokens": 1e308,
        "gen_ai.usage.output_tokens": 1e308,
        "cc_otel.cost_usd": 1e308,
    }
    spans = [span(1, attributes=chat), *(span(at, session="b", attributes=huge) for at in (2, 3))]
    put(tmp_path, spans)

    lines = answered(tmp_path, "cost", "--days", "36500")
    assert max(map(len, lines)) <= 160
    assert "12,345" in lines[2]
    cost = rows(tmp_path, "cost", "--days", "36500")[0]
    # Dollars beyond every number have no JSON; tokens that no model counts are none.
    assert (cost["cost_usd"], cost["input_tokens"]) == (None, 0)


def test_a_list_says_of_how_many_rows_it_has_some(tmp_path: Path) -> None:
    """The last line of a table says how many rows there are, or that there are more."""
    put(tmp_path, [tool(at, "Read", f'{{"file_path": "/{at}"}}', session=f"session-{at}") for at in (1, 2, 3)])
    since = ("--days", "36500")

    assert answered(tmp_path, "sessions", "--limit", "2")[-1] == "2 of 3 sessions: --limit shows more."
    assert answered(tmp_path, "sessions")[-1] == "3 sessions"
    assert answered(tmp_path, "files", *since, "--limit", "1")[-1] == "1 of 3 files: --limit shows more."
    assert answered(tmp_path, "spans", "--limit", "2")[-1].startswith("These are the newest 2, and there are more")
    assert answered(tmp_path, "spans", "--limit", "3")[-1].split()[-1] == "Read"
    assert [len(rows(tmp_path, it, "--limit", "2", *more)) for it, more in (("spans", ()), ("files", since))] == [2, 2]


def test_a_cost_says_what_has_no_price(tmp_path: Path) -> None:
    """The last line of a cost is the total and how many calls have no price; rows say so where there are any."""
    chat: dict[str, AttributeValue] = {"gen_ai.operation.name": "chat", "gen_ai.response.model": "m"}
    priced: dict[str, AttributeValue] = {**chat, "cc_otel.cost_usd": 0.5}
    put(tmp_path, [span(1, attributes=priced), span(2, attributes=priced)])
    assert answered(tmp_path, "cost", "--days", "36500")[-1] == "Total: 2 model calls, $1.0000"

    put(tmp_path, [span(3, attributes=chat)])
    header, row, total = answered(tmp_path, "cost", "--days", "36500")
    assert (header.split()[-2:], row.split()[-1]) == (["unpriced", "calls"], "1")
    assert total == "Total: 3 model calls, $1.0000, 1 call without a price"
    assert answered(tmp_path, "sessions")[1].split()[7] == "$1.0000+"


def test_a_circle_of_spans_is_shown(tmp_path: Path) -> None:
    """Spans that are each other's parents are shown once each, as a tree of the earliest."""
    put(tmp_path, [span(1, "first", parent=2), span(2, "second", parent=1, start_ms=1)])

    assert [line.split()[-3] for line in answered(tmp_path, "tree", TRACE_A1)] == ["first", "second"]


@pytest.mark.parametrize("killed", [False, True])
def test_the_graph_is_read_on_a_full_disk(tmp_path: Path, killed: bool) -> None:
    """Trees and lists are read where nothing can be written, with the spans that are still open."""
    put(tmp_path, two_sessions())
    Journal(tmp_path / "journal.db").close()
    if killed:
        for name in ("graph.db", "journal.db"):
            leave_log(tmp_path / name)
    with full_disk():
        results = [ask(tmp_path, "tree", "last"), ask(tmp_path, "sessions"), ask(tmp_path, "cost")]

    assert [(it.exit_code, it.stderr) for it in results] == [(0, "")] * 3


def test_ids_are_cut_as_far_as_they_name_one_session(tmp_path: Path) -> None:
    """What a table shows of an id names its session in every command."""
    put(tmp_path, [turn(at, session=name) for at, name in enumerate(("agent-run-1", "agent-run-2", "0123456789ab"), 1)])
    shown = {line.split()[0] for line in answered(tmp_path, "sessions", "--limit", "9")[1:-1]}

    assert shown == {"agent-run-1", "agent-run-2", "01234567"}
    assert all(rows(tmp_path, "tree", name) for name in shown)


@pytest.mark.parametrize("command", [("tree", "x"), ("spans", "--session", "x"), ("files", "--session", "x")])
def test_a_session_that_is_not_there_is_an_error(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Asked about a session that nothing is known of, a command says so and fails."""
    put(tmp_path, two_sessions())
    result = ask(tmp_path, *command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: nothing is known of 'x'; `cc-otel query sessions` lists what is\n"


def test_traces_of_no_session_are_listed(tmp_path: Path) -> None:
    """Where no span names a session, there is a list of traces, each with the id that `tree` takes."""
    put(tmp_path, [span(1, "GET /", session=None), span(2, "PUT /", session=None, trace_id=TRACE_A2, start_ms=5)])
    lines = answered(tmp_path, "traces", "--limit", "1")

    assert [line.split()[-1] for line in (lines[1], *answered(tmp_path, "tree", lines[1].split()[0]))] == ["/", "ms"]
    assert lines[2].startswith("These are the newest 1, and there are more")
    assert len(rows(tmp_path, "traces")) == 2


def test_the_last_trace_where_there_are_no_sessions(tmp_path: Path) -> None:
    """Without sessions `last` is the newest trace."""
    put(tmp_path, [span(1, session=None), span(2, session=None, trace_id=TRACE_A2, start_ms=5)])

    assert [row["span_id"] for row in rows(tmp_path, "tree", "last")] == [span_id(2)]


def test_every_question_has_a_command(tmp_path: Path) -> None:
    """What a header says is a command: its sentence, its options with their defaults, its columns."""
    listed = ask(tmp_path, "--help").stdout
    described = " ".join(ask(tmp_path, "subtree", "--help").stdout.split())

    assert all(f"  {name}  " in listed for name in catalogue.names() if catalogue.named(name).has_command)
    assert "One span and everything below it, parents before their children. Columns: span_id, parent_id" in described
    assert "[default: 20;" in ask(tmp_path, "files", "--help").stdout


def test_rows_are_written_for_a_spreadsheet(tmp_path: Path) -> None:
    """CSV has a line of names, then a line for each row, in which nothing acts on a terminal."""
    put(tmp_path, [tool(1, "Read", json.dumps({"file_path": f'/a,"b{NASTY}'}))])

    names, row = answered(tmp_path, "files", "--days", "36500", "--csv")
    assert names == "path,touches,reads,edits,writes,errors,first_ms,last_ms"
    assert row.startswith('"/a,""b ]52;c;cm0gLXJm')
    assert row.isprintable()
    assert answered(tmp_path, "subtree", f"{TRACE_A1}-{span_id(9)}", "--csv") == [
        ",".join(catalogue.named("subtree").columns)
    ]


def test_a_tree_is_drawn(tmp_path: Path) -> None:
    """Mermaid and GraphML have a vertex for each span and an edge for each parent, whatever their names hold."""
    put(tmp_path, [span(1, 'one "[x]" <b>'), span(2, "two", parent=1), span(3, "three", parent=2)])
    key = f"{TRACE_A1}-{span_id(2)}"

    assert answered(tmp_path, "tree", TRACE_A1, "--mermaid") == [
        "flowchart LR",
        '  n0["one #34;#91;x#93;#34; #60;b#62;"]',
        '  n1["two"]',
        '  n2["three"]',
        "  n0 --> n1",
        "  n1 --> n2",
    ]
    graph = ElementTree.fromstring("\n".join(answered(tmp_path, "subtree", key, "--graphml")))
    names = {node.get("id"): node.findtext("*") for node in graph.iter(f"{GRAPHML}node")}
    assert names == {span_id(2): "two", span_id(3): "three"}
    assert [(it.get("source"), it.get("target")) for it in graph.iter(f"{GRAPHML}edge")] == [(span_id(2), span_id(3))]


@pytest.mark.parametrize(("since", "found"), [("2027-01-15", 1), ("2027-01-15T08:00:01+00:00", 0), ("100y", None)])
def test_times_are_named_as_people_name_them(tmp_path: Path, since: str, found: int | None) -> None:
    """`--since` takes a date or a duration before now, `--until` too; what is neither is wrong usage."""
    put(tmp_path, [tool(1, "Read", '{"file_path": "/a"}')])

    result = ask(tmp_path, "files", "--since", since, "--json")
    assert (result.exit_code, len(result.stdout.splitlines())) == ((0, found) if found is not None else (2, 0))
    assert answered(tmp_path, "files", "--since", since if found is not None else "1d", "--until", "1d") == [
        "Nothing found."
    ]


@pytest.mark.parametrize(("text", "ms"), [("90s", 90_000), ("1.5 h", 5_400_000), ("2d", 172_800_000), ("250ms", 250)])
def test_durations_have_units(text: str, ms: float) -> None:
    """A duration is a number with its unit."""
    assert Duration().convert(text, None, None) == ms


def test_a_question_is_printed_to_be_pasted(tmp_path: Path) -> None:
    """`--aql` prints the statement, its bind parameters first; it goes without a command."""
    lines = answered(tmp_path, "--aql", "files")

    assert json.loads(lines[0].removeprefix("// Bind parameters: "))["limit"] == 20
    assert "\n".join(lines[1:]) == catalogue.text("files", "aql").rstrip()
    assert ask(tmp_path, "--aql", "nonsense").exit_code == 2
    assert CliRunner().invoke(main, ["query", "--home", str(tmp_path), "files"]).exit_code == 2


def test_only_arangodb_has_saved_queries(tmp_path: Path) -> None:
    """Where the graph is a file, there is no place to save a query in, and the message says whose they are."""
    result = ask(tmp_path, "--save")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: saved queries are ArangoDB's")
