"""The public names of the package, and the example in docs/graph.md."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cc_otel
from cc_otel.graph.backends import NoSuchBackend
from cc_otel.graph.mapping import mapping
from tests.graph.made import two_sessions

DOCUMENT = Path(__file__).parents[2] / "docs" / "graph.md"


def test_the_example_in_the_document_runs(tmp_path: Path) -> None:
    """The documented example, given a graph, prints the spans that failed."""
    url = f"sqlite://{tmp_path}/graph.db"
    graph = cc_otel.open_graph(url)
    graph.write(mapping.of(two_sessions()))
    graph.close()
    [example] = re.findall(r"```python\n(.+?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    program = re.sub(r"sqlite:///[^\"]+", url, example)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout == "session-a Ran pytest -q: exit 1\n"


def test_importing_the_package_imports_nothing_else() -> None:
    """The public names are imported when they are asked for."""
    program = "import sys, cc_otel; print([name for name in sys.modules if name.startswith('cc_otel.')])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert run.stdout == "[]\n"


def test_every_public_name_is_there() -> None:
    """What the package says it has can be had; what it has not is an AttributeError."""
    assert all(getattr(cc_otel, name) for name in cc_otel.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = cc_otel.nonsense


@pytest.mark.parametrize("url", ["mysql://x", "graph.db", "arangodb+https://"])
def test_an_address_that_names_no_store(url: str) -> None:
    """An address without a store is refused with what there is."""
    with pytest.raises(NoSuchBackend):
        cc_otel.open_graph(url)
