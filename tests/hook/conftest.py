"""The hook in every shell that a /bin/sh may be."""

import os
import shutil
from pathlib import Path

import pytest

from tests.hook.wired import HOOKS, Hook

SHELLS = ("dash", "bash", "bash --posix", "bash as sh", "busybox sh", "sh", "zsh", "ksh93", "mksh", "yash")
PACKAGES = {"ksh93": "ksh93u+m"}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """A shell; a missing one is skipped, or fails the test where everything must be there."""
    name, *arguments = str(request.param).split()
    found = shutil.which(name)
    if found is None:
        message = f"needs {name}: apt-get install {PACKAGES.get(name, name)}"
        if os.environ.get("CC_OTEL_REQUIRE_STACK") == "1":
            pytest.fail(message)
        pytest.skip(message)
    if arguments == ["as", "sh"]:
        # Called by this name, bash follows POSIX more strictly: it is what /bin/sh is on many systems.
        link = tmp_path / "shells" / "sh"
        link.parent.mkdir()
        link.symlink_to(found)
        return [str(link)]
    return [found, *arguments]


@pytest.fixture
def hook(shell: list[str], tmp_path: Path) -> Hook:
    """A hook that is installed in a home whose path is not a friendly one."""
    hook = Hook(shell, home=tmp_path / "it's a $(home)")
    hook.spool.prepare()
    shutil.copy(HOOKS / "record.sh", hook.home)
    return hook
