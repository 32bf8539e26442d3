"""What stands on spans, as they leave the agent: attributes, resource, messages."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Encoded

from cc_otel import conventions as c
from cc_otel.agent.describe import Content, Describer, SpanSource, Summary
from cc_otel.agent.tree import Draft, Role
from cc_otel.event import HookEvent, ModelCall
from cc_otel.otlp.encode import encode
from cc_otel.span import Span
from tests.agent.test_places import sent
from tests.sessions.loader import NAMES

PAGE: Final = Path(__file__).parents[2] / "docs" / "spans.md"
PLACES: Final = ("workflow", "teammate", "fork", "client_2_1_191")
CLIENT: Final = "claude-code_2-1-330_harness"


@cache
def documented() -> frozenset[str]:
    """Return the attributes of the table in docs/spans.md."""
    table = PAGE.read_text("utf-8").partition("## Attributes")[2]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return frozenset(name for cell in cells for name in re.findall(r"`([\w.]+)`", cell))


def attributes_of(span: Encoded) -> dict[str, str]:
    """Return a span's attributes as text."""
    return {pair.key: pair.value.string_value for pair in span.attributes}


@pytest.mark.parametrize("name", sorted({*NAMES, *PLACES}))
def test_every_attribute_that_leaves_is_documented(name: str, tmp_path: Path) -> None:
    """Each attribute of each span of a session has its row in docs/spans.md; fields of a payload share one."""
    keys = {pair.key for span in sent(tmp_path, name, live=False) for pair in span.attributes}

    assert {key for key in keys if not key.startswith(c.PAYLOAD_PREFIX)} - documented() == set()


def test_every_documented_attribute_has_a_constant() -> None:
    """The page names nothing that the code does not know."""
    known = {value for value in vars(c).values() if isinstance(value, str)}
    kinds = {f"{c.LINK_PREFIX}{kind}" for kind in ("session", "previous_turn", "resumed_from", "launched_by", "native")}

    assert documented() - known - kinds == set()


def chat(blocks: list[dict[str, Any]], **more: Any) -> Span:
    """Return the span of a model call in a subagent, whose answer has these blocks."""
    call = ModelCall(clock_ns=1, session_id="s", digest="d", pid=7, agent_id="a1", model="m", ended_ns=5)
    around = HookEvent("SubagentStart", 1, "s", "d", agent_id="a1", agent_type="Explore", client=CLIENT)
    draft = Draft(Role.CHAT, call, "0" * 31 + "1", "0" * 15 + "2", None, 1, 5, context=around, **more)
    said = {"blocks": blocks, "stop_reason": "tool_use", "effort": {"level": "high"}, "usage": {}}
    describer = Describer({c.SERVICE_NAME: "mine", c.HOST_NAME: "h"}, value_bytes_max=16384, with_content=True)
    return describer.span(SpanSource(draft, Content(said)), Summary("did"))


def test_a_model_call_says_what_it_asked_for() -> None:
    """Its message has the call with its arguments, and why it stopped in the words of the conventions."""
    span = chat([{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}}])

    [message] = json.loads(str(span.attributes[c.OUTPUT_MESSAGES]))
    assert message == {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "t", "name": "Bash", "arguments": {"command": "ls"}}],
        "finish_reason": "tool_call",
    }


def test_a_model_call_says_where_it_was_made() -> None:
    """The agent's name and the client's version are those of what it hangs from; the effort is its own."""
    span = chat([], compacted=True)

    assert span.attributes[c.AGENT_NAME] == "Explore"
    assert span.attributes[c.REQUEST_REASONING_LEVEL] == "high"
    assert span.attributes[c.CONVERSATION_COMPACTED] is True
    assert span.resource[c.SERVICE_VERSION] == "2.1.330"


def resource_of(session_id: str, pid: int) -> dict[str, Any]:
    """Return the resource of an event's span."""
    event = HookEvent("Stop", 1, session_id, "d", pid=pid, client=CLIENT)
    draft = Draft(Role.HOOK, event, "0" * 31 + "1", "0" * 15 + "2", None, 1, 2)
    describer = Describer({c.SERVICE_NAME: "mine", c.HOST_NAME: "h"}, value_bytes_max=16384, with_content=True)
    return dict(describer.span(SpanSource(draft, Content({})), Summary("did")).resource)


def test_the_resource_is_the_clients_process() -> None:
    """The same process has the same instance id at any time, another has another."""
    first, again, other = resource_of("s", 7), resource_of("s", 7), resource_of("s", 8)

    assert first == again
    assert (first[c.PROCESS_PID], first[c.SERVICE_NAME], first[c.SERVICE_VERSION]) == (7, "mine", "2.1.330")
    assert first[c.SERVICE_INSTANCE_ID] != other[c.SERVICE_INSTANCE_ID]
    assert c.PROCESS_PID not in resource_of("s", 0)


def test_doctors_events_are_a_service_of_their_own() -> None:
    """Whatever the service is called, a test event does not stand among the user's traces."""
    assert resource_of(c.DOCTOR, 7)[c.SERVICE_NAME] == "cc-otel-doctor"


def test_the_end_of_a_session_is_its_bar(tmp_path: Path) -> None:
    """`SessionEnd` begins when the session did, and ends when it was recorded."""
    spans = {span.name: span for span in sent(tmp_path, "basic", live=False)}
    start, end = spans["session startup"], spans["hook SessionEnd"]

    assert end.start_time_unix_nano == start.start_time_unix_nano
    assert (end.end_time_unix_nano - end.start_time_unix_nano) // 1_000_000 == 823
    assert end.trace_id == start.trace_id


def test_a_turn_names_the_traces_that_it_is_linked_to(tmp_path: Path) -> None:
    """Each kind of link is an attribute, too, with the trace that it leads to."""
    turns = [span for span in sent(tmp_path, "resume", live=False) if span.name == "invoke_agent claude-code"]
    linked = {(c.LINK_PREFIX + link.attributes[0].value.string_value, link.trace_id.hex()) for link in turns[-1].links}

    assert linked
    assert linked <= attributes_of(turns[-1]).items()


def envelopes(spans: list[Span]) -> Iterator[ResourceSpans]:
    """Return the resources as they are on the wire."""
    return (ResourceSpans.FromString(encode(span).resource) for span in spans)


def test_a_pid_is_a_number_on_the_wire() -> None:
    """`process.pid` is an int, as the core conventions say."""
    [envelope] = envelopes([chat([])])

    assert {pair.key: pair.value.int_value for pair in envelope.resource.attributes}[c.PROCESS_PID] == 7
