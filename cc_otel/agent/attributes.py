"""The attributes of one span while they are gathered: within its limits, and words alone without content."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from cc_otel import conventions as c
from cc_otel.agent.truncation import fit, text
from cc_otel.claude_code.vocabulary import is_word
from cc_otel.span import AttributeValue

SPAN_BYTES_MAX: Final = 1 << 20
"""All attribute values of a span together, bytes."""

# What is ours or the operator's to say leaves as it is: a sentence is made without content where that must not leave.
_OURS: Final = frozenset({c.SUMMARY, c.SUMMARY_MODEL, c.SOURCE_APP})


class SpanAttributes:
    """Takes one attribute after the other; what has no more room is left out and noted."""

    def __init__(self, value_bytes_max: int, *, with_content: bool) -> None:
        """Take the longest value, bytes, and whether values may be more than a word."""
        self._value_bytes_max = value_bytes_max
        self._with_content = with_content
        self._attributes: dict[str, AttributeValue] = {}
        self._truncated: dict[str, int] = {}
        self._size_bytes = 0

    def add(self, key: str, value: Any) -> None:
        """Take a text, a number, a tuple of words, or any JSON value, which becomes a text."""
        if not self._with_content and not _is_told_without_content(key, value):
            return
        if isinstance(value, str) and value.isascii() and len(value) <= self._value_bytes_max:
            # Nearly every value, and this runs for every attribute.
            size_bytes = len(value)
        elif isinstance(value, str):
            kept = text(value, self._value_bytes_max)
            if kept != value:
                self._truncated[key] = len(value.encode("utf-8", "replace"))
            size_bytes, value = len(kept.encode()), kept
        elif isinstance(value, bool | int | float):
            size_bytes = 8
        elif isinstance(value, tuple):
            # A list of short words, as the conventions have it for finish reasons.
            size_bytes = sum(len(word.encode("utf-8", "replace")) for word in value)
        else:
            fitted = fit(value, self._value_bytes_max)
            self._truncated |= {f"{key}.{path}" if path else key: true for path, true in fitted.truncated.items()}
            data = orjson.dumps(fitted.value)
            size_bytes, value = len(data), data.decode()
        if self._size_bytes + size_bytes > SPAN_BYTES_MAX:
            self._truncated[key] = size_bytes
            return
        self._size_bytes += size_bytes
        self._attributes[key] = value

    def finished(self, cuts: Iterable[Mapping[str, int]], *, cut_short: bool) -> dict[str, AttributeValue]:
        """Return the attributes plus `cc_otel.truncated`, merging cuts made here with those at intake (``cuts``)."""
        # The paths of what was cut are keys of the user's objects.
        for truncated in cuts if self._with_content else ():
            self._truncated |= {key: size for key, size in truncated.items() if key not in self._truncated}
        if cut_short:
            self._truncated.setdefault("payload", 0)
        if self._truncated:
            self._attributes[c.TRUNCATED] = text(orjson.dumps(self._truncated).decode(), self._value_bytes_max)
        return self._attributes


def _is_told_without_content(key: str, value: object) -> bool:
    words = value if isinstance(value, tuple) else (value,)
    return key in _OURS or all(map(is_word, words))
