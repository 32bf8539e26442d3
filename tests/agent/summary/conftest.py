"""What the tests of summaries share: one model endpoint, and one process with the real LiteLLM in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cc_otel.agent.summary.credentials import Credentials
from cc_otel.agent.summary.process import ModelProcess
from tests.agent.summary.endpoints import Endpoint, endpoint_up
from tests.agent.summary.home import Home, Summarising

CALL_TIMEOUT_S = 2.0


@pytest.fixture(scope="session")
def served() -> Iterator[Endpoint]:
    """Return the endpoint of the whole run: the model process knows its address from its start."""
    with endpoint_up() as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(served: Endpoint) -> Iterator[Endpoint]:
    """Return the endpoint as new."""
    served.renew()
    yield served
    served.renew()


def write_credentials(path: Path, endpoint: Endpoint, **more: str) -> Path:
    """Write a file of credentials that leads to the endpoint."""
    path.touch(mode=0o600)
    variables = endpoint.environment() | more
    path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    return path


@pytest.fixture(scope="session")
def process(served: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelProcess]:
    """Return the model process of the whole run: it takes seconds to start."""
    folder = tmp_path_factory.mktemp("models")
    process = SharedProcess(Credentials(write_credentials(folder / "model.env", served)), call_timeout_s=CALL_TIMEOUT_S)
    yield process
    process.end()


class SharedProcess(ModelProcess):
    """A model process that outlives those who use it."""

    def stop(self) -> None:
        """Go on: others will ask."""

    def end(self) -> None:
        """End it."""
        super().stop()


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Callable[[Summarising | None], Home]]:
    """Return a maker of homes in the test's folder, one after the other; all of them end with the test."""
    made: list[Home] = []

    def make(parts: Summarising | None) -> Home:
        made.append(Home(tmp_path, parts.summariser if parts else None))
        return made[-1]

    yield make
    for home in made:
        home.close()
