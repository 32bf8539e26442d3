"""Models and tools, and what used them; skills and kinds of agents are tools, too."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from cc_otel import conventions as c
from cc_otel.graph.mapping.edges import edge, ends, known, shared
from cc_otel.graph.mapping.keys import name_key
from cc_otel.graph.mapping.reading import Reading
from cc_otel.graph.mapping.values import text
from cc_otel.graph.model import MODELS, TOOLS, USED
from cc_otel.graph.store import Document, Edge, Json, Vertex

_MCP: Final = "mcp__"


def used(reading: Reading, key: str, along: Document) -> Iterable[Vertex | Edge]:
    """Return the model or the tools that a span used, and the edges to them."""
    attributes, expire_at = reading.span.attributes, along.get("expire_at")
    if reading.kind == "chat" and isinstance(name := reading.usage.get("model"), str):
        model = _model(name, text(attributes, c.PROVIDER_NAME), expire_at)
        fields = known(reading.usage, "input_tokens", "output_tokens", "cost_usd")
        return model, edge(USED, key, 0, ends(model), along, label="used", **fields)
    if reading.kind == "tool" and reading.tool:
        tool = _tool(reading.tool, "mcp" if reading.tool.startswith(_MCP) else "tool", expire_at)
        found: list[Vertex | Edge] = [tool, edge(USED, key, 0, ends(tool), along, label="used")]
        if skill := text(attributes, c.SKILL_NAME):
            vertex = _tool(skill, "skill", expire_at)
            found += [vertex, edge(USED, key, 1, ends(vertex), along, label="used")]
        return found
    if reading.kind == "subagent" and (name := text(attributes, c.AGENT_NAME)):
        agent = _tool(name, "agent", expire_at)
        return agent, edge(USED, key, 0, ends(agent), along, label="used")
    return ()


@lru_cache(256)
def _model(name: str, provider: str, expire_at: Json) -> Vertex:
    until: Document = {"expire_at": expire_at} if expire_at else {}
    return shared(MODELS, name_key(name), "model", name, until, name=name, provider=provider or None)


@lru_cache(1_024)
def _tool(name: str, kind: str, expire_at: Json) -> Vertex:
    until: Document = {"expire_at": expire_at} if expire_at else {}
    # mcp__server__tool is how clients name the tools of an MCP server.
    server, _, short = name.removeprefix(_MCP).partition("__") if kind == "mcp" else ("", "", name)
    key = name_key(name if kind in {"tool", "mcp"} else f"{kind} {name}")
    return shared(TOOLS, key, "tool", name, until, name=short or name, server=server or None, **{"class": kind})
