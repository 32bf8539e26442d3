"""The sentences of the rules, and where they stand."""

from pathlib import Path

from cc_otel.graph.derived.rules import SENTENCES

PAGE = Path(__file__).parents[3] / "docs" / "graph.md"


def test_every_rule_is_on_the_page_with_its_sentence() -> None:
    """docs/graph.md says of each rule what `explain` would."""
    page = PAGE.read_text("utf-8")

    assert [name for name, sentence in SENTENCES.items() if f"| `{name}` | {sentence} |" not in page] == []
