"""The files of a call, by what its own arguments and result say: what was read, written and found."""

from collections.abc import Iterator
from posixpath import normpath
from typing import Any, Final

from cc_otel import conventions as c
from cc_otel.agent.facts.call import Call
from cc_otel.claude_code.touched import Touched, searched_by, touched_by

FILES_MAX: Final = 64
"""How many files of one call are listed."""

SEARCHED_MAX: Final = 50
"""How many hits of one search are listed."""

RANGES_MAX: Final = 32
"""How many ranges of one file are listed."""

OBSERVED: Final = "observed"
"""The certainty of what an event says itself."""


def file_facts(call: Call) -> Iterator[tuple[str, Any]]:
    """Return the files that a call touched or found, for one that is known to have succeeded."""
    if not call.succeeded:
        return
    if touched := touched_by(call.tool, call.arguments, call.result):
        yield c.FILES, [_stated(it, call) for it in touched[:FILES_MAX]]
    if hits := searched_by(call.tool, call.arguments, call.result):
        yield c.SEARCHED, [_absolute(path, call.directory) for path in hits.paths[:SEARCHED_MAX]]
        yield c.SEARCHED_COUNT, hits.count


def _stated(touched: Touched, call: Call) -> dict[str, Any]:
    stated: dict[str, Any] = {"path": _absolute(touched.path, call.directory), "op": touched.operation}
    if touched.ranges:
        stated["ranges"] = [f"{first}-{last}" for first, last in touched.ranges[:RANGES_MAX]]
    # Of a text that was cut the lines cannot be counted.
    if touched.lines_added is not None and touched.lines_removed is not None and not call.cut:
        stated |= {"lines_added": touched.lines_added, "lines_removed": touched.lines_removed}
    return stated | {"certainty": OBSERVED}


def _absolute(path: str, directory: str) -> str:
    """Return a path from the root; as it is where it is not known what it is relative to."""
    if path.startswith(("/", "~")) or not directory.startswith("/"):
        return path
    return normpath(f"{directory}/{path}")
