"""The Dockerfile, as far as it can be run without Docker: its install lines in a fresh virtual environment."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cc_otel import __version__
from tests.stack.process import free_port, wait_for
from tests.stack.programs import ROOT

pytestmark = pytest.mark.stack

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def build(source: Path, target: Path) -> None:
    """Do what the build stage does, with other directories: its COPY from the tree, its RUN in a shell."""
    stage = DOCKERFILE.split("\nFROM ")[1]
    for instruction, rest in re.findall(r"^(COPY|RUN) (.+)$", stage, re.MULTILINE):
        if instruction == "COPY":
            *names, place = rest.split()
            for name in names:
                copy(ROOT / name, source / place / ("" if (ROOT / name).is_dir() else Path(name).name))
        else:
            command = rest.replace("/opt/", f"{target}/")
            path = f"{Path(sys.executable).parent}:{os.defpath}"
            environment = os.environ | {"PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
            ran = subprocess.run(
                ["sh", "-ec", command], cwd=source, check=False, env=environment, capture_output=True, text=True
            )
            assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"


def copy(what: Path, where: Path) -> None:
    """Copy a file or a directory, as COPY does."""
    where.parent.mkdir(parents=True, exist_ok=True)
    if what.is_dir():
        shutil.copytree(what, where, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(what, where)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the image's /opt would be."""
    source, target = tmp_path_factory.mktemp("src"), tmp_path_factory.mktemp("opt")
    build(source, target)
    return target


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the image, with nothing of this environment."""
    return subprocess.run(argv, capture_output=True, text=True, check=False, env={"PATH": os.defpath})


def test_the_image_holds_the_command_and_no_more_than_it_needs(image: Path) -> None:
    """The graph-exporter and the ArangoDB driver are installed; litellm, pip and the tools for building are not."""
    python = image / "cc-otel" / "bin" / "python"
    version = run(image / "cc-otel" / "bin" / "cc-otel", "--version")
    listed = run(
        python, "-c", "from importlib.metadata import distributions as d; print(*(x.metadata['Name'] for x in d()))"
    )
    installed = {name.lower().replace("_", "-") for name in listed.stdout.split()}

    missing = run(image / "build" / "bin" / "python", "-m", "pip", "--python", python, "check")

    assert missing.stdout == "No broken requirements found.\n"
    assert version.stdout.strip() == f"cc-otel, version {__version__}"
    assert {"cc-otel", "python-arango"} <= installed
    assert not {"litellm", "pip", "setuptools", "hatchling", "redis", "pytest"} & installed


def test_the_health_command_tells_a_serving_graph_exporter_from_none(image: Path, tmp_path: Path) -> None:
    """What HEALTHCHECK runs exits 0 while the image's command serves, and 1 when nothing listens."""
    [health] = re.findall(r'^HEALTHCHECK .*CMD \["python", "/opt/([^"]+)", "127\.0\.0\.1:4327"\]$', DOCKERFILE, re.M)
    programs, address = image / "cc-otel" / "bin", f"127.0.0.1:{free_port()}"
    environment = {"PATH": os.defpath, "CC_OTEL_HOME": str(tmp_path), "CC_OTEL_GRAPH_LISTEN": address}

    with subprocess.Popen([programs / "cc-otel", "graph-exporter"], env=environment, stdout=subprocess.PIPE) as server:
        try:
            wait_for("health", lambda: run(programs / "python", image / health, address).returncode == 0)
        finally:
            server.terminate()

    assert run(programs / "python", image / health, address).returncode == 1
