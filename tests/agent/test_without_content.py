"""What leaves where content must not: of payloads made of the user's words, nothing but what is documented."""

import json
import time
from pathlib import Path
from typing import Any, Final

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Encoded

from cc_otel.agent.describe import Content, Describer, SpanSource
from cc_otel.agent.pipeline import Agent, Limits
from cc_otel.agent.summary.rules.sentence import by_rule
from cc_otel.agent.tree import Draft, Role
from cc_otel.claude_code.event_table import EVENTS as KNOWN_EVENTS
from cc_otel.claude_code.event_table import row_of
from cc_otel.claude_code.transcript.files import Transcripts
from cc_otel.claude_code.vocabulary import ANY_EVENT
from cc_otel.event import ModelCall
from cc_otel.journal.journal import Journal
from cc_otel.otlp.encode import encode
from cc_otel.spool import Spool

MARKER: Final = "merger-with-ACME"
SENTENCE: Final = f"read the {MARKER} plan"
PATH: Final = f"/home/me/{MARKER}/plan.md"
SECOND_NS: Final = 1_000_000_000

FIELDS: Final = frozenset(
    "permission_mode effort agent_type source model session_title seconds_since_last_response context_tokens "
    "reason trigger prompt expansion_type command_name command_args command_source tool_name tool_input mcp_server "
    "tool_response duration_ms error is_interrupt tool_calls permission_suggestions message title notification_type "
    "turn_id message_id index final delta stop_hook_active last_assistant_message background_tasks session_crons "
    "error_details agent_transcript_path custom_instructions compact_summary from_model to_model requested_model "
    "cache_ttl pricing task_id task_subject task_description teammate_name team_name file_path memory_type load_reason "
    "globs trigger_file_path parent_file_path old_cwd new_cwd event directory name worktree_path mcp_server_name mode "
    "url elicitation_id requested_schema action content cwd anything".split()
)
IDS: Final = ("prompt_id", "tool_use_id", "agent_id")
EVENTS: Final = (*sorted(KNOWN_EVENTS), "BrandNewEvent")
OPENERS: Final = ("SessionStart", "UserPromptSubmit", "PreToolUse", "SubagentStart", "PreCompact")


def sent(home: Path, recorded: list[dict[str, Any]], variables: dict[str, str] | None = None) -> list[Encoded]:
    """Return the spans that an agent without content would send of these events, after a day."""
    spool = Spool(home / "spool", 1 << 40)
    spool.prepare()
    journal = Journal(home / "journal.db")
    describer = Describer({}, value_bytes_max=16384, with_content=False)
    agent = Agent(spool, journal, describer, Transcripts(home / "projects"), Limits(1 << 40, 1e9, 3600.0))
    now_ns = time.time_ns()
    for number, payload in enumerate(recorded):
        spool.write(json.dumps(payload).encode(), variables or {}, now_ns - 60 * SECOND_NS + number * 1_000_000)
    for later_s in (10, 20, 100_000):
        while agent.round(now_ns + later_s * SECOND_NS):
            pass
    spans = [Encoded.FromString(parcel.span) for parcel in journal.outbox.waiting(100_000, 1 << 40)]
    journal.close()
    return spans


def event(name: str, said: object, *, besides: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return an event whose every field is that, but for those that say which event it is."""
    known = {"session_id": f"s-{name}", "hook_event_name": name, "prompt_id": f"p-{name}", "agent_id": f"a-{name}"}
    return dict.fromkeys(FIELDS - besides, said) | known | {"tool_use_id": f"t-{name}", "transcript_path": ""}


def of_events(spans: list[Encoded]) -> list[Encoded]:
    """Return the spans that stand for an event: a call that only its result or its batch names has none."""
    return [span for span in spans if any(attribute.key == "cc_otel.hook.event" for attribute in span.attributes)]


def leaks(spans: list[Encoded]) -> list[str]:
    """Return the spans that hold a word of the user's, whole, as they would be read."""
    return [str(span) for span in spans if MARKER.encode() in span.SerializeToString()]


@pytest.mark.parametrize(
    "said",
    [SENTENCE, PATH, MARKER + " ", f"x\n{MARKER}", [MARKER], {MARKER: 1}, {"level": SENTENCE, "name": SENTENCE}],
    ids=["sentence", "path", "padded", "lines", "list", "key", "member"],
)
def test_no_field_of_any_event_leaves(tmp_path: Path, said: object) -> None:
    """A sentence, a path, a list or an object is in no span, whichever field of whichever event holds it."""
    recorded = [event(opener, said) | {"session_id": f"s-{name}"} for name in EVENTS for opener in OPENERS]
    recorded += [event(name, said) for name in EVENTS]
    recorded += [event("PreToolUse", "x") | {"session_id": "cut", "tool_input": {MARKER: "y" * 3_000_000}}]

    spans = sent(tmp_path, recorded)

    assert len(of_events(spans)) == len(recorded)
    assert leaks(spans) == []


@pytest.mark.parametrize("name", EVENTS)
def test_a_word_leaves_only_where_that_is_documented(tmp_path: Path, name: str) -> None:
    """A field of one word is in a span only if the page of redaction says that it always is."""
    documented = ANY_EVENT | row_of(name).words | {"effort"}
    others = sorted(FIELDS - documented)
    recorded = [event(name, "x") | {"session_id": field, field: MARKER} for field in others]
    recorded += [event(name, MARKER, besides=documented) | {"session_id": "all"}]

    spans = sent(tmp_path, recorded)

    assert len(of_events(spans)) == len(recorded)
    assert leaks(spans) == []


@pytest.mark.parametrize("said", [SENTENCE, PATH])
def test_what_is_no_id_and_no_name_does_not_leave_as_one(tmp_path: Path, said: str) -> None:
    """An event may call itself, its session, its prompt, its call and its agent anything: only a word is told."""
    keys = ("hook_event_name", "session_id", *IDS)
    recorded = [event(name, "x") | {"session_id": f"{name} {key}"[:20], key: said} for name in EVENTS for key in keys]

    spans = sent(tmp_path, recorded, {"AI_AGENT": f"x_{said}_2-1-330", "TRACEPARENT": said, "CLAUDE_PID": said})

    assert leaks(spans) == []


@pytest.mark.parametrize("said", [SENTENCE, PATH])
def test_a_model_call_tells_numbers_and_words(said: str) -> None:
    """Of a model call leave its model, its ids, its tokens and why it ended, where these are words."""
    failure = {"message": said, "status": 500, "error_type": said, "retry_ms": 5.0}
    usage = {"input_tokens": 1, said: said}
    block = {"type": "tool_use", "id": said, "name": said, "text": said}
    payload = {"requested_model": said, "request_id": said, "stop_reason": said, "effort": {"level": said}}
    describer = Describer({}, value_bytes_max=16384, with_content=False)
    encoded = b""
    for known in ({"failure": failure}, {"usage": usage, "blocks": [block]}):
        call = ModelCall(clock_ns=1, session_id="s", digest=said, model=said, error_type=said)
        error_type = said if "failure" in known else ""
        draft = Draft(Role.CHAT, call, "1" * 32, "2" * 16, None, 1, 2, error_type=error_type)
        finding = SpanSource(draft, Content(payload | known, truncated={said: 9}))
        encoded += encode(describer.span(finding, by_rule(finding, with_content=False))).span

    assert b"chat" in encoded
    assert MARKER.encode() not in encoded


def test_what_always_leaves_is_documented() -> None:
    """The page of redaction names every field of a payload that leaves without content."""
    page = (Path(__file__).parents[2] / "docs" / "redaction.md").read_text()
    words = {name: row.words for name, row in KNOWN_EVENTS.items() if row.words}
    always = {name: sorted(fields | ANY_EVENT) for name, fields in words.items()}

    assert {name: fields for name, fields in always.items() if f"`{name}`" not in page} == {}
    assert [field for fields in always.values() for field in fields if f"`{field}`" not in page] == []


def test_names_and_outcomes_are_told_all_the_same(tmp_path: Path) -> None:
    """Tools, agents, models, outcomes and enumerations are in the spans."""
    base = {"session_id": "s", "prompt_id": "p", "transcript_path": "", "cwd": PATH}
    call = base | {"tool_name": "mcp__calc__add", "tool_use_id": "t", "tool_input": {"a": SENTENCE}}
    recorded: list[dict[str, Any]] = [
        base | {"hook_event_name": "SessionStart", "source": "startup", "model": "claude-opus-5-5[1m]"},
        call | {"hook_event_name": "PreToolUse"},
        call | {"hook_event_name": "PostToolUseFailure", "error": SENTENCE, "is_interrupt": False},
        base | {"hook_event_name": "StopFailure", "error": "rate_limit", "error_details": SENTENCE},
        base | {"hook_event_name": "SessionEnd", "reason": "prompt_input_exit"},
    ]

    spans = sent(tmp_path, recorded, {"CC_OTEL_SOURCE_APP": "Our app", "CLAUDE_PID": "1"})

    summaries = {span.name: summary(span) for span in spans}
    assert summaries == {
        "session startup": "Session started (startup)",
        "execute_tool mcp__calc__add": "Ran mcp__calc__add: failed",
        "hook PostToolUseFailure": "Ran mcp__calc__add: failed",
        "hook StopFailure": "Stopped by an error (rate limit)",
        "hook SessionEnd": "Session ended (prompt input exit)",
    }
    assert [b"Our app" in span.SerializeToString() for span in spans] == [True] * 5


def summary(span: Encoded) -> str:
    """Return a span's sentence."""
    return next(pair.value.string_value for pair in span.attributes if pair.key == "cc_otel.summary")
