"""Claude Code's tools, as far as more than their name matters."""

from typing import Final

AGENT_TOOLS: Final = frozenset({"Agent", "Task"})
"""The tools that launch a subagent; clients before 2.1 called theirs Task."""

DEFAULT_SUBAGENT_TYPE: Final = "general-purpose"
