"""All facts of one span: each room below says its own, and no one of them can cost another."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cc_otel import conventions as c
from cc_otel.agent.facts.call import Call, repository_facts
from cc_otel.agent.facts.commands.of_call import EndedCall
from cc_otel.agent.facts.commits import commit_facts
from cc_otel.agent.facts.errors import error_facts
from cc_otel.agent.facts.files import file_facts
from cc_otel.agent.tree import Role
from cc_otel.claude_code.tools import mcp_server, skill_of

if TYPE_CHECKING:
    from cc_otel.agent.describe import SpanSource


def facts_of(source: "SpanSource", ended: EndedCall | None, *, with_content: bool) -> Iterator[tuple[str, Any]]:
    """Return the attributes that say what is known of a span beyond its events' own words; ``ended`` of a call."""
    draft = source.draft
    if with_content:
        yield from repository_facts(source)
    if draft.role is Role.SUBAGENT and draft.launched_by:
        yield c.LAUNCHED_BY, draft.launched_by
    if ended is None:
        return
    yield from ended.attributes(with_content=with_content)
    call = Call.of(source)
    # Without content a tool's name is all that says its server.
    if server := mcp_server(call.tool, source.opener.payload if with_content else {}):
        yield c.MCP_SERVER, server
    if with_content and (skill := skill_of(call.tool, call.arguments)):
        yield c.SKILL_NAME, skill
    yield from error_facts(call, with_content=with_content, program=ended.main.program if ended.main else "")
    if with_content:
        yield from file_facts(call)
        yield from commit_facts(call)
