"""What the Dockerfile installs and who runs it, as far as can be read; tests/stack/test_image.py does install it."""

import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
_REQUIREMENT: Final = re.compile(r"^(\S+)==(\S+)(?: ;.*)? \\$", re.MULTILINE)
_NAME: Final = re.compile(r"[a-z0-9-]+")


def versions(name: str) -> dict[str, str]:
    """Return the packages of a file of requirements, with their versions."""
    return dict(_REQUIREMENT.findall((ROOT / "requirements" / name).read_text("utf-8")))


@pytest.mark.parametrize("name", ["image.txt", "image-build.txt"])
def test_the_image_has_the_versions_of_the_lock(name: str) -> None:
    """What the image installs stands in the lock with the same versions: `make image-lock` was not forgotten."""
    locked, installed = versions("lock.txt"), versions(name)

    assert installed == {package: locked[package] for package in installed}
    assert "litellm" not in installed


def test_the_image_has_what_the_package_asks_for() -> None:
    """Every dependency of the package, of the ArangoDB backend and of the page is installed in the image."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["arango"], *extras["ui"]]

    assert not {found[0] for line in asked if (found := _NAME.match(line))} - versions("image.txt").keys()


def test_the_image_is_not_run_as_root() -> None:
    """The last USER is a number that is not 0, so that Kubernetes can tell, too."""
    users = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)

    assert users == ["10001:10001"]
