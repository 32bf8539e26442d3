"""What a session of the real client left behind, without what differs between any two."""

import json
import re
from pathlib import Path
from typing import Any, Final

VARYING: Final = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"\d{4}-\d\d-\d\d(?:T[\d:.]+Z)?", "<time>"),
    (r"\b[0-9a-f]{64}\b", "<digest>"),
    (r"\ba[0-9a-f]{16}\b", "<agent>"),
    (r'(\w*(?:Ms|Duration|duration_ms|startTime)\\?":\s*)[\d.]+', r"\1<ms>"),
    (r"(duration_ms: )\d+", r"\1<ms>"),
]
"""What differs between any two runs of the client."""


def kept(transcript: Path) -> list[str]:
    """
    Return a transcript's records.

    Without the client's own list of the Stop hooks that ran, which names each hook's command, and without what it
    writes at times of its own, anywhere: where the last prompt stands, what is queued, the costs so far.
    """
    own = {"stop_hook_summary", "last-prompt", "atis-latch", "cost-state", "queue-operation"}
    records: list[dict[str, Any]] = [json.loads(line) for line in transcript.read_text().splitlines()]
    return [json.dumps(it) for it in records if not {it["type"], it.get("subtype")} & own]


def said(transcript: Path) -> list[str]:
    """Return the records of the conversation, in order: at a terminal the client mixes others in."""
    return [record for record in kept(transcript) if "parentUuid" in json.loads(record)]


def same(text: str) -> str:
    """Return a text without what differs between any two runs."""
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text)
    return text
