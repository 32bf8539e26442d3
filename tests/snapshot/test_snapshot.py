"""What scripts and other programs rely on is as it was in the first landed version, save for changes on purpose."""

import json
import shutil
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from tests.snapshot.take import take

FOLDER: Final = Path(__file__).parent
SESSIONS: Final = FOLDER.parent / "sessions"


def test_nothing_changed_but_on_purpose() -> None:
    """Exit codes, JSON keys, columns, files and spans are as in landed.json, or changed.toml says why not."""
    program = shutil.which("cc-otel", path=str(Path(sys.executable).parent))
    assert program
    landed: dict[str, Any] = json.loads((FOLDER / "landed.json").read_text("utf-8"))
    changes = tomllib.loads((FOLDER / "changed.toml").read_text("utf-8")).get("change", [])
    now = take(program, SESSIONS)

    differences = sorted(
        difference for fact in landed for difference in _differences(fact, landed[fact], now.get(fact))
    )
    unexplained = [
        difference
        for difference in differences
        if not any(fnmatchcase(difference, pattern) for change in changes for pattern in change["facts"])
    ]
    idle = [
        pattern
        for change in changes
        for pattern in change["facts"]
        if not any(fnmatchcase(difference, pattern) for difference in differences)
    ]

    assert unexplained == []
    assert idle == []


def _differences(fact: str, was: Any, now: Any) -> Iterator[str]:
    """Tell what of a fact is not as it was: ``FACT: what``. JSON keys and files may be added, nothing may go."""
    kind = fact.partition("/")[0]
    if now is None:
        yield f"{fact}: gone"
    elif kind == "keys":
        yield from (f"{fact}: without {key}" for key in was if key not in now)
    elif kind == "wire":
        for name in sorted(was.keys() | now.keys()):
            if was.get(name) != now.get(name):
                yield f"{fact}: {name} {was.get(name, 'absent')} -> {now.get(name, 'absent')}"
    elif was != now:
        yield f"{fact}: {was} -> {now}"
