"""
Attribute values, to and from OTLP's AnyValue. Nothing here raises.

What is sent has to be a value that protobuf and its readers can carry. What is replaced for that, and by what, is
documented for users in docs/delivery.md, "What is sent".
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from cc_otel.span import AttributeValue
from cc_otel.text import whole_characters

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

DEPTH_MAX: Final = 16
"""How deep lists and maps may nest in a value. A map costs three of the 100 levels that protobuf's parsers accept."""

_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_NON_FINITE: Final = {math.inf: "Infinity", -math.inf: "-Infinity"}


def text_of(value: str) -> str:
    """
    Return a string that UTF-8 can carry and every reader can store.

    A lone surrogate cannot be encoded, and NUL, legal in protobuf, ends strings in C and is refused by some
    databases: each becomes U+FFFD. The two halves of a pair become the character they stand for.
    """
    value = whole_characters(value)
    return value.replace("\0", "\ufffd") if "\0" in value else value


def value_of(value: object, depth: int = 0) -> AttributeValue:
    """
    Return an attribute value of OTLP's types: the value itself if it is one, else the nearest text.

    ``depth`` counts the enclosing lists and maps; a list or map below ``DEPTH_MAX`` of them becomes its JSON text.
    """
    if isinstance(value, str):
        return text_of(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number_of(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return _nested_of(value, depth)


def _number_of(value: float) -> int | float | str:
    if isinstance(value, int):
        return value if _INT64_MIN <= value <= _INT64_MAX else _digits_of(value)
    # JSON, and so many a store, has no such numbers; protobuf's JSON mapping names them so.
    return value if math.isfinite(value) else _NON_FINITE.get(value, "NaN")


def _digits_of(value: int) -> str:
    try:
        return str(value)
    except ValueError:
        # More digits than Python converts (sys.set_int_max_str_digits); hexadecimal has no such limit.
        return hex(value)


def _nested_of(value: object, depth: int) -> AttributeValue:
    if not isinstance(value, Mapping | Sequence):
        return text_of(str(value))
    if depth == DEPTH_MAX:
        return json_of(value)
    if isinstance(value, Mapping):
        return {text_of(str(key)): value_of(item, depth + 1) for key, item in value.items()}
    return [value_of(item, depth + 1) for item in value]


def json_of(value: object) -> str:
    """Return a nested value as JSON text, or a note if that is impossible."""
    try:
        return json.dumps(value, default=str)
    except (TypeError, ValueError, RecursionError):
        # Keys that JSON does not have, a circular value, or a thousand more levels.
        return f"nested deeper than {DEPTH_MAX} levels"


def attributes_in(pairs: "Iterable[KeyValue]") -> dict[str, AttributeValue]:
    """Return received attributes, each value with the type it came with."""
    # Nearly every value is a text that is not empty; trying that first saves asking for the type.
    return {pair.key: (value := pair.value).string_value or value_in(value) for pair in pairs}


def value_in(value: "AnyValue") -> AttributeValue:
    """Return a received value; None for an empty one, and for an index into a dictionary that only profiles have."""
    which = value.WhichOneof("value")
    if which == "kvlist_value":
        return attributes_in(value.kvlist_value.values)
    if which == "array_value":
        return [value_in(item) for item in value.array_value.values]
    if which in _SCALARS:
        scalar: str | bool | int | float | bytes = getattr(value, which)
        return scalar
    return None


_SCALARS: Final = frozenset({"string_value", "bool_value", "int_value", "double_value", "bytes_value"})
