"""What the client's tools say of files, in their arguments and results: one reader each for tools of a kind."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from cc_otel.claude_code.tools import tool_row
from cc_otel.json_values import list_of, object_of, objects_of, text_in

EDITS_MAX: Final = 500
"""How many edits of one call are read."""

HUNKS_MAX: Final = 500
"""How many hunks of one patch are read."""

LINES_READ_MAX: Final = 10_000
"""How many lines of a search's output are read."""

Ranges = tuple[tuple[int, int], ...]
_Changed = tuple[int | None, int | None]

_KINDS: Final = {"create": "create", "update": "write"}
_UNCHANGED: Final = "file_unchanged"
_HIT: Final = re.compile(r"(.+?)(?::\d+:|-\d+-)")
_COUNTED: Final = re.compile(r"(.+):\d+\Z")


@dataclass(frozen=True, slots=True)
class Touched:
    """
    A file as one call touched it: ``operation`` is read, write, edit or create.

    ``ranges`` are lines, the first and the last; empty where not known. How many lines were added and removed is None
    where not known.
    """

    path: str
    operation: str
    ranges: Ranges = ()
    lines_added: int | None = None
    lines_removed: int | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """The files that a search found, and how many it found in all."""

    paths: tuple[str, ...]
    count: int


def touched_by(tool: str, arguments: Mapping[str, Any], result: object) -> list[Touched]:
    """Return the files that a call which succeeded touched."""
    operation = tool_row(tool).file_operation
    answer = object_of(result)
    file = object_of(answer.get("file"))
    named = (file.get("filePath"), answer.get("filePath"), arguments.get("file_path"), arguments.get("notebook_path"))
    path = next((it for it in named if isinstance(it, str) and it), "")
    if not operation or not path or text_in(answer.get("error")):
        return []
    if operation == "read":
        return [Touched(path, operation, _ranges_read(answer, file, arguments))]
    added, removed = _changed(arguments, answer)
    kind = _KINDS.get(text_in(answer.get("type")), operation) if operation == "write" else operation
    return [Touched(path, kind, _ranges_changed(answer), added, removed)]


def searched_by(tool: str, arguments: Mapping[str, Any], result: object) -> Hits | None:
    """Return what a search found; None for a call that is none, or says nothing of files."""
    answer = object_of(result)
    if not tool_row(tool).searches or not answer:
        return None
    paths = [it for it in list_of(answer.get("filenames")) if isinstance(it, str) and it]
    if not paths:
        lines = text_in(answer.get("content")).split("\n", LINES_READ_MAX)[:LINES_READ_MAX]
        pattern = _COUNTED if answer.get("mode") == "count" else _HIT
        paths = list(dict.fromkeys(found[1] for line in lines if (found := pattern.match(line))))
    counts = (answer.get(key) for key in ("totalFiles", "totalMatches", "numFiles"))
    # Of a mode that lists lines, the number of matches is none of files.
    told = max((it for it in counts if _is_count(it) and answer.get("mode") != "content"), default=0)
    return Hits(tuple(paths), max(told, len(paths)))


def _ranges_read(answer: Mapping[str, Any], file: Mapping[str, Any], arguments: Mapping[str, Any]) -> Ranges:
    start, count = file.get("startLine"), file.get("numLines")
    if _is_count(start) and _is_count(count):
        return ((max(start, 1), max(start, 1) + count - 1),) if count else ()
    # What was unchanged since it was read is not said again; pictures and the like have no lines.
    if text_in(answer.get("type")) not in {"", "text", _UNCHANGED}:
        return ()
    offset, limit = arguments.get("offset", 1), arguments.get("limit")
    if not _is_count(offset) or not _is_count(limit) or not limit:
        return ()
    return ((max(offset, 1), max(offset, 1) + limit - 1),)


def _hunks(answer: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    """Return the hunks of a result's patch; None where it has none."""
    patch = answer.get("structuredPatch")
    return objects_of(patch)[:HUNKS_MAX] if isinstance(patch, list) else None


def _ranges_changed(answer: Mapping[str, Any]) -> Ranges:
    """Return the lines of the new file that the hunks of a patch are about, with those around them."""
    hunks = ((hunk.get("newStart"), hunk.get("newLines")) for hunk in _hunks(answer) or ())
    return tuple(
        (start, start + count - 1) for start, count in hunks if _is_count(start) and _is_count(count) and count
    )


def _changed(arguments: Mapping[str, Any], answer: Mapping[str, Any]) -> _Changed:
    hunks = _hunks(answer)
    if hunks:
        marks = [text_in(line)[:1] for hunk in hunks for line in list_of(hunk.get("lines"))]
        return marks.count("+"), marks.count("-")
    if isinstance(content := arguments.get("content"), str):
        return _written(content, answer)
    if hunks is not None and "originalFile" in answer:
        return 0, 0
    edits: Sequence[Mapping[str, Any]] = objects_of(arguments.get("edits"))[:EDITS_MAX] or (arguments,)
    changes = [_replaced(edit, answer) for edit in edits]
    return _sum([added for added, _ in changes]), _sum([removed for _, removed in changes])


def _written(content: str, answer: Mapping[str, Any]) -> _Changed:
    original = answer.get("originalFile")
    if answer.get("type") == "create" or ("originalFile" in answer and original is None):
        return _line_count(content), 0
    return _difference(original, content) if isinstance(original, str) else (None, None)


def _replaced(edit: Mapping[str, Any], answer: Mapping[str, Any]) -> _Changed:
    old, new = edit.get("old_string", answer.get("old_source")), edit.get("new_string", edit.get("new_source"))
    mode = edit.get("edit_mode")
    if mode == "insert" and isinstance(new, str):
        return _line_count(new), 0
    if mode == "delete" and isinstance(old, str):
        return 0, _line_count(old)
    # How often it was replaced is said by a patch alone.
    if edit.get("replace_all") is True or not isinstance(old, str) or not isinstance(new, str):
        return None, None
    return _difference(old, new)


def _difference(old: str, new: str) -> _Changed:
    """Return how many lines were added and removed, if all between the first and the last difference is new."""
    before, after = old.splitlines(), new.splitlines()
    same = _common(before, after, lambda it: it)
    before, after = before[same:], after[same:]
    same = _common(before, after, lambda it: -1 - it)
    return len(after) - same, len(before) - same


def _common(before: Sequence[str], after: Sequence[str], place: Callable[[int], int]) -> int:
    shorter = min(len(before), len(after))
    return next((it for it in range(shorter) if before[place(it)] != after[place(it)]), shorter)


def _line_count(text: str) -> int:
    return len(text.splitlines())


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1 << 31
