"""
Values within a size: the longest parts are cut, every cut is marked where it was made and listed with its true size.

Sizes are bytes: of a text its UTF-8 form, of anything else its JSON as orjson writes it. What was cut can always be
encoded: half a character (a lone surrogate) has become U+FFFD, a number beyond 64 bits a text of its digits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import islice
from typing import Final

import orjson

from cc_otel.json_values import Json
from cc_otel.text import whole_characters

DEPTH_MAX: Final = 100
"""Where a value must be cut, containers nested deeper than this go; orjson itself stops at 254."""

KEY_BYTES_MAX: Final = 256
"""Longest key in an object that must be cut, bytes of JSON."""

PATH_BYTES_MAX: Final = 512
"""Longest path in the list of cuts, bytes."""

PATHS_MAX: Final = 64
"""How many cuts are listed, the largest ones."""

_LEAST_BYTES: Final = 40
"""Room for any mark, any number, and any container without its members."""

_MARKED_BYTES: Final = 2 * _LEAST_BYTES
"""From this room on a container that lost members says so."""

_TOO_DEEP: Final = "…[nested too deeply]"
_INTEGER_BITS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Fitted:
    """
    A value within its limit, and what was cut: the true size in bytes by path (``tool_input.content``).

    The value's own path is empty. A list or an object is named where members of it, or parts of keys, are missing.
    """

    value: Json
    truncated: dict[str, int] = field(default_factory=dict)


def fit(value: Json, bytes_max: int) -> Fitted:
    """
    Cut the longest texts and lists until the JSON takes at most ``bytes_max``; it stays valid JSON.

    What fits comes back as it is. Never fails, whatever the value; a limit below 4 counts as 4.
    """
    size = _size(value)
    if size is not None and size <= bytes_max:
        return Fitted(value)
    cutter = _Cutter()
    if size is None:
        value = cutter.made_safe(value, "", "", 0)
        size = len(orjson.dumps(value))
    value = cutter.cut(value, size, max(bytes_max, 4), "", 0)
    return Fitted(value, cutter.largest_cuts())


def text(value: str, bytes_max: int) -> str:
    """Return the text, or its beginning and a mark of what is missing, at most ``bytes_max`` of UTF-8 together."""
    if len(value) <= bytes_max and value.isascii():
        return value
    data = whole_characters(value).encode()
    if len(data) <= bytes_max:
        return data.decode()
    room = bytes_max - len(_mark(len(data)).encode())
    if room < 0:
        return data[: max(bytes_max, 0)].decode("utf-8", "ignore")
    kept = data[:room].decode("utf-8", "ignore")
    return kept + _mark(len(data) - len(kept.encode()))


class _Cutter:
    """One value being cut, and the cuts made so far."""

    def __init__(self) -> None:
        self._truncated: dict[str, int] = {}

    def largest_cuts(self) -> dict[str, int]:
        if len(self._truncated) <= PATHS_MAX:
            return self._truncated
        return dict(nlargest(PATHS_MAX, self._truncated.items(), key=lambda cut: cut[1]))

    def made_safe(self, value: Json, parent: str, key: object, depth: int) -> Json:
        """Return the value with everything replaced that has no JSON form."""
        match value:
            case str():
                return whole_characters(value)
            case bool():
                return value
            case int() if not -(1 << 63) <= value < 1 << 64:
                return str(value) if value.bit_length() <= _INTEGER_BITS_MAX else hex(value)
            case dict() | list():
                path = _joined(parent, key) if depth else ""
                if depth == DEPTH_MAX:
                    self._truncated[path] = _deep_size(value)
                    return _TOO_DEEP
                if isinstance(value, list):
                    return [self.made_safe(item, path, index, depth + 1) for index, item in enumerate(value)]
                return {
                    whole_characters(name): self.made_safe(member, path, name, depth + 1)
                    for name, member in value.items()
                }
            case _:
                return value

    def cut(self, value: Json, size: int, room: int, path: str, depth: int) -> Json:
        """Return the value within ``room``; ``size`` is what it takes now, both bytes of JSON."""
        if size <= room:
            return value
        match value:
            case str():
                self._truncated[path] = len(value.encode())
                return _cut_text(value, room)
            case dict() | list() if depth == DEPTH_MAX:
                self._truncated[path] = size
                return _TOO_DEEP
            case list():
                # An item takes two bytes at least: of a list of millions only these can stay.
                items = value[: room // 2]
                kept = self._members(range(len(items)), items, [1] * len(items), room, path, depth)
                missing = len(value) - len(kept)
                if missing:
                    self._truncated[path] = size
                if missing and room >= _MARKED_BYTES:
                    kept.append(f"…[+{missing} items]")
                return kept
            case dict():
                keys = [_cut_key(key) for key in islice(value, room // 4)]
                overheads = [len(orjson.dumps(key)) + 2 for key in keys]
                members = list(islice(value.values(), len(keys)))
                object_ = dict(zip(keys, self._members(keys, members, overheads, room, path, depth), strict=False))
                missing = len(value) - len(object_)
                if missing or any(key not in value for key in keys):
                    self._truncated[path] = size
                if missing and room >= _MARKED_BYTES:
                    object_["…"] = f"[+{missing} keys]"
                return object_
            case _:
                return None

    def _members(
        self,
        names: Iterable[object],
        members: Sequence[Json],
        overheads: Sequence[int],
        room: int,
        path: str,
        depth: int,
    ) -> list[Json]:
        """Return the leading members that have a place, each within its share; ``overheads`` are their keys' sizes."""
        sizes = [len(orjson.dumps(member)) for member in members]
        count = _count_within(sizes, overheads, room - 2)
        if count < len(members) and room >= _MARKED_BYTES:
            room -= _LEAST_BYTES
            count = _count_within(sizes, overheads, room - 2)
        level = _level(sizes[:count], room - 2 - sum(overheads[:count]))
        return [
            self.cut(member, size, level, _joined(path, name) if size > level else "", depth + 1)
            for name, member, size in zip(names, members[:count], sizes, strict=False)
        ]


def _count_within(sizes: Sequence[int], overheads: Sequence[int], room: int) -> int:
    """Count the leading members that have a place in ``room`` once all of them are cut to the least."""
    for count, (size, overhead) in enumerate(zip(sizes, overheads, strict=True)):
        room -= overhead + min(size, _LEAST_BYTES)
        if room < 0:
            return count
    return len(sizes)


def _level(sizes: Sequence[int], room: int) -> int:
    """
    Return the size that members are cut to so that together they take at most ``room``.

    It is `_LEAST_BYTES` or more wherever it cuts, because `_count_within` has let in no member too many.
    """
    for index, size in enumerate(sorted(sizes)):
        share = room // (len(sizes) - index)
        if size > share:
            return share
        room -= size
    return max(sizes, default=0)


def _cut_text(value: str, room: int) -> str:
    """Cut a text whose JSON is longer than ``room`` to that, with a mark where there is room for one."""
    data = value.encode()
    mark = _mark(len(data)) if room >= _LEAST_BYTES else ""
    room -= len(mark.encode()) + 2
    # Quotes, backslashes and control characters are longer in JSON: the longest beginning is sought between these.
    low, high = 0, min(room, len(data))
    while low < high:
        middle = (low + high + 1) // 2
        if len(orjson.dumps(data[:middle].decode("utf-8", "ignore"))) - 2 <= room:
            low = middle
        else:
            high = middle - 1
    kept = data[:low].decode("utf-8", "ignore")
    return kept + (_mark(len(data) - len(kept.encode())) if mark else "")


def _cut_key(key: str) -> str:
    return key if len(orjson.dumps(key)) <= KEY_BYTES_MAX else _cut_text(key, KEY_BYTES_MAX)


def _mark(missing_bytes: int) -> str:
    return f"…[+{missing_bytes} bytes]"


def _joined(path: str, key: object) -> str:
    return text(f"{path}.{key}" if path else str(key), PATH_BYTES_MAX)


def _size(value: Json) -> int | None:
    """Measure the JSON, bytes; None where orjson cannot write it."""
    try:
        return len(orjson.dumps(value))
    except TypeError:
        return None


def _deep_size(value: Json) -> int:
    """Measure JSON of any depth, bytes, as near as it goes where orjson cannot write a part of it."""
    size, waiting = 0, [value]
    while waiting:
        match waiting.pop():
            case dict() as members:
                size += 1 + sum((_size(key) or len(key)) + 2 for key in members) + (not members)
                waiting.extend(members.values())
            case list() as items:
                size += 1 + max(len(items), 1)
                waiting.extend(items)
            case str() as part:
                size += _size(part) or len(part) + 2
            case number:
                size += _size(number) or len(f"{number:x}")
    return size
