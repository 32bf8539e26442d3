"""Who may ask the page's server, and what its answers allow a browser."""

import pytest
from starlette.websockets import WebSocketDisconnect

from cc_otel.ui.guard import Access
from tests.ui.conftest import BEARER, TOKEN, WS, Page

ASKED = ["/api/sessions", "/api/sessions/last", "/api/queries", "/docs", "/openapi.json", "/no/such/page"]


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize("given", ["", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \u00e9"])
def test_nothing_is_read_without_the_token(page: Page, path: str, given: str) -> None:
    """Without the token every path but the page's own files is 401, and says what mends it."""
    answer = page.client(token=False).get(path, headers=[(b"Authorization", given.encode("latin-1"))])

    assert (answer.status_code, "cc-otel ui" in answer.json()["error"]) == (401, True)


@pytest.mark.parametrize(
    ("path", "status"), [("/docs", 200), ("/openapi.json", 200), ("/api/sessions", 401), ("/api/queries", 401)]
)
def test_the_description_alone_takes_the_token_from_the_address(page: Page, path: str, status: int) -> None:
    """A person opens /docs with ?token=; what was recorded is not to be had by an address alone."""
    assert page.client(token=False).get(f"{path}?token={TOKEN}").status_code == status


@pytest.mark.parametrize("path", ["/", "/health", "/static/icon.svg"])
def test_the_page_s_own_files_are_there_for_everybody(page: Page, path: str) -> None:
    """The page's files and its health hold nothing of anybody, and no answer sets a cookie."""
    answer = page.client(token=False).get(path)

    assert (answer.status_code, answer.headers.get("set-cookie")) == (200, None)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9", 200),
        ("localhost:8002", 200),
        ("[::1]:8002", 200),
        ("LOCALHOST", 200),
        ("page.example", 403),
        ("127.0.0.1.evil.example:8002", 403),
        ("evil.example:8002", 403),
        ("", 403),
        ("[::1", 403),
    ],
)
def test_a_foreign_host_is_refused(page: Page, host: str, status: int) -> None:
    """A name that was pointed at this machine by others is no name of the page, also with the token."""
    assert page.client().get("/api/sessions", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8002", 200),
        ("http://127.0.0.1:3000", 403),
        ("http://localhost:8002", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_foreign_origin_is_refused(page: Page, origin: str, status: int) -> None:
    """Other pages cannot ask, not even those of another port of this machine, nor open a socket."""
    assert page.client().get("/api/sessions", headers={"Origin": origin}).status_code == status
    if status == 403:
        with (
            page.client() as client,
            pytest.raises(WebSocketDisconnect) as refused,
            client.websocket_connect(WS + "/stream", headers={"Origin": origin}),
        ):
            pass
        assert refused.value.code in {1008, 403}


def test_the_public_address_is_the_page_s_too(page: Page) -> None:
    """With --public-url its host and its origin are known, and no others beside those of this machine."""
    client = page.client(public_url="https://page.example")

    for host, origin, status in (
        ("page.example", "https://page.example", 200),
        ("127.0.0.1:8002", "https://page.example", 200),
        ("page.example", "https://other.example", 403),
        ("other.example", "https://page.example", 403),
    ):
        assert client.get("/api/sessions", headers={"Host": host, "Origin": origin}).status_code == status


def test_the_policy_of_every_answer(page: Page) -> None:
    """Every answer forbids foreign scripts, inline ones but the import map, frames, and markup from text."""
    for path in ("/", "/api/sessions", "/no/such/page", "/static/icon.svg"):
        headers = page.client().get(path).headers
        rules = dict(rule.strip().partition(" ")[::2] for rule in headers["content-security-policy"].split(";"))

        assert rules["default-src"] == "'self'"
        assert rules["script-src"].startswith("'self' 'sha256-")
        assert "unsafe" not in headers["content-security-policy"]
        assert rules["require-trusted-types-for"] == "'script'"
        assert rules["trusted-types"] == "'none'"
        assert rules["frame-ancestors"] == "'none'"
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/", "/static/x"]
)
def test_only_the_page_s_files_are_served(page: Page, path: str) -> None:
    """A path that leaves the folder names no file."""
    assert page.client().get(path).status_code in {401, 404}


def test_a_token_of_any_characters_is_compared() -> None:
    """Whatever is shown is compared with the token, and nothing at all is not the token."""
    access = Access(TOKEN)

    assert [access.knows_token(given) for given in (TOKEN, "", "\ud800", "é" * 9000)] == [True, False, False, False]
    assert BEARER["Authorization"].endswith(TOKEN)
