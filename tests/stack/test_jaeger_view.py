"""What a person sees in Jaeger: names with what happened, and the parts of an agent as services of their own."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import requests

from cc_otel import conventions as c
from cc_otel.span import Span
from tests.stack.process import wait_for
from tests.stack.programs import IN_MEMORY, Jaeger, MakeCollector, Send
from tests.stack.receiver import Receiver
from tests.stack.trees import RESOURCE, plain, session, traces_of

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("jaeger", [IN_MEMORY], indirect=True)]

VIEW = {"CC_OTEL_JAEGER_NAMES": "summary"}
TOOLS_NAME = "mcp__calc__add"
LONG = "🐙" * 200


def shown(jaeger: Jaeger, spans: list[Span]) -> dict[str, tuple[str, str]]:
    """Return service and name of each span, by its id, as Jaeger's page has them."""

    def look() -> dict[str, tuple[str, str]] | None:
        found: dict[str, tuple[str, str]] = {}
        for trace_id in traces_of(spans):
            answer = requests.get(f"{jaeger.url}/api/traces/{trace_id}", timeout=30)
            for trace in answer.json()["data"] or () if answer.ok else ():
                services = {key: process["serviceName"] for key, process in trace["processes"].items()}
                found |= {s["spanID"]: (services[s["processID"]], s["operationName"]) for s in trace["spans"]}
        return found if len(found) >= len(spans) else None

    return wait_for("Jaeger", look)


def dependencies(jaeger: Jaeger) -> set[tuple[str, str]]:
    """Return which service calls which."""
    answer = requests.get(
        f"{jaeger.url}/api/dependencies", {"endTs": 1_790_000_600_000, "lookback": 3_600_000}, timeout=30
    )
    return {(row["parent"], row["child"]) for row in answer.json()["data"]}


def call(name: str) -> Span:
    """Return a tool call of a trace of its own."""
    attributes = {c.OPERATION_NAME: c.OPERATION_EXECUTE_TOOL, c.TOOL_NAME: name, c.SUMMARY: f"{name} did it"}
    return replace(plain(name, 1), name=f"execute_tool {name}", attributes=attributes)


def test_rows_say_what_happened_and_services_say_who(
    collector: MakeCollector, jaeger: Jaeger, sink: Receiver, send: Send
) -> None:
    """A name ends with the summary, hooks apart; tools, MCP servers, agents and hooks are services of their own."""
    spans = [*session("viewed", turns=1), call(TOOLS_NAME), call("odd name/with: signs")]
    send(collector(sink.endpoint, jaeger.endpoint, **VIEW).destination(), spans)
    seen = shown(jaeger, spans)
    by_name = {span.name: seen[span.span_id] for span in spans}

    def named(service: str, name: str, summary: str = "") -> tuple[str, str]:
        return service, f"{name}: {summary or f'What happened in {name}: ünïcödé, “quotes” and 🐙'}"

    assert by_name == {
        "invoke_agent claude-code": named("claude-code", "invoke_agent claude-code"),
        "chat claude-opus-4-1": named("claude-code", "chat claude-opus-4-1"),
        "execute_tool Read": named("tool Read", "execute_tool Read"),
        "execute_tool Bash": named("tool Bash", "execute_tool Bash"),
        "execute_tool Agent": named("tool Agent", "execute_tool Agent"),
        "execute_tool Grep": named("tool Grep", "execute_tool Grep"),
        "invoke_agent Explore": named("agent Explore", "invoke_agent Explore"),
        "hook PostToolUse": ("hooks", "hook PostToolUse"),
        "hook PostToolUseFailure": ("hooks", "hook PostToolUseFailure"),
        "hook Stop": ("hooks", "hook Stop"),
        "hook Notification": ("hooks", "hook Notification"),
        f"execute_tool {TOOLS_NAME}": named("mcp calc", f"execute_tool {TOOLS_NAME}", f"{TOOLS_NAME} did it"),
        "execute_tool odd name/with: signs": named(
            "claude-code", "execute_tool odd name/with: signs", "odd name/with: signs did it"
        ),
    }
    assert dependencies(jaeger) >= {
        ("claude-code", "tool Bash"),
        ("tool Agent", "agent Explore"),
        ("agent Explore", "tool Grep"),
    }


def test_services_are_few(collector: MakeCollector, jaeger: Jaeger, sink: Receiver, send: Send) -> None:
    """A tool that a model made up is no service, and all teammates are one."""
    made_up = call("Compile")
    made_up = replace(made_up, attributes={**made_up.attributes, c.ERROR_TYPE: "unknown_tool"})
    mate = replace(
        plain("mate", 1),
        name="invoke_agent bob",
        parent_id="00f067aa0ba902b7",
        attributes={
            c.OPERATION_NAME: c.OPERATION_INVOKE_AGENT,
            c.AGENT_NAME: "bob",
            c.AGENT_ID: "abob-cfe0dadfd39cf7bc",
            c.SUMMARY: "Bob did it",
        },
    )
    send(collector(sink.endpoint, jaeger.endpoint, **VIEW).destination(), [made_up, mate])
    seen = shown(jaeger, [made_up, mate])

    assert seen[made_up.span_id] == ("claude-code", "execute_tool Compile: Compile did it")
    assert seen[mate.span_id] == ("agent teammate", "invoke_agent bob: Bob did it")


def test_long_summaries_are_cut_between_characters(
    collector: MakeCollector, jaeger: Jaeger, sink: Receiver, send: Send
) -> None:
    """A name has at most 200 bytes, and ends with a whole character."""
    span = replace(plain("long", 1), name="chat m", attributes={c.SUMMARY: LONG})
    send(collector(sink.endpoint, jaeger.endpoint, **VIEW).destination(), [span])
    _, name = shown(jaeger, [span])[span.span_id]

    assert name == f"chat m: {'🐙' * 48}"


def test_the_graph_keeps_names_and_services(
    collector: MakeCollector, jaeger: Jaeger, graph: Receiver, send: Send
) -> None:
    """The view is Jaeger's alone: towards the graph, spans leave as they came."""
    spans = session("kept", turns=1)
    send(collector(graph.endpoint, jaeger.endpoint, **VIEW).destination(), spans)
    shown(jaeger, spans)
    arrived: Mapping[str, Span] = wait_for("the graph", lambda: f if len(f := graph.spans()) >= len(spans) else None)

    assert {arrived[span.span_id].name for span in spans} == {span.name for span in spans}
    assert all(arrived[span.span_id].resource == RESOURCE for span in spans)


@pytest.mark.parametrize("others", [False, True], ids=["switched off", "another producer's"])
def test_what_is_not_to_be_renamed_is_not(
    collector: MakeCollector, jaeger: Jaeger, sink: Receiver, send: Send, *, others: bool
) -> None:
    """With CC_OTEL_JAEGER_NAMES=plain, and for spans that other programs made, names and services stay."""
    settings: Mapping[str, str] = VIEW if others else {"CC_OTEL_JAEGER_NAMES": "plain"}
    spans = session("plain", turns=1)
    if others:
        spans = [replace(s, attributes={k: v for k, v in s.attributes.items() if k != c.SUMMARY}) for s in spans]
    send(collector(sink.endpoint, jaeger.endpoint, **settings).destination(), spans)

    assert shown(jaeger, spans) == {span.span_id: ("claude-code", span.name) for span in spans}


def test_the_page_is_configured(jaeger: Jaeger) -> None:
    """Jaeger's page shows the summary first, and looks back on a week."""
    page = requests.get(f"{jaeger.url}/search", timeout=30).text.replace(" ", "")

    assert '"topTagPrefixes":["cc_otel.summary"' in page
    assert '"defaultLookback":"7d"' in page
