"""What the stand-in says: a prompt of the conversation, and the replies to the calls of the model that belong to it."""

from collections.abc import Mapping, Sequence
from typing import Any

Block = Mapping[str, Any]
Reply = Mapping[str, Any]
Script = Mapping[str, Sequence[Reply]]
"""Prompt (a part of what the user says) -> the replies, in order; `standin.py` says which prompt a call belongs to."""


PLAN_FILE = "<plan file>"
"""Where the plan goes, in plan mode: the stand-in puts in the name that the client tells the model."""


def says(text: str, *, after_s: float = 0, stall_s: float = 0) -> Reply:
    """The model ends its turn with words; it may begin late, and wait between the words and the end of its turn."""
    return {"blocks": [{"type": "text", "text": text}], "delay_s": after_s, "stall_s": stall_s}


def calls(*blocks: Block, first: str = "", flagged: str = "") -> Reply:
    """The model calls tools, at once if there are several, with some words before; why auto mode is told to refuse."""
    return {"blocks": [*([{"type": "text", "text": first}] if first else []), *blocks], "flagged": flagged}


def fails(status: int) -> Reply:
    """The API fails with an HTTP status."""
    return {"error": status}


def tool(name: str, call_id: str, /, **arguments: object) -> Block:
    """One call of a tool."""
    return {"type": "tool_use", "id": f"toolu_01{call_id}", "name": name, "input": arguments}


def bash(call_id: str, command: str, **arguments: object) -> Block:
    """A call of Bash."""
    return tool("Bash", call_id, command=command, description=call_id, **arguments)


def agent(call_id: str, prompt: str, *, background: bool = False) -> Block:
    """A call that launches a subagent; what its model says stands in the script under its prompt."""
    return tool(
        "Agent",
        call_id,
        description=call_id,
        prompt=prompt,
        subagent_type="general-purpose",
        run_in_background=background,
    )
