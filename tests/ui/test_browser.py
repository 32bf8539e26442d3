"""The page in a real browser: what a person sees and types, and what the content can never do."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from cc_otel.graph.mapping import mapping
from cc_otel.graph.sqlite.store import SqliteStore
from cc_otel.span import AttributeValue, Span
from cc_otel.ui.app import Sources, make_app
from cc_otel.ui.guard import Access
from tests.graph.made import span, turn
from tests.graph.recorded import recorded
from tests.ui.conftest import TOKEN, Opened

WAIT_MS = 15_000
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
ROWS_MAX = 60

Shown = Callable[[SqliteStore], Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Debian's Chromium."""
    found = shutil.which("chromium")
    if not found:
        if os.environ.get("CC_OTEL_REQUIRE_STACK") == "1":
            pytest.fail("needs Chromium: apt-get install chromium")
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def served(store: SqliteStore) -> Iterator[str]:
    """Serve the page on a free port of loopback, and return its address with the token."""
    app = make_app(Sources(store, Opened, all_here=True, record=lambda _: None), Access(TOKEN, ""), accept_events=False)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until_s = time.monotonic() + WAIT_MS / 1000
    while not server.started and time.monotonic() < until_s:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/?token={TOKEN}"
    server.should_exit = True
    thread.join(WAIT_MS / 1000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Return an empty store."""
    store = SqliteStore(tmp_path / "graph.db")
    store.prepare()
    yield store
    store.close()


@pytest.fixture
def shown(browser: Browser) -> Iterator[Shown]:
    """Return what opens the page over a store; a breach of its policy or an error in its console fails the test."""
    troubles: list[str] = []
    with ExitStack() as servers, browser.new_context(viewport={"width": 1280, "height": 800}) as context:

        def heard(text: str, *, is_trouble: bool = True) -> None:
            if is_trouble:
                troubles.append(text)

        def show(store: SqliteStore) -> Page:
            page = context.new_page()
            page.set_default_timeout(WAIT_MS)
            page.on("console", lambda message: heard(message.text, is_trouble=message.type == "error"))
            page.on("pageerror", lambda error: heard(str(error)))
            page.on("dialog", lambda dialog: heard(dialog.message))
            page.goto(servers.enter_context(served(store)))
            return page

        yield show
        # Before the servers end: a page without one complains.
        context.close()
    assert troubles == []


def put(store: SqliteStore, *spans: Span) -> None:
    """Store spans."""
    store.write(mapping.of(spans))


def test_a_session_is_read_as_transcript_and_waterfall(store: SqliteStore, shown: Shown) -> None:
    """From the list to a session, from failure to failure by a key, and to the second view of the same rows."""
    put(store, *recorded("story_fix_loop"))
    page = shown(store)
    page.get_by_text("make the cart's tests pass").first.click()
    page.get_by_text("Could not edit cart.py").first.wait_for()
    page.keyboard.press("e")
    failed = page.locator("[role=row][aria-selected=true]").inner_text()
    page.get_by_role("button", name="Waterfall").click()
    page.get_by_text("Could not edit cart.py").first.wait_for()

    assert "exit 1" in failed
    assert "as=waterfall" in page.url
    assert TOKEN not in page.url
    assert page.get_by_role("button", name="3 failures").count() == 1


def test_a_new_span_appears_by_itself(store: SqliteStore, shown: Shown) -> None:
    """Nobody reloads: a session that begins while the page is open is there."""
    put(store, turn(1))
    page = shown(store)
    page.get_by_text("Sessions").first.wait_for()
    prompt: dict[str, AttributeValue] = {"cc_otel.summary": "the second one"}
    later = turn(7, session="session-b", trace_id="b1" * 16)
    put(store, replace(later, attributes={**later.attributes, **prompt}))
    page.get_by_text("the second one").first.wait_for()


def test_content_is_text_whatever_it_says(store: SqliteStore, shown: Shown) -> None:
    """Markup in every field stays text: no element of it, no script, no dialog."""
    attributes: dict[str, AttributeValue] = {
        "cc_otel.hook.event": "UserPromptSubmit",
        "gen_ai.operation.name": "invoke_agent",
        "cc_otel.summary": MARKUP,
        "gen_ai.input.messages": f'[{{"role": "user", "parts": [{{"type": "text", "content": "{MARKUP}"}}]}}]',
    }
    named: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": MARKUP,
        "cc_otel.summary": MARKUP,
        "gen_ai.tool.call.result": MARKUP,
        "file.path": f"/{MARKUP}",
    }
    put(
        store,
        span(1, MARKUP, attributes=attributes),
        span(2, MARKUP, parent=1, attributes=named, error=MARKUP, start_ms=1),
    )
    page = shown(store)
    page.get_by_text(MARKUP).first.click()
    page.locator("[role=row]").first.wait_for()
    page.keyboard.press("e")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)

    assert page.locator("img, script:not([src]):not([type=importmap])").count() == 0
    assert page.get_by_text(MARKUP).count() > 0


def test_a_large_session_keeps_few_rows(store: SqliteStore, shown: Shown) -> None:
    """However many calls there are, the document holds those in sight; the last is reached by a key."""
    calls = [
        span(
            number,
            f"execute_tool T{number}",
            parent=1,
            start_ms=number,
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": f"T{number}",
                "cc_otel.summary": f"call {number}",
            },
        )
        for number in range(2, 1500)
    ]
    put(store, turn(1), *calls)
    page = shown(store)
    page.locator("[role=row]").first.wait_for()
    page.locator("[role=row]").first.click()
    page.get_by_text("call 2", exact=True).first.wait_for()
    first = page.locator("[role=row]").count()
    page.locator("[role=row]").nth(2).click()
    page.keyboard.press("End")
    page.get_by_text("call 1499", exact=True).first.wait_for()

    assert max(first, page.locator("[role=row]").count()) <= ROWS_MAX
