"""What an agent reads: bounded, without control characters, and with what was left out."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.mcp.answers import ANSWER_BYTES_MAX, NOTE, TEXT_CHARS_MAX, answer

ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.none() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=1000),
    ),
    max_size=30,
)


@given(ROWS, st.integers(1, 20))
def test_an_answer_is_bounded_and_shows_the_first_rows(rows: list[dict[str, Any]], limit: int) -> None:
    """Whatever the rows say, the answer is small, printable, and says when it does not hold all of them."""
    made = answer(rows, limit)

    shown = made["rows"]
    assert len(shown) <= min(limit, len(rows))
    assert len(orjson.dumps(made)) <= ANSWER_BYTES_MAX + 3 * 6 * TEXT_CHARS_MAX + 500
    assert all(text.isprintable() for row in shown for text in row.values() if isinstance(text, str))
    assert (len(shown) < len(rows)) == made["left_out"].startswith("rows after")


def test_says_how_long_a_text_is_that_it_cuts() -> None:
    """Nothing is cut in silence."""
    made = answer([{"label": "x" * 1000, "tool": None}], 20)

    assert made == {
        "note": NOTE,
        "rows": [{"label": "x" * TEXT_CHARS_MAX + "… (of 1000)"}],
        "left_out": "the rest of 1 long texts (each ends with the number of its characters)",
    }


def test_says_that_there_is_nothing() -> None:
    """No rows is an answer, too."""
    assert answer([], 20)["left_out"] == "nothing: there are no such rows"
