"""Text of others on its way to a terminal."""

import json

import pytest

from cc_otel.text import json_line, line, squeezed

NASTY = (
    "\x1b]52;c;cm0gLXJm\x07",  # writes the clipboard
    "\x1b[2J\x1b[31m",
    "\x9b31m",  # the same in one character
    "a\nb\rc\td\x0be\x85f\u2028g\u2029h",
    "\u202egnp.exe\u2066",
    "\u200b\u2060\ufeff\u00ad",
    "\ud83e",
    "nul\x00",
    "\U000e0041 tag",
)


@pytest.mark.parametrize("text", NASTY)
def test_a_line_only_shows(text: str) -> None:
    """A line has as many characters as its text, all of which a terminal only shows."""
    shown = line(text)

    assert shown.isprintable()
    assert len(shown) == len(text)


def test_what_can_be_shown_stays() -> None:
    """Letters of any script, signs and pictures stay as they are."""
    text = "naïve — 漢字 🧵 e\u0301 'quotes' \\backslash"

    assert line(text) == text


def test_a_squeezed_line_has_single_blanks() -> None:
    """Squeezed, a text of several lines is one sentence."""
    assert squeezed("  first\n\n  second\x1b ") == "first second"


@pytest.mark.parametrize("text", [*NASTY, "plain", "漢字 🧵", 'a "quote" and a \\'])
def test_json_is_printed_in_ascii_where_a_terminal_would_act(text: str) -> None:
    """JSON that is printed has nothing that a terminal acts on, and still means the same."""
    printed = json_line(json.dumps({text: [text]}, ensure_ascii=False))

    assert printed.isprintable()
    assert json.loads(printed) == {text: [text]}
