"""
What of a payload is the client's own word and not the user's: all that leaves of it where content must not.

A field is listed by its event, because only there it is an enumeration: `reason` is one of five words at the end of
a session and a sentence about somebody's command in a denial. And what stands there must look like a word, because
a payload can say anything.
"""

import re
from typing import Final

from cc_otel.claude_code.event_table import row_of

ANY_EVENT: Final = frozenset({"agent_type", "tool_name"})
"""Fields that are names wherever they stand: of an agent, of a tool with its MCP server."""

# A model's name may end in [1m], a tool of an MCP server has 64 characters and a plugin's more.
_ONE_WORD: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@\[\]-]{0,127}\Z")


def is_word(value: object) -> bool:
    """Whether a value can be a name, an id, an enumeration, a number or a switch: no sentence, no path, no list."""
    return _ONE_WORD.match(value) is not None if isinstance(value, str) else isinstance(value, bool | int | float)


def is_told(event: str, field: str, value: object) -> bool:
    """Whether this field of such an event may leave where content must not."""
    return (field in ANY_EVENT or field in row_of(event).words) and is_word(value)


def word_or(value: str, otherwise: str) -> str:
    """Return a name that may leave where content must not; else what stands for it."""
    return value if is_word(value) else otherwise
