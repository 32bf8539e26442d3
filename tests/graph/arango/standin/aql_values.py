"""AQL's values: how they compare and count, and the functions that the project's queries call."""

import re
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from itertools import zip_longest

from tests.graph.arango.standin.engine import Value


def rank(value: Value) -> int:
    """Return where the value's type stands: null < bool < number < string < array < object."""
    types: tuple[type | tuple[type, ...], ...] = (type(None), bool, (int, float), str, list, dict)
    return next(place for place, kind in enumerate(types) if isinstance(value, kind))


def compare(left: Value, right: Value) -> int:
    """Return -1, 0 or 1; values of different types compare by type."""
    if rank(left) != rank(right):
        return -1 if rank(left) < rank(right) else 1
    if isinstance(left, list):
        pairs = zip_longest(left, right)
        return next((order for a, b in pairs if (order := compare(a, b))), 0)
    if isinstance(left, dict):
        names = sorted({*left, *right})
        return next((order for name in names if (order := compare(left.get(name), right.get(name)))), 0)
    return 0 if left == right else -1 if left < right else 1


sort_key = cmp_to_key(compare)


def is_in(value: Value, array: Value) -> bool:
    """Return whether an array holds the value."""
    if isinstance(value, str) and isinstance(array, list):
        return value in array
    return isinstance(array, list) and any(compare(value, one) == 0 for one in array)


def is_true(value: Value) -> bool:
    """Answer what the value counts as in a condition: an array and an object are always true."""
    return isinstance(value, list | dict) or bool(value)


def number(value: Value) -> float:
    """Answer what the value counts as in arithmetic; what is no number is 0, without an error."""
    if isinstance(value, bool | int | float):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0


def text(value: Value) -> str:
    """Return the value as a text; null is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def attribute(value: Value, name: str) -> Value:
    """Return an attribute; there is none in what is no object."""
    return value.get(name) if isinstance(value, dict) else None


def element(value: Value, index: Value) -> Value:
    """Return ``value[index]``: of an object by name, of an array by position."""
    if isinstance(value, list) and isinstance(index, int | float):
        position = int(index)
        return value[position] if -len(value) <= position < len(value) else None
    return attribute(value, text(index))


def tokens(value: Value) -> list[str]:
    """Return the words of a text, as the analyzer of the project makes them; other analyzers are not known."""
    return re.findall(r"[^\W_]+", value.lower()) if isinstance(value, str) else []


def _merge(*arguments: Value) -> Value:
    documents = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else arguments
    result: dict[str, Value] = {}
    for document in documents:
        if not isinstance(document, dict):
            return None
        result.update(document)
    return result


def _union_distinct(*arrays: Value) -> Value:
    result: list[Value] = []
    for value in (value for array in arrays for value in array):
        if not any(compare(value, one) == 0 for one in result):
            result.append(value)
    return result


def _contains(where: Value, what: Value) -> bool:
    return text(what) in text(where)


def _length(value: Value) -> int:
    return len(value) if isinstance(value, list | dict | str) else 0 if value is None else len(text(value))


def _first(value: Value) -> Value:
    return value[0] if isinstance(value, list) and value else None


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "ATTRIBUTES": lambda value: list(value) if isinstance(value, dict) else None,
    "CHAR_LENGTH": lambda value: len(text(value)),
    "CONCAT": lambda *parts: "".join(map(text, parts)),
    "CONCAT_SEPARATOR": lambda sign, array: text(sign).join(text(one) for one in array if one is not None),
    "CONTAINS": _contains,
    "FIND_FIRST": lambda value, what: text(value).find(text(what)),
    "FIRST": _first,
    "LAST": lambda value: value[-1] if isinstance(value, list) and value else None,
    "LENGTH": _length,
    "LOWER": lambda value: text(value).lower(),
    "MAX": lambda values: max((v for v in values if v is not None), key=sort_key, default=None),
    "MERGE": _merge,
    "NOT_NULL": lambda *values: next((value for value in values if value is not None), None),
    "PUSH": lambda array, value: [*array, value],
    "REGEX_REPLACE": lambda value, pattern, by: re.sub(pattern, by, text(value)),
    "RIGHT": lambda value, length: text(value)[-length:] if length > 0 else "",
    "ROUND": lambda value: float(round(number(value))),
    "SORTED_UNIQUE": lambda values: sorted(_union_distinct(values), key=sort_key),
    "STARTS_WITH": lambda value, prefix: text(value).startswith(text(prefix)),
    "SUBSTITUTE": lambda value, search, replacement: text(value).replace(search, replacement),
    "SUBSTRING": lambda value, at, length=None: text(value)[at:][:length],
    "TO_STRING": text,
    "TOKENS": lambda value, _: tokens(value),
    "TRIM": lambda value: text(value).strip(),
    "UNION": lambda *arrays: [value for array in arrays for value in array],
    "UNION_DISTINCT": _union_distinct,
    "UNIQUE": _union_distinct,
}


def _numbers(values: Sequence[Value]) -> list[float]:
    return [number(value) for value in values if value is not None]


AGGREGATES: dict[str, Callable[[Sequence[Value]], Value]] = {
    "MIN": lambda values: min((v for v in values if v is not None), key=sort_key, default=None),
    "MAX": lambda values: max((v for v in values if v is not None), key=sort_key, default=None),
    "SUM": lambda values: sum(_numbers(values)),
    "AVERAGE": lambda values: sum(_numbers(values)) / len(_numbers(values)) if _numbers(values) else None,
    "COUNT_DISTINCT": lambda values: len(_union_distinct(values)),
    "LENGTH": len,
}
