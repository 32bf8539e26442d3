"""
What a model gets to see of a span, and which spans are worth asking about.

A call whose rule says it all (a file was read), and the instants around the spans (Post, Batch, MessageDisplay),
keep their rule's text: docs/summaries.md has the table and what that saves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import orjson

from cc_otel.agent.describe import SpanSource
from cc_otel.agent.summary.activity import Episode
from cc_otel.agent.summary.normal import ends, normal
from cc_otel.agent.tree import Role
from cc_otel.claude_code.tools import tool_row

INPUT_LENGTH_MAX: Final = 900
OUTPUT_LENGTH_MAX: Final = 1500
ASKED_LENGTH_MAX: Final = 1500
EPISODE_LENGTH_MAX: Final = 140
FIRST_EPISODES: Final = 8
LAST_EPISODES: Final = 22
"""Of a turn with more calls than both together, the middle ones are only counted."""

_LEAF_LENGTH_MAX: Final = 16_384
_DEPTH_MAX: Final = 6
_ITEMS_MAX: Final = 40

_OF_A_CALL: Final = frozenset({"PreToolUse", "PostToolUse", "PostToolUseFailure"})
_OF_AN_END: Final = frozenset({"Stop", "StopFailure", "SubagentStop"})
_IDENTITY: Final = frozenset(
    "session_id transcript_path agent_transcript_path cwd hook_event_name prompt_id permission_mode agent_id "
    "tool_use_id tool_name tool_input tool_response duration_ms duration effort".split()
)

# What results repeat of their calls, or say of how they are to be drawn.
_NOISE: Final = frozenset(
    "originalFile oldString newString filePath replaceAll userModified isImage noOutputExpected "
    "stop_hook_active".split()
)
_HOW: Final = {
    "PostToolUse": "succeeded",
    "PostToolBatch": "succeeded",
    "UserPromptSubmit": "the user went on with another prompt",
    "SessionEnd": "the session ended first",
    "process_gone": "the client went away",
    "idle": "nothing more was heard",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """
    What is asked about one span: a kind the prompt explains, and the text that is shown.

    ``facts`` decide the key. They are the text as the rules alone would tell it, so that the key does not depend on
    which of a turn's calls a model was in time for.
    """

    kind: str
    text: str
    facts: str

    def key(self, model: str, prompt_version: str) -> str:
        """Return the cache key under which this model's sentence is kept."""
        digest = blake2b(digest_size=20)
        for part in (prompt_version, model, self.kind, self.facts):
            data = part.encode()
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.hexdigest()


def subject_of(source: SpanSource, episodes: Iterable[Episode]) -> Subject | None:
    """
    Return what a model is asked about a span, None where its rule's text is the better choice.

    ``episodes`` is what happened within it, in order; it is only looked at where that is part of the question.
    """
    draft = source.draft
    match draft.role:
        case Role.TOOL if (
            draft.error_type or draft.interrupted or not tool_row(draft.hook_event.tool_name).rule_suffices
        ):
            return _same("call", _call(source))
        case Role.TURN | Role.SUBAGENT if draft.event.name != "SessionStart":
            return _with_episodes(str(draft.role), source, list(episodes))
        case Role.HOOK if draft.event.name == "SessionEnd":
            turns = list(episodes)
            return _with_episodes("session", source, turns) if turns else None
        case Role.HOOK if _stands_alone(source):
            return _same("call" if draft.event.name in _OF_A_CALL else "turn", _call(source))
    return None


def _stands_alone(source: SpanSource) -> bool:
    """Whether no span of a call, turn or subagent covers what this instant reports."""
    event = source.draft.hook_event
    if event.name in _OF_A_CALL:
        return not event.tool_use_id and bool(event.tool_name)
    return event.name in _OF_AN_END and not (event.prompt_id or event.agent_id)


def _same(kind: str, parts: list[str]) -> Subject:
    text = "\n".join(parts)
    return Subject(kind, text, text)


def _call(source: SpanSource) -> list[str]:
    event, payload = source.draft.hook_event, source.opener.payload
    folder = _folder(source)
    asked = payload.get("tool_input")
    if asked is None:
        # The shape that the first scripts sent: what belongs to the call stands beside its name.
        asked = {key: value for key, value in payload.items() if key not in _IDENTITY}
    response = source.response if source.closer else payload.get("tool_response")
    parts = [f"tool: {event.tool_name}"] if event.tool_name else []
    parts += [f"input: {_shown(asked, INPUT_LENGTH_MAX, folder)}", *_ended(source)]
    if output := _shown(response, OUTPUT_LENGTH_MAX, folder):
        parts.append(f"output: {output}")
    return parts


def _asked(source: SpanSource) -> list[str]:
    payload, folder = source.opener.payload, _folder(source)
    parts = []
    if agent := source.draft.hook_event.agent_type:
        parts.append(f"agent: {agent}")
    if prompt := payload.get("prompt"):
        parts.append(f"asked: {_shown(prompt, ASKED_LENGTH_MAX, folder)}")
    return parts


def _ended(source: SpanSource) -> list[str]:
    draft = source.draft
    if draft.interrupted:
        how = "interrupted by the user"
    elif draft.error_type:
        how = f"failed ({draft.error_type})"
    else:
        how = _HOW.get(draft.closed_by, "")
    if draft.event.name == "SessionEnd" and isinstance(reason := source.opener.payload.get("reason"), str):
        how = reason
    parts = [f"ended: {how}"] if how else []
    is_agent = draft.role in {Role.TURN, Role.SUBAGENT}
    if is_agent and source.closer and (last := source.closer.payload.get("last_assistant_message")):
        parts.append(f"last words: {_shown(last, OUTPUT_LENGTH_MAX, _folder(source))}")
    return parts


def _with_episodes(kind: str, source: SpanSource, episodes: Sequence[Episode]) -> Subject:
    before, after, folder = _asked(source), _ended(source), _folder(source)

    def told(texts: list[str]) -> str:
        return "\n".join([*before, *_listed(texts, folder), *after])

    return Subject(kind, told([e.text for e in episodes]), told([e.rule for e in episodes]))


def _listed(texts: list[str], folder: str) -> list[str]:
    if not texts:
        return []
    lines = [f"- {_shown(text, EPISODE_LENGTH_MAX, folder)}" for text in texts]
    if (middle := len(lines) - FIRST_EPISODES - LAST_EPISODES) > 0:
        lines = [*lines[:FIRST_EPISODES], f"- and {middle} more", *lines[-LAST_EPISODES:]]
    return ["done:", *lines]


def _folder(source: SpanSource) -> str:
    folder = source.opener.payload.get("cwd")
    return folder if isinstance(folder, str) else ""


def _shown(value: object, length_max: int, folder: str) -> str:
    return ends(normal(_plain(value), folder), length_max)


def _plain(value: object, depth: int = 0) -> str:
    """Return a value as a person would write it down: names and texts, without quotes and braces."""
    match value:
        case str():
            return ends(value, _LEAF_LENGTH_MAX)
        case dict() | list() if depth == _DEPTH_MAX:
            return ends(orjson.dumps(value).decode(), 200)
        case dict():
            members = [(key, member) for key, member in value.items() if key not in _NOISE][:_ITEMS_MAX]
            told = [(key, _plain(member, depth + 1)) for key, member in members]
            return "\n".join(f"{key}: {text}" for key, text in told if text)
        case list():
            # As with texts: the beginning, and the end.
            items = value if len(value) <= _ITEMS_MAX else [*value[:15], "…", *value[-24:]]
            return "\n".join(filter(None, (_plain(item, depth + 1) for item in items)))
        case None | False:
            return ""
        case True:
            return "true"
        case _:
            return str(value)
