"""Redaction over many texts: nothing planted is left, nothing ordinary is masked; and what its page shows is so."""

import re
from pathlib import Path

import pytest

from cc_otel.agent.redaction.redact import redact, redact_text
from tests.agent.redaction.corpus.made import made_ordinary, made_plants
from tests.agent.redaction.corpus.texts import Plant, left, written

PLANTS = [*written("plants.txt"), *made_plants()]
ORDINARY = [*written("ordinary.txt"), *made_ordinary()]
PAGE = Path(__file__).parents[3] / "docs" / "redaction.md"
SHOWN = ("Pa55w0rd1", "9f8e7d6c5b4a39281706", "9f8e7d6c5b4a", "4e5d6c7b8a9f")
"""The secrets of the examples on the page."""


def by_kind(plants: list[Plant]) -> dict[str, list[Plant]]:
    """Group plants by their kind."""
    return {kind: [plant for plant in plants if plant.kind == kind] for kind in dict.fromkeys(p.kind for p in plants)}


@pytest.mark.parametrize("plants", by_kind(PLANTS).values(), ids=by_kind(PLANTS))
def test_no_planted_secret_is_left(plants: list[Plant]) -> None:
    """Of what is planted in the corpus nothing leaves."""
    leaves = [(plant.value, found) for plant in plants if (found := left(plant, redact(plant.value).value))]

    assert leaves == []


def test_what_is_not_known_is_left() -> None:
    """What is listed as not known is indeed left: what goes by now belongs to the plants."""
    gone = [plant.value for plant in written("unknown.txt") if not left(plant, redact(plant.value).value)]

    assert gone == []


@pytest.mark.parametrize("texts", by_kind(ORDINARY).values(), ids=by_kind(ORDINARY))
def test_no_ordinary_text_is_masked(texts: list[Plant]) -> None:
    """An ordinary text of the corpus comes back as it is."""
    masked = [redacted.value for text in texts if (redacted := redact(text.value)).count]

    assert masked == []


def test_the_corpus_is_large_enough_for_a_rate() -> None:
    """At least 400 secrets are planted, and at least 300 texts are ordinary."""
    assert sum(len(plant.secrets) for plant in PLANTS) >= 400
    assert len(ORDINARY) >= 300
    assert [plant for plant in PLANTS if not plant.secrets] == []


def test_the_examples_of_the_page_are_redacted() -> None:
    """Each notation and place that the page shows with a secret loses the secret."""
    codes = [code.replace("\\|", "|") for code in re.findall("`([^`\n]+)`", PAGE.read_text())]
    examples = [code for code in codes if any(secret in code for secret in SHOWN)]
    leaves = [code for code in examples if any(secret in redact_text(code)[0] for secret in SHOWN)]

    assert len(examples) >= 25
    assert leaves == []


def test_json_behind_a_line_that_is_none_is_redacted_as_json() -> None:
    """What goes to failed/ may be JSON behind another line: it loses what a payload would, escapes undone."""
    text = 'no json\n{"tool_input": {"secrets": {"A": "f41l3dMap9"}, "text": "PASS=f41l3dPass9\\nls"}}\nend'

    assert redact_text(text) == (
        'no json\n{"tool_input":{"secrets":{"A":"[redacted:secret]"},"text":"PASS=[redacted:password]\\nls"}}\nend',
        2,
    )


def test_a_key_in_a_patch_leaves_its_mark_in_each_of_its_lines() -> None:
    """The lines of a patch are looked at together, and stay as many as they were."""
    body = "MIIEpAIBAAKCAQEAq3Xb7Yd0Ww9ZkTt5LmNn2PpQqRrSsUuVv"
    lines = [" a", "+-----BEGIN RSA PRIVATE KEY-----", f"+{body}", "+-----END RSA PRIVATE KEY-----", " b"]

    redacted = redact({"lines": [*lines]})

    mark = "[redacted:private-key]"
    assert redacted.value == {"lines": [" a", f"+{mark}", mark, mark, " b"]}
    assert redacted.count == 1
