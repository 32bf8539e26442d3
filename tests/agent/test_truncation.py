"""Values within limits: what fits is left alone, what is cut says so, and nothing makes it fail."""

import re
import time
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent.truncation import KEY_BYTES_MAX, PATHS_MAX, Fitted, fit, text
from cc_otel.json_values import Json

WIDE_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(10**30, 10**40) | st.floats() | WIDE_TEXT,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(WIDE_TEXT, inner, max_size=8),
    max_leaves=40,
)


def nested(depth: int, kernel: Json) -> Json:
    """Return the kernel inside that many objects and lists in turn."""
    for level in range(depth):
        kernel = [kernel] if level % 2 else {"in": kernel}
    return kernel


def test_what_fits_is_left_alone() -> None:
    """A value whose JSON is exactly as long as the limit comes back as it is."""
    value: Json = {"command": "ls", "timeout": 5}
    size = len(orjson.dumps(value))

    assert fit(value, size) == Fitted(value, {})
    assert fit(value, size).value is value


def test_the_longest_text_is_cut_first() -> None:
    """Short fields stay whole; the longest one is cut, with a mark and its true size."""
    value: Json = {"file_path": "/home/dev/a.py", "content": "x" * 1000}

    fitted = fit(value, 100)

    assert fitted == Fitted(
        {"file_path": "/home/dev/a.py", "content": "x" * 40 + "…[+960 bytes]"},
        {"content": 1000},
    )
    assert len(orjson.dumps(fitted.value)) <= 100


def test_several_long_texts_share_the_room() -> None:
    """Two long texts, at any depth, are cut to about the same length and both are listed by path."""
    fitted = fit({"tool_input": {"old": "a" * 500, "new": "b" * 300}, "id": 1}, 200)

    true_sizes = {"tool_input.old": 500, "tool_input.new": 300}
    assert fitted.truncated == true_sizes
    assert 180 <= len(orjson.dumps(fitted.value)) <= 200


def test_a_long_list_keeps_its_beginning() -> None:
    """Of a list with too many items the first stay, and a mark counts the others."""
    lines: list[Json] = [f"line {n}" for n in range(1000)]

    fitted = fit({"lines": lines}, 150)

    assert fitted == Fitted({"lines": [*lines[:10], "…[+990 items]"]}, {"lines": 10891})


def test_a_wide_object_keeps_its_beginning() -> None:
    """Of an object with too many members the first stay, and a mark counts the others."""
    fitted = fit({f"key {n}": n for n in range(1000)}, 120)

    kept: Json = {**{f"key {n}": n for n in range(7)}, "…": "[+993 keys]"}
    assert fitted == Fitted(kept, {"": 13781})


def test_a_long_key_is_cut_like_a_text() -> None:
    """A key can be longer than any limit, and must not push out its value."""
    fitted = fit({"k" * 5000: "value"}, 1000)

    key = "k" * 238 + "…[+4762 bytes]"
    assert fitted == Fitted({key: "value"}, {"": 5012})
    assert len(orjson.dumps(key)) == KEY_BYTES_MAX


def test_a_character_is_never_split() -> None:
    """A cut falls between characters, and the count of missing bytes is exact."""
    value = "€" * 100

    kept, mark = text(value, 50).split("…")

    assert kept == "€" * (len(kept))
    assert mark == f"[+{300 - 3 * len(kept)} bytes]"


def test_a_text_that_fits_is_left_alone() -> None:
    """The limit counts UTF-8 bytes, not characters."""
    assert text("€€", 6) == "€€"
    assert text("€€", 5) == "€"


def test_half_a_character_is_made_safe() -> None:
    """Lone surrogates have no UTF-8 form: they become U+FFFD, in texts, keys and values; whole pairs become one."""
    assert fit({"a\ud83d": ["\udc00", "\ud83d\ude00"]}, 100) == Fitted({"a\ufffd": ["\ufffd", "😀"]}, {})
    assert text("\ud800", 10) == "\ufffd"


def test_numbers_beyond_64_bits_become_texts() -> None:
    """A number that orjson cannot write keeps its digits."""
    assert fit({"n": 10**30}, 100) == Fitted({"n": "1" + "0" * 30}, {})


def test_escapes_count_as_they_are_written() -> None:
    """A control character takes six bytes of JSON, and the limit is one of JSON."""
    fitted = fit("\x00" * 1000, 130)

    assert fitted == Fitted("\x00" * 18 + "…[+982 bytes]", {"": 1000})


@pytest.mark.parametrize("depth", [200, 254, 255, 900])
def test_deep_nesting_is_cut(depth: int) -> None:
    """A value nested so deeply that it must be cut ends in a mark, and the path says where."""
    fitted = fit(nested(depth, "x" * 1000), 1000)

    assert b"nested too deeply" in orjson.dumps(fitted.value)
    ((path, size),) = fitted.truncated.items()
    assert path.startswith("0.in.0.in.") or path.startswith("in.0.in.0.")
    assert size >= 1000


def test_a_deep_value_that_fits_is_left_alone() -> None:
    """Depth alone is no reason to cut."""
    value = nested(200, "x")

    assert fit(value, 2000) == Fitted(value, {})


def test_only_the_largest_cuts_are_told() -> None:
    """However many texts were cut, the list of cuts stays short and names the largest."""
    fitted = fit({str(n): "x" * (1000 + n) for n in range(200)}, 16384)

    assert fitted.truncated == {str(n): 1000 + n for n in range(200 - PATHS_MAX, 200)}


@given(JSON, st.integers(4, 400))
def test_every_value_fits_every_limit(value: Json, bytes_max: int) -> None:
    """Whatever the value and the limit: valid JSON within the limit, and never an exception."""
    fitted = fit(value, bytes_max)

    assert len(orjson.dumps(fitted.value)) <= bytes_max
    assert all(size > 0 for size in fitted.truncated.values())


@given(JSON, st.integers(80, 2000))
def test_what_was_cut_is_told(value: Json, bytes_max: int) -> None:
    """A value that had to shrink has at least one path to say so; one that was not cut has none."""
    try:
        size = len(orjson.dumps(value))
    except TypeError:
        return

    assert bool(fit(value, bytes_max).truncated) == (size > bytes_max)


@given(WIDE_TEXT, st.integers(0, 80))
def test_every_text_fits_every_limit(value: str, bytes_max: int) -> None:
    """Whatever the text and the limit: UTF-8 within the limit, and its beginning."""
    cut = text(value, bytes_max)

    assert len(cut.encode()) <= bytes_max
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert whole == cut or whole.startswith(re.sub(r"…\[\+\d+ bytes\]\Z", "", cut))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * 10_000_000, id="one text"),
        pytest.param([1] * 5_000_000, id="a list of numbers"),
        pytest.param([[] for _ in range(3_000_000)], id="a list of lists"),
        pytest.param({str(n): n for n in range(500_000)}, id="an object with many keys"),
        pytest.param(nested(90, ["x" * 100] * 50_000), id="long lists far down"),
    ],
)
def test_large_values_are_cut_in_bounded_time(value: Json) -> None:
    """10 MB of anything comes back within the limit, and long before the test's deadline."""
    started = time.monotonic()

    fitted = fit(value, 16384)

    assert len(orjson.dumps(fitted.value)) <= 16384
    assert time.monotonic() - started < 30


def test_a_tighter_limit_never_keeps_more() -> None:
    """The shorter the limit, the shorter what is kept."""
    sizes = [len(orjson.dumps(fit({"a": "é" * 900, "b": [1, "z" * 300]}, n).value)) for n in range(1200, 4, -50)]

    assert all(later <= earlier for earlier, later in pairwise(sizes))
