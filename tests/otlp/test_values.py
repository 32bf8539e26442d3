"""Any value, as one that protobuf and its readers can carry."""

import math
from collections import UserDict, deque
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cc_otel.otlp.values import DEPTH_MAX, text_of, value_of


def nested(levels: int) -> object:
    """Put text into that many lists."""
    value: object = "core"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("naïve 🦀 \u2028", "naïve 🦀 \u2028"),
        ("a\ud800b", "a\ufffdb"),
        ("\udc00", "\ufffd"),
        ("é\ud800", "é\ufffd"),
        ("\udc00\ud83d", "\ufffd\ufffd"),
        ("\ud83e\udd80", "🦀"),
        ("a\0b\0", "a\ufffdb\ufffd"),
        ("\0\ud800é", "\ufffd\ufffdé"),
        ("\ufeffbyte order mark", "\ufeffbyte order mark"),
    ],
)
def test_text_that_cannot_be_carried_is_replaced_character_by_character(text: str, expected: str) -> None:
    """A lone surrogate and a NUL become U+FFFD, the halves of a pair their character; other text stays as it is."""
    actual = text_of(text)

    assert actual == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, "9223372036854775808"),
        (-(2**63) - 1, "-9223372036854775809"),
        (1.5, 1.5),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (("a\0", [1, {"b\ud800": math.nan}]), ["a\ufffd", [1, {"b\ufffd": "NaN"}]]),
        (UserDict({1: "one"}), {"1": "one"}),
        (deque([1]), [1]),
        (Decimal("1.50"), "1.50"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00+00:00"),
    ],
)
def test_a_value_is_kept_or_becomes_the_nearest_that_can_be_carried(value: object, expected: object) -> None:
    """Numbers that the wire or JSON have not become text, containers are cleaned inside, and strangers are named."""
    actual = value_of(value)

    assert (type(expected), expected) == (type(actual), actual)


def test_an_integer_of_thousands_of_digits_becomes_hexadecimal_text() -> None:
    """An integer longer than Python writes in decimal is written in hexadecimal, without its digits being lost."""
    actual = value_of(10**5000)

    assert hex(10**5000) == actual


def test_what_is_nested_too_deep_becomes_its_json_text() -> None:
    """Below 16 lists and maps, the rest of a value is one string of JSON."""
    actual = value_of(nested(DEPTH_MAX + 2))

    for _ in range(DEPTH_MAX):
        assert isinstance(actual, list)
        (actual,) = actual
    assert actual == '[["core"]]'


@pytest.mark.parametrize("levels", [10_000, 100_000])
def test_what_is_nested_beyond_json_is_only_named(levels: int) -> None:
    """A value too deep even for JSON text ends in a remark that it was."""
    actual = value_of(nested(levels))

    for _ in range(DEPTH_MAX):
        assert isinstance(actual, list)
        (actual,) = actual
    assert actual == "nested deeper than 16 levels"


def test_a_value_within_itself_ends() -> None:
    """A list that holds itself is cut like one that is nested too deep."""
    value: list[object] = []
    value.append(value)

    actual = value_of(value)

    for _ in range(DEPTH_MAX):
        assert isinstance(actual, list)
        (actual,) = actual
    assert actual == "nested deeper than 16 levels"
