"""What the documentation says exists, and what exists is in the documentation."""

import re
from pathlib import Path
from typing import Final

import pytest

from cc_otel import conventions
from cc_otel.cli.commands import COMMANDS, HIDDEN
from cc_otel.config import SETTINGS, variable

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT: Final = "\n".join(page.read_text("utf-8") for page in PAGES)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_is_in_the_table(name: str) -> None:
    """docs/settings.md has a row for each setting, with its variable and its help."""
    rows = (ROOT / "docs" / "settings.md").read_text("utf-8").splitlines()
    help_text = SETTINGS[name].metadata["help"].replace("|", "\\|")

    assert [row for row in rows if row.startswith(f"| `{name}` | `{variable(name)}` |") and help_text in row]


@pytest.mark.parametrize("name", sorted(entry.name for entry in COMMANDS if entry.section != HIDDEN))
def test_every_command_is_documented(name: str) -> None:
    """Each command is shown in use somewhere."""
    assert f"cc-otel {name}" in TEXT


@pytest.mark.parametrize(
    "key", sorted(v for k, v in vars(conventions).items() if k.isupper() and str(v)[:8] == "cc_otel.")
)
def test_every_attribute_of_ours_is_documented(key: str) -> None:
    """docs/spans.md explains each attribute in our own namespace."""
    assert key in (ROOT / "docs" / "spans.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_page_that_is_named_exists(page: Path) -> None:
    """A path that a page names is in the tree."""
    named = set(re.findall(r"(?:docs|tests|benchmarks|hooks|cc_otel|stack)/[\w./-]*\w", page.read_text("utf-8")))
    # Names with a suffix are files; others may be parts of longer words.
    missing = [
        name
        for name in named
        if re.search(r"\.(md|py|sh|json|jsonl|sql|aql|yaml)$", name) and not (ROOT / name).exists()
    ]

    assert missing == []


def test_the_architecture_names_what_is_there() -> None:
    """Every file and folder that docs/architecture.md names is in the tree, and every package of ours is named."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`((?:cc_otel|docs|hooks|tests)/[\w./-]*)`", page))
    packages = {f"cc_otel/{path.parent.name}/" for path in (ROOT / "cc_otel").glob("*/__init__.py")}

    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    assert [package for package in sorted(packages) if package not in page] == []
