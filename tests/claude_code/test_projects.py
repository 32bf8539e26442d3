"""Projects folders, as the setting names them."""

import os
from pathlib import Path

import pytest

from cc_otel.claude_code.projects import folders, with_folder


@pytest.mark.parametrize("text", ["/a", "/a:/b", "~/c:/a"])
def test_folders(text: str) -> None:
    """The setting names folders as PATH does, the home folder by its short name too."""
    assert folders(text) == tuple(Path(name).expanduser() for name in text.split(os.pathsep))
    assert folders("") == (Path.home() / ".claude" / "projects",)


def test_with_folder() -> None:
    """A folder is added at the end, once."""
    assert with_folder("", Path("/a")) == "/a"
    assert with_folder("/a", Path("/b")) == "/a:/b"
    assert with_folder("~/x:/b", Path.home() / "x") == "~/x:/b"
