"""What the tests of the graph share."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def home() -> Iterator[Path]:
    """Return a folder whose path is short enough for a socket in it, on every system."""
    with TemporaryDirectory(prefix="cc-otel-", dir="/tmp") as folder:
        yield Path(folder)
