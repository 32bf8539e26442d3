"""The questions of the page as JSON: sessions, a session's rows, spans with their content, and every named query."""

import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response

from cc_otel.graph.queries import catalogue
from cc_otel.graph.store import GraphStore, UnknownQuery
from cc_otel.graph.store import Query as GraphQuery
from cc_otel.ui.answers import answer
from cc_otel.view.costs import GROUPINGS, costs
from cc_otel.view.live import OpenSpans
from cc_otel.view.session_list import list_sessions
from cc_otel.view.session_page import session_page
from cc_otel.view.span_page import SPANS_AT_ONCE, span_pages

ROWS: Final = 200
ROWS_MAX: Final = 5_000

ERROR: Final[dict[str, Any]] = {
    "description": "What is wrong",
    "content": {
        "application/json": {
            "schema": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
        }
    },
}
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {401: ERROR, 403: ERROR, 422: ERROR, 503: ERROR}
_NAMED: Final[dict[int | str, dict[str, Any]]] = {**_ERRORS, 404: ERROR, 409: ERROR}

_SPAN_KEY: Final = re.compile("([0-9a-f]{32})-([0-9a-f]{16})")

Limit = Annotated[int, Query(ge=1, le=ROWS_MAX, description="How many rows at most.")]


class BadParameter(ValueError):
    """A query takes no such parameter, or not this value."""


def routes(store: GraphStore, opened: OpenSpans, *, all_here: bool) -> APIRouter:
    """Return what the page asks."""
    router = APIRouter(prefix="/api", tags=["reading"])

    @router.get("/sessions", summary="The sessions that were active last.", responses=_ERRORS)
    def sessions(limit: Limit = ROWS) -> Response:
        found = list_sessions(store, limit, opened.read(_now_ms()), all_here=all_here)
        return answer({"rows": [row.to_json() for row in found.rows], "total": found.total})

    @router.get(
        "/sessions/{name}",
        summary="All spans of a session or trace as rows of a tree, and what is worth a look.",
        responses=_NAMED,
    )
    def session(
        name: Annotated[str, Path(description="Its id, the beginning of it, a trace id, or `last`.")],
    ) -> Response:
        found = session_page(store, name, opened.read(_now_ms()))
        return answer(
            {
                "session_id": found.session_id,
                "rows": [{"depth": row.depth, **_without_depth(row.span.to_json())} for row in found.rows],
                "reasons": [asdict(reason) for reason in found.reasons],
                "costs": found.costs,
            }
        )

    @router.get("/spans", summary="Spans with all they say, and their content as blocks of text.", responses=_ERRORS)
    def spans(
        key: Annotated[list[str], Query(max_length=SPANS_AT_ONCE, description="Trace id, a dash, span id.")],
    ) -> Response:
        found = span_pages(store, map(_ids, key))
        return answer({"spans": [{**page.row, "blocks": [asdict(it) for it in page.blocks]} for page in found]})

    @router.get("/costs", summary="What model calls took, added up.", responses=_ERRORS)
    def cost(
        by: Annotated[str, Query(pattern=f"^({'|'.join(GROUPINGS)})$")] = "session",
        session_id: str | None = None,
        since_ms: float = 0.0,
    ) -> Response:
        found = costs(store, by, {"session_id": session_id, "since_ms": since_ms})
        return answer({"rows": [it.to_json() for it in found]})

    @router.get("/queries", summary="The named queries: what they answer, take and return.", responses=_ERRORS)
    def queries() -> Response:
        return answer({"queries": [asdict(catalogue.named(name)) for name in catalogue.names()]})

    @router.get(
        "/query/{name}",
        summary="Ask a named query (docs/graph.md); its parameters are those of the address.",
        responses=_NAMED,
    )
    def query(name: str, request: Request, limit: Limit = ROWS) -> Response:
        if name not in catalogue.names():
            raise UnknownQuery(f"no query is called {name!r}; there are {', '.join(catalogue.names())}")
        known = {it.name: it.type for it in catalogue.named(name).parameters}
        wanted = _parameters(name, known, request)
        if "limit" in known:
            # One more than is returned, to know whether there is.
            wanted["limit"] = limit + 1
        rows = list(islice(store.query(GraphQuery(name, wanted)), limit + 1))
        return answer({"columns": catalogue.named(name).columns, "rows": rows[:limit], "more": len(rows) > limit})

    return router


def _parameters(name: str, known: Mapping[str, str], request: Request) -> dict[str, str | int | float | None]:
    wanted: dict[str, str | int | float | None] = {}
    for parameter, value in request.query_params.items():
        if parameter == "limit":
            continue
        if parameter not in known:
            takes = ", ".join(sorted(known)) or "no parameter"
            raise BadParameter(f"query {name} takes {takes}, not {parameter}")
        try:
            wanted[parameter] = _typed(known[parameter], value)
        except (ValueError, OverflowError):
            raise BadParameter(f"{parameter} is {value!r}: write {known[parameter]}") from None
    return wanted


def _typed(wanted: str, value: str) -> str | int | float:
    if wanted == "text":
        value.encode()
        return value
    number = int(value) if wanted == "integer" else float(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError(value)
    return number


def _ids(key: str) -> tuple[str, str]:
    found = _SPAN_KEY.fullmatch(key)
    if found is None:
        raise BadParameter(f"{key!r} is no span: write its trace id, a dash and its span id")
    return found[1], found[2]


def _without_depth(row: dict[str, Any]) -> dict[str, Any]:
    # Of one trace; the page's level counts in all that is shown.
    del row["depth"]
    return row


def _now_ms() -> float:
    return time.time() * 1000
