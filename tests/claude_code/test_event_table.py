"""The table of hook events, and what is written elsewhere of the same events."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from cc_otel.claude_code.event_table import EVENTS, EventRow, Wired, row_of
from cc_otel.event import Anchor, Handler

ROOT: Final = Path(__file__).parents[2]


def test_the_plugin_names_what_old_clients_know() -> None:
    """hooks.json names every event that settings wire, but those later than 2.1.197, and starts the agent for two."""
    hooks = json.loads((ROOT / "hooks" / "hooks.json").read_text("utf-8"))["hooks"]
    starting = {name for name, (group,) in hooks.items() if "s=1; " in group["hooks"][0]["command"]}

    wired = [row for row in EVENTS.values() if row.wired in {Wired.ALWAYS, Wired.COMPACTIONS}]
    assert list(hooks) == [row.name for row in wired if not row.since]
    assert starting == {row.name for row in EVENTS.values() if row.starts_agent}


def test_what_is_left_out_of_the_plugin_is_explained() -> None:
    """hooks/README.md has a row with the reason for each event that the plugin does not name."""
    page = (ROOT / "hooks" / "README.md").read_text("utf-8")
    hooks = json.loads((ROOT / "hooks" / "hooks.json").read_text("utf-8"))["hooks"]

    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == EVENTS.keys() - hooks.keys()


@pytest.mark.parametrize(
    "row", [row for row in EVENTS.values() if row.handler is not Handler.INSTANT], ids=lambda row: row.name
)
def test_every_event_that_does_something_is_in_the_table_of_spans(row: EventRow) -> None:
    """docs/spans.md names each event that opens or ends a span, or hangs from something of its own."""
    assert f"`{row.name}`" in (ROOT / "docs" / "spans.md").read_text("utf-8")


def test_a_session_that_goes_on_after_a_compaction_begins_nothing() -> None:
    """`SessionStart` with source ``compact`` is an instant in the compaction; any other begins a session."""
    after, start = row_of("SessionStart", "compact"), row_of("SessionStart", "resume")

    assert (after.anchor, after.handler) == (Anchor.COMPACTION, Handler.INSTANT)
    assert (start.anchor, start.handler) == (Anchor.NONE, Handler.SESSION_START)


def test_an_event_that_no_row_knows_is_an_instant() -> None:
    """An event of a later client becomes an instant where the session is."""
    assert row_of("EventOfTomorrow") == EventRow("EventOfTomorrow", Anchor.CURRENT, Handler.INSTANT)
