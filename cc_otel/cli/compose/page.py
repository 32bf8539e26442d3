"""The page's server, put together from settings."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cc_otel.cli.common import fail
from cc_otel.cli.compose.home import prepare_home
from cc_otel.cli.compose.sending import destination, with_content
from cc_otel.cli.compose.store import open_store
from cc_otel.cli.send import start_agent
from cc_otel.config import UI_PORT, Home, Settings
from cc_otel.spool import Spool, SpoolFull
from cc_otel.text import whole_characters

if TYPE_CHECKING:
    import uvicorn

    from cc_otel.ui.prototype import Received

PORTS_TRIED: Final = 20
START_S: Final = 10.0
STOP_S: Final = 5.0
GRACE_S: Final = 2
"""How long requests that are under way may take when the page stops."""

CLIENT_BYTES_MAX: Final = 1 << 16
"""The largest message that a socket's client may send: its token."""

AGENT_TRIED_S: Final = 5.0
HERE: Final = "127.0.0.1"

NOT_INSTALLED: Final = "the page needs a server that is not installed: install cc-otel[ui]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the page is served; without a ``port`` the first free one from `UI_PORT` on is taken."""

    host: str = HERE
    port: int | None = None
    public_url: str = ""
    accept_events: bool = False


@dataclass(slots=True)
class RunningPage:
    """A server at work: its address with the token."""

    url: str
    thread: threading.Thread = field(repr=False)

    def alive(self) -> bool:
        """Whether it still serves."""
        return self.thread.is_alive()


@contextmanager
def page_at_work(home: Home, settings: Settings, place: Place) -> Iterator[RunningPage]:
    """Serve the page until the block ends; fail with a message where it cannot be served."""
    token = ui_token(home)
    listener = _listen(place)
    port = listener.getsockname()[1]
    server = _server(home, settings, place, token)
    thread = threading.Thread(target=server.run, args=([listener],), name="page", daemon=True)
    thread.start()
    try:
        _until_started(server, thread)
        base = place.public_url.rstrip("/") or f"http://{_shown(place.host)}:{port}"
        yield RunningPage(f"{base}/?token={token}", thread)
    finally:
        server.should_exit = True
        thread.join(STOP_S)


def ui_token(home: Home) -> str:
    """Return the page's token, made when it is first asked for, in a file of its owner's alone."""
    prepare_home(home)
    try:
        with suppress(FileExistsError):
            descriptor = os.open(home.ui_token, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(secrets.token_urlsafe(32))
        home.ui_token.chmod(0o600)
        token = home.ui_token.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"the page's token {home.ui_token} cannot be used: {error}")
    if not token.isascii() or len(token) < 16:
        fail(f"{home.ui_token} holds no token: remove it, and another is made")
    return token


def _listen(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    ports = range(UI_PORT, UI_PORT + PORTS_TRIED) if place.port is None else [place.port]
    reason: str | None = ""
    for port in ports:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((place.host, port))
            listener.listen(128)
            return listener
        except OSError as error:
            listener.close()
            reason = error.strerror or str(error)
    where = f"{place.host}:{ports[0]}" + (f" to {ports[-1]}" if len(ports) > 1 else "")
    return fail(f"the page cannot listen on {where}: {reason}. Name another address with --listen HOST:PORT")


def _server(home: Home, settings: Settings, place: Place, token: str) -> "uvicorn.Server":
    try:
        import uvicorn  # noqa: PLC0415 - an extra that most do not have

        from cc_otel.ui.app import Sources, make_app  # noqa: PLC0415 - the same
    except ImportError:
        fail(NOT_INSTALLED)
    from cc_otel.ui.guard import Access  # noqa: PLC0415 - the same
    from cc_otel.view.live import JournalWatch  # noqa: PLC0415 - the same

    quoting = with_content(settings, destination(home, settings))
    sources = Sources(
        store=open_store(home, settings),
        opened_for=lambda: JournalWatch(home.journal, with_content=quoting),
        # A graph that others can reach may have sessions of other homes.
        all_here=not (settings.store or settings.graph_listen),
        record=Recorder(home, settings).record,
    )
    app = make_app(sources, Access(token, place.public_url), accept_events=place.accept_events)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="websockets-sansio",
            ws_max_size=CLIENT_BYTES_MAX,
            # Addresses hold the token: none is logged.
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )


def _until_started(server: "uvicorn.Server", thread: threading.Thread) -> None:
    give_up = time.monotonic() + START_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > give_up:
            fail("the page's server did not start; the log says why")
        time.sleep(0.01)


class Recorder:
    """Puts events that are posted into the spool, and starts an agent where none is running."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home = home
        self._spool = Spool(home.spool, settings.spool_max_mb << 20)
        self._tried_s = -AGENT_TRIED_S

    def record(self, event: "Received") -> None:
        """Record an event, unless recording is paused. Raises OSError where it cannot."""
        if self._home.off.exists():
            return
        variables = {name: whole_characters(value) for name, value in event.variables.items()}
        try:
            self._spool.prepare()
            self._spool.write(event.payload, variables, event.clock_ns)
        except SpoolFull as error:
            raise OSError(str(error)) from error
        if time.monotonic() - self._tried_s >= AGENT_TRIED_S:
            self._tried_s = time.monotonic()
            start_agent(self._home)


def _shown(host: str) -> str:
    """Return how a browser on this machine reaches what listens on an address."""
    everywhere = {"0.0.0.0": HERE, "::": "[::1]"}  # noqa: S104 - not listened on here, but where the user said so
    return everywhere.get(host, f"[{host}]" if ":" in host else host)
