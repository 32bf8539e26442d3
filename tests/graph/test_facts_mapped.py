"""What the agent has put on a span becomes vertices and edges, and what anybody else sends there does no harm."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cc_otel.graph.mapping import mapping
from cc_otel.graph.store import Edge, Vertex
from cc_otel.span import AttributeValue, Link, Span, SpanEvent, StatusCode
from tests.graph.made import TRACE_A1, span, span_id

REPOSITORY: dict[str, AttributeValue] = {
    "cc_otel.vcs.repository": "github.com/acme/app",
    "cc_otel.vcs.root": "/home/dev/app",
    "vcs.ref.head.name": "main",
}
CALL: dict[str, AttributeValue] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "Bash"}


def call(**attributes: AttributeValue) -> Span:
    """Return a call of Bash with attributes, whose names have underscores for dots."""
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    return span(2, "execute_tool Bash", parent=1, attributes={**CALL, **REPOSITORY, **named})


def made(item: Span) -> dict[str, list[dict[str, Any]]]:
    """Return what a span becomes, by collection: fields without those that every document has."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in mapping.of([item]):
        usual = {"session_id", "trace_id", "kind", "status", "start_ms", "label", "size"}
        fields = {name: value for name, value in each.document.items() if name not in usual}
        ends = {"from": each.source, "to": each.target} if isinstance(each, Edge) else {"key": each.key}
        found.setdefault(each.collection, []).append(fields | ends)
    return found


def test_commands_stand_in_the_order_of_their_chain() -> None:
    """Each simple command is a vertex by its key, and an edge with its place and directory."""
    parts = [
        {"program": "cd", "masked": "cd app", "key": "0" * 16, "class": "other"},
        {"program": "pytest", "subcommand": "", "masked": "pytest -q", "key": "1" * 16, "class": "test", "dir": "app"},
    ]
    graph = made(call(cc_otel__command__parts=json.dumps(parts), cc_otel__command__class="test"))

    assert [(it["key"], it["program"], it["class"]) for it in graph["commands"]] == [
        ("0" * 16, "cd", "other"),
        ("1" * 16, "pytest", "test"),
    ]
    assert [(it["position"], it.get("directory"), it["to"]) for it in graph["ran"]] == [
        (0, None, f"commands/{'0' * 16}"),
        (1, "app", f"commands/{'1' * 16}"),
    ]
    assert graph["spans"][0]["command_class"] == "test"


def test_files_are_known_by_their_place_in_the_repository() -> None:
    """Two worktrees of one repository touch one file; a file outside keeps its path."""
    files = [
        {"path": "/home/dev/app/src/a.py", "op": "edit", "lines_added": 3, "lines_removed": 1, "ranges": ["1-9"]},
        {"path": "/etc/hosts", "op": "read", "rule": "bash_reads", "certainty": "parsed"},
        {"op": "read"},
    ]
    here = call(cc_otel__files=json.dumps(files))
    there = made(call(cc_otel__files=json.dumps([{"path": "/srv/other/src/a.py"}]), cc_otel__vcs__root="/srv/other"))
    graph = made(here)

    assert [(it["path"], it.get("repository"), it.get("extension")) for it in graph["files"]] == [
        ("src/a.py", "github.com/acme/app", "py"),
        ("/etc/hosts", None, None),
    ]
    assert [(it["op"], it.get("lines_added"), it.get("ranges"), it.get("certainty")) for it in graph["touched"]] == [
        ("edit", 3, ["1-9"], None),
        ("read", None, None, "parsed"),
    ]
    assert there["files"][0]["key"] == graph["files"][0]["key"]


def test_what_a_search_found_has_its_true_number() -> None:
    """The edges are capped; each says how many there were."""
    graph = made(call(cc_otel__searched=json.dumps(["/home/dev/app/a", "b"]), cc_otel__searched__count=700))

    assert [(it["count"]) for it in graph["searched"]] == [700, 700]
    assert [it["path"] for it in graph["files"]] == ["a", "b"]


def test_an_error_has_the_key_that_the_agent_has_given_it() -> None:
    """Class and line are the vertex's; the tool is the program where there is one."""
    graph = made(
        call(
            cc_otel__error__class="exit_code",
            cc_otel__error__line="2 failed",
            cc_otel__error__key="e" * 16,
            cc_otel__command__program="pytest",
        )
    )

    assert graph["errors"] == [{"class": "exit_code", "tool": "pytest", "sample": "2 failed", "key": "e" * 16}]
    assert graph["failed_with"][0]["to"] == f"errors/{'e' * 16}"
    assert graph["spans"][0]["error_key"] == "e" * 16


def test_another_producers_exception_is_an_error_too() -> None:
    """Where no agent has named the error, the exception that the span tells of does; two alike are one."""
    event = SpanEvent("exception", 1, {"exception.type": "ValueError", "exception.message": "no\nmore"})
    failed = [made(replace(span(number, "x"), events=(event,), status=StatusCode.ERROR)) for number in (3, 4)]

    assert [(it["class"], it["sample"]) for graph in failed for it in graph["errors"]] == [("ValueError", "no")] * 2
    assert failed[0]["errors"] == failed[1]["errors"]


def test_commits_are_those_that_were_seen() -> None:
    """A commit is known by repository and sha; the edge says whether it was amended or pushed."""
    commits = [{"sha": "abc1234", "subject": "Mend it", "branch": "main", "amended": True}]
    graph = made(call(cc_otel__vcs__commits=json.dumps(commits)))

    [commit], [edge] = graph["commits"], graph["committed"]
    assert (commit["sha"], commit["subject"], commit["repository"]) == ("abc1234", "Mend it", "github.com/acme/app")
    assert (edge["amended"], edge.get("pushed")) == (1, None)


def test_a_turn_says_where_its_session_works() -> None:
    """The session has an edge to the repository, with worktree and branch; a call adds none."""
    turn = {"gen_ai.operation.name": "invoke_agent", "cc_otel.hook.event": "UserPromptSubmit", **REPOSITORY}
    [edge] = made(span(1, "invoke_agent claude-code", attributes=turn))["worked_in"]

    assert (edge["from"], edge["worktree"], edge["branch"]) == ("sessions/session-a", "/home/dev/app", "main")
    assert "worked_in" not in made(call())


def test_a_model_call_used_its_model_and_asked_for_calls() -> None:
    """Tokens and cost stand on the edge to the model; each call that the answer asked for has an edge."""
    chat: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.response.model": "claude-opus-4.1",
        "gen_ai.usage.input_tokens": 10,
        "cc_otel.cost_usd": 0.5,
    }
    links = (Link(TRACE_A1, span_id(7), {"cc_otel.link": "asked_for"}), Link(TRACE_A1, span_id(8), {}))
    graph = made(span(3, "chat", attributes=chat, links=links))

    assert [(it["name"], it["provider"]) for it in graph["models"]] == [("claude-opus-4.1", "anthropic")]
    assert [(it["input_tokens"], it["cost_usd"]) for it in graph["used"]] == [(10, 0.5)]
    assert [it["to"] for it in graph["asked_for"]] == [f"spans/{TRACE_A1}-{span_id(7)}"]


def test_a_subagent_was_launched_by_a_call() -> None:
    """Where the agent has observed which; the kind of agent is a tool that it used."""
    launched: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "invoke_agent",
        "cc_otel.hook.event": "SubagentStart",
        "gen_ai.agent.name": "Explore",
        "cc_otel.launched_by": span_id(2),
    }
    graph = made(span(5, "invoke_agent Explore", parent=2, attributes=launched))

    assert [(it["from"], it["to"]) for it in graph["launched"]] == [
        (f"spans/{TRACE_A1}-{span_id(2)}", f"spans/{TRACE_A1}-{span_id(5)}")
    ]
    assert [(it["name"], it["class"]) for it in graph["tools"]] == [("Explore", "agent")]


def test_mcp_tools_have_a_server_and_skills_are_tools() -> None:
    """A call of a skill used the tool and the skill; an MCP tool is known by its server and its own name."""
    mcp = made(call(gen_ai__tool__name="mcp__calc__add"))["tools"]
    skill = made(call(gen_ai__tool__name="Skill", cc_otel__skill__name="pdf"))["tools"]

    assert [(it["name"], it["server"], it["class"]) for it in mcp] == [("add", "calc", "mcp")]
    assert [(it["name"], it["class"]) for it in skill] == [("Skill", "tool"), ("pdf", "skill")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["path", "op", "masked", "key", "sha", "ranges", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)
LISTS = ("cc_otel.files", "cc_otel.searched", "cc_otel.command.parts", "cc_otel.vcs.commits")


@given(st.dictionaries(st.sampled_from(LISTS), JSON.map(json.dumps) | st.text(max_size=10) | st.integers(), max_size=4))
def test_anybody_may_send_anything(attributes: dict[str, AttributeValue]) -> None:
    """Whatever stands where a list is expected, a span is mapped, each item once, and edges lead to vertices."""
    items = list(mapping.of([span(2, "x", attributes={**CALL, **REPOSITORY, **attributes})]))

    keys = [(it.collection, it.key) for it in items]
    there = {f"{it.collection}/{it.key}" for it in items if isinstance(it, Vertex)}
    assert len(keys) == len(set(keys))
    assert all(it.target in there for it in items if isinstance(it, Edge) and it.collection in {"ran", "touched"})
