"""The tools that an agent is offered, held to the named queries behind them."""

import re
from pathlib import Path

import pytest

from cc_otel.graph.queries import catalogue
from cc_otel.mcp.tools import OFFERS, Offer

SKILL = Path(__file__).parents[2] / "skills" / "past-work" / "SKILL.md"


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.name)
def test_a_tool_takes_what_its_query_takes(offer: Offer) -> None:
    """The schema is the header's, and what is required is in it."""
    schema = offer.input_schema()
    known = {it.name for it in (*offer.more, *catalogue.named(offer.query).parameters)}

    assert schema["properties"].keys() - {"limit"} <= known
    assert set(offer.required) <= schema["properties"].keys()
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.name)
def test_a_description_says_what_it_answers_and_when_to_use_it(offer: Offer) -> None:
    """A model has nothing else to choose by; what a row leads to are tools."""
    assert offer.description.startswith(catalogue.named(offer.query).help)
    assert "Use it" in offer.description
    assert set(re.findall(r"`(\w+)`", offer.then)) <= {it.name for it in OFFERS}


def test_the_skill_names_every_tool() -> None:
    """The plugin's skill says when to ask which."""
    text = SKILL.read_text("utf-8")

    assert {offer.name for offer in OFFERS} - set(re.findall(r"`(\w+)`", text)) == set()
