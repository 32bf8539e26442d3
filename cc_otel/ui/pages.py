"""The page's own files, the description of its API, and its health: what policy each has."""

import base64
import hashlib
import re
from functools import cache
from importlib import resources
from typing import Final

from fastapi import APIRouter, FastAPI, Response
from fastapi.openapi.utils import get_openapi

from cc_otel.graph.store import GraphStore, StoreUnavailable
from cc_otel.graph.store import Query as GraphQuery
from cc_otel.ui.answers import answer

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "json": "application/json",
}

_SCRIPT: Final = re.compile(r"<script type=\"importmap\">(.*?)</script>", re.DOTALL)

_DOCS_POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Swagger UI writes styles into its elements; it shows the description alone, and nothing that was recorded."""


def policy(path: str) -> str:
    """Return the content security policy of a path: the page's own, but for the description of the API."""
    return _DOCS_POLICY if path == "/docs" else _page_policy()


@cache
def _page_policy() -> str:
    found = _SCRIPT.search(_file("index.html").decode())
    digest = base64.b64encode(hashlib.sha256((found[1] if found else "").encode()).digest()).decode()
    return (
        f"default-src 'self'; script-src 'self' 'sha256-{digest}'; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


@cache
def _names() -> frozenset[str]:
    """Return the paths of all files below ``static``: what is not among them cannot be asked for."""
    todo = [("", resources.files("cc_otel.ui").joinpath("static"))]
    found = set()
    while todo:
        path, folder = todo.pop()
        for item in folder.iterdir():
            if item.is_dir():
                todo.append((f"{path}{item.name}/", item))
            else:
                found.add(f"{path}{item.name}")
    return frozenset(found)


def _file(name: str) -> bytes:
    return resources.files("cc_otel.ui").joinpath("static").joinpath(*name.split("/")).read_bytes()


def routes(app: FastAPI, store: GraphStore) -> APIRouter:
    """Return the routes of the page's own files."""
    router = APIRouter()

    @router.get("/", include_in_schema=False)
    def index() -> Response:
        return _answer("index.html")

    @router.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return _answer("icon.svg")

    @router.get("/static/{name:path}", include_in_schema=False)
    def static(name: str) -> Response:
        return _answer(name) if name in _names() else answer({"error": "there is no such file"}, 404)

    @router.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return _answer("docs.html")

    @router.get("/openapi.json", include_in_schema=False)
    def description() -> Response:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return answer(app.openapi_schema)

    @router.get("/health", summary="Whether the store can be used.", tags=["reading"], responses={503: UNWELL})
    def health() -> Response:
        try:
            next(store.query(GraphQuery("session_ids", {"limit": 1})), None)
        except StoreUnavailable as error:
            # Anybody may ask, so not where it is.
            return answer({"status": "unavailable", "error": type(error).__name__}, 503)
        return answer({"status": "ok"})

    return router


UNWELL: Final[dict[str, object]] = {"description": "The store cannot be used now."}


def _described(app: FastAPI) -> dict[str, object]:
    described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    described.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    described["security"] = [{"token": []}]
    return described


def _answer(name: str) -> Response:
    return Response(_file(name), media_type=_TYPES.get(name.rpartition(".")[2], "application/octet-stream"))
