"""What the page asks, and what it is answered."""

from pathlib import Path

import pytest

from cc_otel.graph.mapping import mapping
from cc_otel.graph.queries import catalogue
from cc_otel.graph.sqlite.store import SqliteStore
from tests.graph.made import TRACE_A1, TRACE_B1, span, span_id
from tests.ui.conftest import Page
from tests.view.made import tree_span


def test_sessions_with_their_state(page: Page) -> None:
    """The sessions come as the terminal lists them, of how many, and those that have but begun are among them."""
    page.opened.spans = [tree_span(1, session_id="session-c", kind="turn", label="go", open=True, start_ms=9e12)]
    found = page.client().get("/api/sessions?limit=2").json()

    assert [(row["session_id"], row["state"]) for row in found["rows"]] == [
        ("session-c", "running"),
        ("session-b", "done"),
    ]
    assert found["total"] == 3


def test_a_session_s_rows_in_the_order_of_its_tree(page: Page) -> None:
    """All spans of a session, parents first, with the level that each has in what is shown."""
    found = page.client().get("/api/sessions/session-a").json()

    rows = [(int(row["span_id"], 16), row["depth"]) for row in found["rows"]]
    assert rows == [(1, 0), (2, 1), (3, 1), (4, 2), (5, 3), (6, 1), (7, 0), (8, 1)]
    assert found["reasons"][0] == {
        "kind": "first failure",
        "text": "Ran pytest -q: exit 1: exit_1",
        "trace_id": TRACE_A1,
        "span_id": span_id(2),
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/sessions/nothing", 404),
        ("/api/sessions/session", 409),
        ("/api/sessions?limit=0", 422),
        ("/api/sessions?limit=x", 422),
        ("/api/spans?key=1", 422),
        ("/api/costs?by=colour", 422),
        ("/api/query/nothing", 404),
        ("/api/query/..%2fx", 404),
        ("/api/query/spans?colour=red", 422),
        ("/api/query/files?since_ms=x", 422),
        ("/api/query/files?since_ms=nan", 422),
        ("/api/query/files?since_ms=1e400", 422),
    ],
)
def test_what_cannot_be_answered(page: Page, path: str, status: int) -> None:
    """A question that has no answer says why, as JSON."""
    answer = page.client().get(path)

    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


def test_spans_with_their_content_as_blocks(page: Page) -> None:
    """Several spans are answered at once: all they say, and their content as runs of text."""
    keys = [f"{TRACE_A1}-{span_id(2)}", f"{TRACE_B1}-{span_id(9)}", f"{TRACE_B1}-{span_id(99)}"]
    found = page.client().get("/api/spans", params={"key": keys}).json()["spans"]

    assert [int(it["span_id"], 16) for it in found] == [2, 9]
    assert [(it["kind"], it["title"], "".join(text for _, text in it["runs"])) for it in found[0]["blocks"]] == [
        ("code", "command", "pytest -q")
    ]


@pytest.mark.parametrize("name", catalogue.names())
def test_every_named_query_can_be_asked(page: Page, name: str) -> None:
    """A query of the catalogue is asked by its name, its parameters are those of the address, its rows are bounded."""
    values = {"text": "x", "integer": "1", "real": "0.5"}
    parameters = {it.name: values[it.type] for it in catalogue.named(name).parameters}
    answer = page.client().get(f"/api/query/{name}", params=parameters)

    assert answer.status_code == 200
    assert answer.json()["columns"] == list(catalogue.named(name).columns)


def test_rows_are_never_cut_without_saying_so(page: Page) -> None:
    """Of more rows than were asked for the answer says that there are more."""
    client = page.client()

    few, all_ = (client.get(f"/api/query/spans?limit={limit}").json() for limit in (3, 10))
    assert (len(few["rows"]), few["more"], len(all_["rows"]), all_["more"]) == (3, True, 10, False)


def test_what_others_wrote_comes_as_it_can_be_written(page: Page) -> None:
    """Markup stays the text that it is, in JSON that every browser reads."""
    hostile = '<img src=x onerror=alert(1)>\u2028"</script>'
    page.store.write(mapping.of([span(50, hostile, attributes={"cc_otel.summary": hostile, "n": float("inf")})]))
    found = page.client().get("/api/query/spans", params={"name": hostile}).json()

    assert [row["label"] for row in found["rows"]] == [hostile]


def test_a_store_that_cannot_be_used(tmp_path: Path) -> None:
    """Health is 503 where the store cannot be used, and so are questions, which say why; it comes back by itself."""
    store = SqliteStore(tmp_path / "graph.db")
    client = Page(store).client()

    before = [client.get(path).status_code for path in ("/health", "/api/sessions")]
    store.prepare()
    assert (before, [client.get(path).status_code for path in ("/health", "/api/sessions")]) == ([503, 503], [200, 200])
    store.close()


def test_the_description_names_every_route(page: Page) -> None:
    """OpenAPI describes what can be asked, and that it needs the token."""
    described = page.client().get("/openapi.json").json()

    assert {"/api/sessions", "/api/sessions/{name}", "/api/spans", "/api/query/{name}", "/events", "/health"} <= set(
        described["paths"]
    )
    assert described["security"] == [{"token": []}]
