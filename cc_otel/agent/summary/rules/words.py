"""Words of the rules: any JSON value as a few characters of one printable line."""

from collections.abc import Mapping
from typing import Final

from cc_otel.json_values import list_of, object_of, text_in
from cc_otel.text import squeezed

SENTENCE_LENGTH_MAX: Final = 120
"""Longest sentence, characters."""

QUOTE_LENGTH_MIN: Final = 24
"""However much has to be said around it, so much of a command or a path is always shown, characters."""

RESULT_LENGTH_MAX: Final = 60
"""How much of an answer or an error a sentence quotes, characters."""

WORD_LENGTH_MAX: Final = 32
"""How much of a name or of one argument among several it quotes."""

_READ_LENGTH_MAX: Final = 4096

Members = Mapping[str, object]


# What is not of the type that is asked for counts as empty.
members, items, text = object_of, list_of, text_in


def number(value: object) -> int | None:
    """Return a count; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None


def counted(count: int, what: str) -> str:
    """Return a count with its noun: ``1 line``, ``2 lines``."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def clipped(value: str, length_max: int) -> str:
    """Return a text as one line without control characters, cut to its limit in characters."""
    head = value[:_READ_LENGTH_MAX]
    line = squeezed(head)
    if len(line) <= length_max and len(head) == len(value):
        return line
    return line[: max(length_max - 1, 0)].rstrip() + "…"


def first_line(value: object, length_max: int = RESULT_LENGTH_MAX) -> str:
    """Return the first line of a text that says something."""
    lines = (clipped(line, length_max) for line in text(value)[:_READ_LENGTH_MAX].splitlines())
    return next((line for line in lines if line), "")


def word(value: object, length_max: int = WORD_LENGTH_MAX) -> str:
    """Return a short value of the client's own, an enumeration or a name, as a person writes it."""
    return clipped(text(value).replace("_", " "), length_max)


def argument(value: object, length_max: int = WORD_LENGTH_MAX) -> str:
    """Return one argument of a call: a text as it is, a container by its size."""
    match value:
        case str():
            return clipped(value, length_max)
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case float():
            return f"{value:g}"
        case int():
            return str(value) if abs(value) < 1 << 53 else "a large number"
        case list():
            return f"[{counted(len(value), 'item')}]"
        case _:
            return "{…}"


def path(value: object, folder: str) -> str:
    """Return a path as seen from a folder; of one that lies elsewhere, and is long, its end."""
    whole = text(value)
    if folder and whole.startswith(folder.rstrip("/") + "/"):
        whole = whole[len(folder.rstrip("/")) + 1 :]
    shown = clipped(whole, _READ_LENGTH_MAX)
    return shown if len(shown) <= RESULT_LENGTH_MAX else "…" + shown[1 - RESULT_LENGTH_MAX :]


def sentence_of(before: str, quoted: str, after: str = "") -> str:
    """Join what is said around a quote: the quote is cut first, so that how it ended is still there."""
    start = f"{before} " if quoted else before.rstrip(": ")
    room = max(SENTENCE_LENGTH_MAX - len(start) - len(after), QUOTE_LENGTH_MIN)
    return clipped(start + clipped(quoted, room) + after, SENTENCE_LENGTH_MAX)
