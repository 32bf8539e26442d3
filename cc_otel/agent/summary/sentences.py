"""Checks a model's answer: untrusted text in, valid sentences out."""

import re
import unicodedata
from collections.abc import Collection
from typing import Final

import orjson

from cc_otel.agent.redaction.redact import redact_text
from cc_otel.agent.summary.normal import ESCAPES
from cc_otel.agent.summary.prompt import instructions

LENGTH_MAX: Final = 120
"""Longest sentence, characters."""

TOO_LONG: Final = 300
"""Longer than this it is not a sentence that ran over, but something else."""

ECHO_LENGTH: Final = 32
"""A run of this many characters of our instructions is an echo of them."""

_FENCE: Final = re.compile(r"\A\s*```[a-z]*\s*\n(.*?)\n?```\s*\Z", re.DOTALL)


def read(answer: str, ids: Collection[str]) -> dict[str, str]:
    """
    Return the valid sentences of an answer, by the ids of their items.

    Entries of another form, and texts that are no sentence, are left out one by one.
    """
    fenced = _FENCE.match(answer)
    try:
        value = orjson.loads(fenced[1] if fenced else answer)
    except ValueError:
        return {}
    entries = value.get("summaries") if isinstance(value, dict) else None
    found: dict[str, str] = {}
    doubtful: set[str] = set()
    for entry in entries if isinstance(entries, list) else ():
        id_, text = (entry.get("id"), entry.get("text")) if isinstance(entry, dict) else (None, None)
        if not isinstance(id_, str) or id_ not in ids or not isinstance(text, str):
            continue
        if id_ in found:
            # Two sentences for one item: at most one of them is about it.
            doubtful.add(id_)
        if sentence := clean(text):
            found[id_] = sentence
    return {id_: sentence for id_, sentence in found.items() if id_ not in doubtful}


def clean(text: str) -> str:
    """Return a text as one safe, redacted line of `LENGTH_MAX` characters at most; empty if it is no sentence."""
    if len(text) > TOO_LONG:
        return ""
    line = " ".join("".join(map(_shown, ESCAPES.sub("", text))).split()).strip("\"'`*- ")
    line, _ = redact_text(line)
    if not any(character.isalpha() for character in line) or _echoes(line):
        return ""
    if len(line) <= LENGTH_MAX:
        return line
    return line[: LENGTH_MAX - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _shown(character: str) -> str:
    # Control and format characters (an escape, a right-to-left override), halves of characters, line separators.
    return " " if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} else character


def _echoes(line: str) -> bool:
    starts = range(len(line) - ECHO_LENGTH + 1)
    return any(line[start : start + ECHO_LENGTH] in instructions() for start in starts)
