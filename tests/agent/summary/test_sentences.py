"""What a model answers is untrusted: the form is checked, each entry falls by itself, a sentence is one plain line."""

import json

import pytest

from cc_otel.agent.summary.prompt import instructions
from cc_otel.agent.summary.sentences import clean, read

IDS = ("a", "b", "c")


def answer(*entries: object) -> str:
    """Return an answer with these entries."""
    return json.dumps({"summaries": entries})


def entry(id_: object, text: object) -> dict[str, object]:
    """Return an entry."""
    return {"id": id_, "text": text}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (answer(entry("a", "Ran ls."), entry("b", "Ran it.")), {"a": "Ran ls.", "b": "Ran it."}),
        ("```json\n" + answer(entry("a", "Ran ls.")) + "\n```", {"a": "Ran ls."}),
        (answer(entry("a", "Ran ls."), entry("z", "Not asked.")), {"a": "Ran ls."}),
        (answer(entry("a", "Ran ls."), entry("b", None), 7, "c", {"id": "c"}), {"a": "Ran ls."}),
        (answer(entry("a", "One."), entry("a", "Two."), entry("b", "Ran it.")), {"b": "Ran it."}),
        (answer(entry(["a"], "Ran ls."), entry("b", "")), {}),
        (answer(), {}),
        ('{"summaries": {"a": "Ran ls."}}', {}),
        ('["a", "Ran ls."]', {}),
        ("Sure! a: Ran ls.", {}),
        ('{"summaries": [{"id": "a", "text": "Ran', {}),
        ("", {}),
        ("[" * 100_000, {}),
    ],
)
def test_what_is_of_the_form_is_read(text: str, found: dict[str, str]) -> None:
    """Entries of the form asked for, under an id that was asked, are taken; everything else is left out."""
    assert found == read(text, IDS)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Ran ls.", "Ran ls."),
        ("  Ran\n\nls.\t ", "Ran ls."),
        ('"Ran ls."', "Ran ls."),
        ("- **Ran ls**", "Ran ls"),
        ("Ran \x1b[31mls\x1b[0m.", "Ran ls."),
        ("Ran\x00 ls\u202e.sh\u2028now\ufeff", "Ran ls .sh now"),
        ("half \ud800 here", "half here"),
        ("Käse → 3 failed", "Käse → 3 failed"),
        ("", ""),
        ("...", ""),
        ("word " * 30, "word " * 22 + "word…"),
        ("x" * 200, "x" * 119 + "…"),
        ("word " * 70, ""),
        (instructions()[100:220], ""),
    ],
)
def test_sentence_is_one_plain_line(text: str, line: str) -> None:
    """A sentence is one line of at most 120 characters, without control characters; what is none is nothing."""
    assert line == clean(text)
    assert len(clean(text)) <= 120
