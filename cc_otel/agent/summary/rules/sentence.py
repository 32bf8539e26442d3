"""
The sentence that every span has without any model: what happened and how it ended, in words a person would use.

One function by event, on payloads as they were redacted. Without content a sentence names tools, agents and outcomes,
and nothing that was said, run, read or written.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cc_otel.agent.describe import SpanSource, Summary
from cc_otel.agent.summary.rules.calls import Answer, answer_of, bare_call_sentence, call_sentence, permission_sentence
from cc_otel.agent.summary.rules.words import (
    SENTENCE_LENGTH_MAX,
    Members,
    clipped,
    counted,
    first_line,
    items,
    members,
    path,
    sentence_of,
    text,
    word,
)
from cc_otel.agent.tree import Role
from cc_otel.claude_code.transcript.failures import OTHER
from cc_otel.claude_code.vocabulary import is_told, is_word, word_or
from cc_otel.event import PROMPT_EVENT

_CALL_EVENT: Final = "PreToolUse"
_RESULT_EVENTS: Final = frozenset({"PostToolUse", "PostToolUseFailure", "PermissionDenied"})
_NOTIFIED: Final = re.compile(r"\A<task-notification>.{0,2000}?<summary>([^<]{1,400})</summary>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What is known of an event's span: its payload, that of the event that ended it, and how it ended otherwise.

    ``is_over`` says of a span that can be open that it no longer is. Without content the payloads hold words alone.
    """

    payload: Members
    outcome: Members | None
    answer: Answer
    error_type: str
    interrupted: bool
    is_over: bool
    with_content: bool
    client_gone: bool = False

    def said(self, key: str) -> str:
        """Return the first line of a text of the payload."""
        return first_line(self.payload.get(key), 100)

    def word(self, key: str) -> str:
        """Return a word of the payload."""
        return word(self.payload.get(key))

    def path(self, key: str, folder: str = "cwd") -> str:
        """Return a path of the payload as seen from another of its paths."""
        return path(self.payload.get(key), text(self.payload.get(folder)))

    def note(self, key: str) -> str:
        """Return a word of the payload in brackets, or an empty string."""
        value = self.word(key)
        return f" ({value})" if value else ""


def sentence(
    event: str,
    payload: Members,
    outcome: Members | None = None,
    *,
    content: bool = True,
    error_type: str = "",
    interrupted: bool = False,
    closed_by: str = "",
) -> str:
    """
    Say in one line of at most `words.SENTENCE_LENGTH_MAX` characters what happened.

    ``payload`` is that of the event, ``outcome`` that of the event that ended what it began (`PostToolUse` or
    `PostToolBatch` of a call, `Stop` of a prompt, `SubagentStop`, `PostCompact`), if one did. ``closed_by`` says that
    it has ended all the same. Without ``content`` nothing of what the payloads hold is in it but names and outcomes.
    Never raises, and never says nothing.
    """
    # The instant of a result is its own outcome.
    result = {**payload, "hook_event_name": event} if event in _RESULT_EVENTS else outcome
    answer = answer_of(payload, result, error_type=error_type, interrupted=interrupted, closed_by=closed_by)
    if not content:
        payload = _words_of(event, payload)
        outcome = outcome and _words_of(text(outcome.get("hook_event_name")), outcome)
        event, error_type = word_or(event, ""), error_type and word_or(error_type, OTHER)
    facts = Facts(
        payload,
        outcome,
        answer,
        error_type,
        interrupted,
        outcome is not None or bool(closed_by or error_type or interrupted),
        content,
        "process_gone" in {error_type, closed_by},
    )
    if event in {_CALL_EVENT, "PermissionRequest"} or event in _RESULT_EVENTS:
        told = _call(event, payload, facts)
    elif event in _EVENTS:
        told = _EVENTS[event](facts)
    else:
        told = f"{clipped(event, 64) or 'Something'} happened"
    return clipped(told, SENTENCE_LENGTH_MAX)


def by_rule(source: SpanSource, *, with_content: bool = True) -> Summary:
    """Return the sentence for a finished span."""
    draft, payload = source.draft, source.opener.payload
    if draft.role is Role.CHAT:
        if draft.error_type:
            return Summary(
                _failed_request(
                    members(payload.get("failure")), word_or(draft.error_type, OTHER), with_content=with_content
                )
            )
        return Summary(_model_call(payload) if with_content else "Answered")
    outcome = source.closer.payload if source.closer else None
    return Summary(
        sentence(
            # A call that has no event of its own is described like any other.
            _CALL_EVENT if draft.role is Role.TOOL else draft.event.name,
            payload,
            outcome,
            content=with_content,
            error_type=draft.error_type,
            interrupted=draft.interrupted,
            closed_by=draft.closed_by,
        )
    )


def _words_of(event: str, payload: Members) -> Members:
    """Return the part of a payload that may leave without content: the client's own words, and names of tools."""
    words: dict[str, object] = {key: value for key, value in payload.items() if is_told(event, key, value)}
    names = [text(members(call).get("tool_name")) for call in items(payload.get("tool_calls"))]
    return words | {"tool_calls": [{"tool_name": name} for name in names if is_word(name)]}


def _call(event: str, payload: Members, facts: Facts) -> str:
    if event == "PermissionRequest":
        name = clipped(text(payload.get("tool_name")), 64) or "a tool"
        return permission_sentence(payload) if facts.with_content else f"Asked to use {name}"
    if not facts.with_content:
        return bare_call_sentence(text(payload.get("tool_name")), facts.answer)
    return call_sentence(payload, facts.answer, client_gone=facts.client_gone)


def _prompt(facts: Facts) -> str:
    prompt = text(facts.payload.get("prompt"))
    notified = _NOTIFIED.match(prompt[:4000])
    if notified:
        asked = f"Heard back: {first_line(notified[1], 80)}"
    elif not facts.is_over:
        return sentence_of("Asked:", first_line(prompt, 110)) if prompt.strip() else "A prompt came in"
    else:
        asked = first_line(prompt, 80) or "Turn"
    return _with_end(facts, asked, " → ", "" if facts.with_content else " answered") if facts.is_over else asked


def _with_end(facts: Facts, begun: str, arrow: str, finished: str) -> str:
    """Say how a turn or an agent ended: what it said last, or why it did not."""
    outcome = facts.outcome or {}
    failure = word(outcome.get("error")) or facts.error_type.replace("_", " ")
    if facts.interrupted:
        return sentence_of("", begun, ": interrupted").strip()
    if failure:
        return sentence_of("", begun, f": failed, {failure}").strip()
    if facts.outcome is None:
        return sentence_of("", begun, ": no answer").strip()
    answer = first_line(outcome.get("last_assistant_message"))
    return sentence_of("", begun, finished + (f"{arrow}{answer}" if answer else "")).strip()


def _agent(facts: Facts) -> str:
    who = f"Agent {facts.word('agent_type')}".rstrip()
    return _with_end(facts, who, ": ", " finished") if facts.is_over else f"{who} started"


def _agent_stop(facts: Facts) -> str:
    if not facts.word("agent_type"):
        # The one without a type writes the summary of a compaction.
        return "The summariser finished"
    return sentence_of(f"Agent {facts.word('agent_type')} finished:", facts.said("last_assistant_message"))


def _batch(facts: Facts) -> str:
    names = Counter(
        clipped(text(members(call).get("tool_name")), 40) for call in items(facts.payload.get("tool_calls"))
    )
    if not names:
        return "All calls of a message were answered"
    listed = ", ".join(name if count == 1 else f"{count} {name}" for name, count in names.items())
    return sentence_of(f"{counted(names.total(), 'call')} answered:", listed)


def _stop(facts: Facts) -> str:
    running = len(items(facts.payload.get("background_tasks")))
    after = f" ({counted(running, 'task')} in the background)" if running else ""
    return sentence_of("Answered:", facts.said("last_assistant_message"), after)


def _stop_failure(facts: Facts) -> str:
    error = f"Stopped by an error ({facts.word('error') or 'unknown'}):"
    return sentence_of(error, facts.said("error_details") or facts.said("last_assistant_message"))


def _session_start(facts: Facts) -> str:
    if facts.word("source") == "compact":
        return "Session went on after the compaction"
    agent = facts.word("agent_type")
    return f"Session started{facts.note('source')}" + (f" as {agent}" if agent else "")


def _compact(facts: Facts) -> str:
    did = "Compacted" if facts.outcome is not None else "Compacting"
    end = ": interrupted" if facts.interrupted else ": unfinished" if facts.is_over and facts.outcome is None else ""
    return f"{did} the conversation{facts.note('trigger')}{end}"


def _expansion(facts: Facts) -> str:
    if not facts.said("command_name"):
        return "Expanded a command"
    return sentence_of("Expanded", f"/{facts.said('command_name')} {facts.said('command_args')}".rstrip())


def _notification(facts: Facts) -> str:
    said = facts.said("message")
    return sentence_of("Notified:", said) if said else f"Notified{facts.note('notification_type')}"


def _model_switch(did: str) -> Callable[[Facts], str]:
    def told(facts: Facts) -> str:
        old, new = facts.word("from_model"), facts.word("to_model")
        return f"{did} the model" + (f" from {old}" if old else "") + (f" to {new}" if new else "")

    return told


def _task(what: str) -> Callable[[Facts], str]:
    return lambda facts: sentence_of(f"Task {facts.word('task_id')}".rstrip() + f" {what}:", facts.said("task_subject"))


def _file_changed(facts: Facts) -> str:
    how = {"add": "was added", "unlink": "was removed"}.get(facts.word("event"), "changed")
    return sentence_of("", facts.path("file_path") or "A file", f" {how}").strip()


def _elicitation(facts: Facts) -> str:
    asked = facts.said("message")
    return sentence_of(
        f"{facts.word('mcp_server_name') or 'A server'} asked" + (":" if asked else ""), asked or "for input"
    )


def _elicited(facts: Facts) -> str:
    return sentence_of(f"Answered {facts.word('mcp_server_name') or 'a server'}:", facts.word("action"))


def _message(facts: Facts) -> str:
    said = facts.said("delta")
    return sentence_of("Said:", said) if said else "Said something"


def _said(before: str, key: str) -> Callable[[Facts], str]:
    return lambda facts: sentence_of(before, facts.said(key))


_EVENTS: Final[Mapping[str, Callable[[Facts], str]]] = {
    "SessionStart": _session_start,
    "SessionEnd": lambda facts: f"Session ended{facts.note('reason').replace(' (other)', '')}",
    "Setup": lambda facts: f"Set up{facts.note('trigger')}",
    PROMPT_EVENT: _prompt,
    "UserPromptExpansion": _expansion,
    "PostToolBatch": _batch,
    "Notification": _notification,
    "MessageDisplay": _message,
    "Stop": _stop,
    "StopFailure": _stop_failure,
    "SubagentStart": _agent,
    "SubagentStop": _agent_stop,
    "PreCompact": _compact,
    "PostCompact": lambda facts: f"Compacted the conversation{facts.note('trigger')}",
    "PreModelSwitch": _model_switch("Switching"),
    "PostModelSwitch": _model_switch("Switched"),
    "TaskCreated": _task("created"),
    "TaskCompleted": _task("completed"),
    "TeammateIdle": lambda facts: sentence_of("Teammate", facts.said("teammate_name"), " is idle"),
    "ConfigChange": lambda facts: f"Settings changed{facts.note('source')}",
    "InstructionsLoaded": lambda facts: sentence_of(
        "Loaded", facts.path("file_path") or "instructions", facts.note("load_reason")
    ),
    "CwdChanged": lambda facts: sentence_of("Changed directory:", facts.path("new_cwd", "old_cwd")),
    "FileChanged": _file_changed,
    "DirectoryAdded": lambda facts: sentence_of("Added directory", facts.path("directory")),
    "WorktreeCreate": _said("Created worktree", "name"),
    "WorktreeRemove": lambda facts: sentence_of("Removed worktree", facts.path("worktree_path")),
    "Elicitation": _elicitation,
    "ElicitationResult": _elicited,
}


_CUT_SHORT: Final = {"refusal": "stopped by the model's safeguards", "max_tokens": "cut at the limit of tokens"}


def _model_call(payload: Members) -> str:
    blocks = [members(block) for block in items(payload.get("blocks"))]
    said = next((line for block in blocks if (line := first_line(block.get("text"), 80))), "")
    calls = ", ".join(clipped(text(block.get("name")), 40) for block in blocks if block.get("type") == "tool_use")
    told = [f"Said: {said}" if said else "", f"asked for {calls}" if calls else ""]
    cut_short = _CUT_SHORT.get(text(payload.get("stop_reason")), "")
    return sentence_of(
        "", "; ".join(part for part in told if part) or "Answered", f"; {cut_short}" if cut_short else ""
    )


def _failed_request(failure: Members, error_type: str, *, with_content: bool) -> str:
    retry_ms = failure.get("retry_ms")
    after = f"; tried again after {retry_ms / 1000:.1f} s" if isinstance(retry_ms, int | float) else ""
    return sentence_of("Request failed:", first_line(failure.get("message")) if with_content else error_type, after)
