"""HTTP for python-arango: every request is sent once to a host, and in the time that its thread has left."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import local
from time import monotonic
from typing import Final

import requests
from arango.http import DefaultHTTPClient
from requests.adapters import HTTPAdapter

CONNECT_TIME_MAX_S: Final = 1.0
"""A host that does not even accept within this leaves the next one time to answer."""

CONNECTIONS_MAX: Final = 8
"""Kept open to a host at most: one thread writes, a few read."""


class Deadline(local):
    """When the calls of this thread must be done, and why the last request failed."""

    def __init__(self) -> None:
        self.trouble = ""
        self._at_s = 0.0

    @contextmanager
    def within(self, time_s: float) -> Iterator[None]:
        """Let the calls inside take ``time_s`` together."""
        self._at_s, self.trouble = monotonic() + time_s, ""
        try:
            yield
        finally:
            self._at_s = 0.0

    def remaining_s(self) -> float:
        """Return how much of the time is left, s; outside ``within`` there is none."""
        return self._at_s - monotonic()


class DeadlineClient(DefaultHTTPClient):
    """The driver's HTTP client with deadlines, and without anything that the environment says."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def create_session(self, host: str) -> requests.Session:
        """Return a session for one host."""
        session = requests.Session()
        # No variable may send the password through a proxy, nor replace it by one from ~/.netrc.
        session.trust_env = False
        # ArangoDB redirects nobody; a proxy's login page is not to be mistaken for it.
        session.max_redirects = 0
        session.mount("http://", _DeadlineAdapter(self._deadline))
        session.mount("https://", _DeadlineAdapter(self._deadline))
        return session


class _DeadlineAdapter(HTTPAdapter):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__(pool_maxsize=CONNECTIONS_MAX)
        self._deadline = deadline

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """
        Send with what time is left, and raise requests.Timeout where there is none.

        Whatever else goes wrong is requests.ConnectionError, upon which the driver asks the next host.
        """
        remaining_s = self._deadline.remaining_s()
        if remaining_s <= 0:
            # Not a ConnectionError: the next host is not to blame, and is the one to begin with next time.
            raise requests.Timeout("no time left")
        where = str(request.url).partition("?")[0]
        try:
            timeout = (min(CONNECT_TIME_MAX_S, remaining_s), remaining_s)
            answer = super().send(request, stream, timeout, verify, cert, proxies)
        except (requests.Timeout, requests.ConnectionError) as error:
            self._deadline.trouble = f"{where}: {error}"
            # The driver turns away from a host that refuses, but would stay with one that hangs.
            raise requests.ConnectionError(str(error)) from error
        self._deadline.trouble = f"{where}: {answer.status_code} {answer.reason}" if answer.status_code >= 400 else ""
        return answer
