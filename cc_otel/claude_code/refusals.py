"""What the client answers in place of a call's result: that it was not allowed, or not made at all."""

import re
from typing import Final

REFUSED: Final = "refused"
"""The class of a refusal that is none of the known ones."""

_TAG: Final = "<tool_use_error>"
_END_TAG: Final = "</tool_use_error>"

# By rule, by the user, by a hook, by auto mode. The whole command or path may stand in it, however long.
_DENIAL: Final = re.compile(
    r"\A(?:Permission to use .+? has been denied"
    r"|.{1,2000}? needs approval\."
    r"|Claude requested permissions to .+?, but you haven't granted it yet\."
    r"|PreToolUse:\S{1,200} hook error:"
    r"|Auto mode is unavailable"
    r"|The user doesn't want to (?:proceed|take this action)"
    r"|Permission (?:for|to) .+? (?:was|has been) denied)",
    re.DOTALL,
)

_CLASSES: Final = (
    ("unknown_tool", r"No such tool available|Unknown tool"),
    ("invalid_input", r"InputValidationError|due to the following issues?:|Invalid (?:input|arguments?)\b"),
    ("string_not_found", r"String to replace not found|old_string not found"),
    ("ambiguous_match", r"Found \d+ matches"),
    ("no_change", r"No changes to make|are exactly the same"),
    ("not_read", r"has not been read yet"),
    ("modified_since_read", r"has been (?:unexpectedly )?modified since"),
    ("denied", r"denied by your permission settings|[Pp]ermission .{0,200}?denied"),
    ("not_found", r"does not exist|[Nn]o such file|not found\b|ENOENT"),
    ("exists_already", r"already exists"),
    ("is_directory", r"EISDIR|is a directory"),
    ("too_large", r"exceeds (?:the )?maximum|too large"),
    ("blocked", r"\bBlocked\b|\bblocked\b|not allowed|[Ss]tandalone sleep"),
    ("cancelled", r"[Cc]ancell?ed|Sibling tool call errored"),
)
"""A few classes, by what the text says (`error.type` has few values); the first that matches counts."""

_KNOWN: Final = tuple((name, re.compile(pattern)) for name, pattern in _CLASSES)
_DENIED: Final = re.compile(
    r"\A(Permission to use \S+|Claude requested permissions to \S+|Permission (?:for|to) \S+)\s.*?"
    r"((?:has|was) been denied|but you haven't granted it yet|was denied)",
    re.DOTALL,
)
_READ_MAX: Final = 2000
"""How much of a text is looked at, characters: what is wrong stands first, arguments may follow."""


def is_denial(response: object) -> bool:
    """Whether a call's response says that it was not allowed."""
    return isinstance(response, str) and _DENIAL.match(response) is not None


def refusal_class(response: object) -> str:
    """Return the class of the reason for which the client did not make a call; empty for any other response."""
    if not isinstance(response, str) or not response.startswith(_TAG):
        return ""
    return reason_class(refusal_reason(response)) or REFUSED


def reason_class(reason: str) -> str:
    """Return the class of what the client, or a tool of its own, says is wrong; empty where none is known."""
    return next((name for name, pattern in _KNOWN if pattern.search(reason[:_READ_MAX])), "")


def denial_line(reason: str) -> str:
    """Return how a denial begins, without the command or path that was not allowed."""
    found = _DENIED.match(reason[:_READ_MAX])
    return f"{found[1]} … {found[2]}" if found else reason[:_READ_MAX].partition("\n")[0]


def refusal_reason(response: str) -> str:
    """Return a response without the tags that mark a refusal."""
    return response.removeprefix(_TAG).partition(_END_TAG)[0] if response.startswith(_TAG) else response
