"""
The sentence that every span has without any model: what happened and how it ended, in words a person would use.

Pure, from redacted payloads. Without content a sentence names the tool and the outcome, never what was in them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from cc_otel.agent.describe import Finding, Summary
from cc_otel.agent.events import exit_code
from cc_otel.agent.tree import Draft, Role

SENTENCE_CHARS_MAX: Final = 120
PART_CHARS_MAX: Final = 70
"""How much of a command, a path or a message a sentence quotes."""

OUTPUT_CHARS_MAX: Final = 4000
"""How much of an output's end is searched for counts of tests."""

Payload = Mapping[str, Any]

# pytest, jest and vitest, go test, cargo test, node's runner: how they close.
_COUNTS: Final = re.compile(
    r"(?P<count>\d{1,7}) (?P<what>failed|passed|errors?|skipped)\b|^# (?P<node>pass|fail) (?P<number>\d{1,7})$",
    re.MULTILINE,
)
_GO: Final = re.compile(r"^(ok|FAIL)\s+\S+\s+[\d.]+s", re.MULTILINE)
_TAGS: Final = re.compile(r"<summary>([^<]{1,300})</summary>")


def summary(finding: Finding, *, with_content: bool = True) -> Summary:
    """Give the rule's sentence: one line, at most `SENTENCE_CHARS_MAX` characters. Never raises."""
    words = _with_content(finding) if with_content else _without_content(finding)
    return Summary(_clipped(words or finding.draft.event.name, SENTENCE_CHARS_MAX))


def _with_content(finding: Finding) -> str:
    draft, payload = finding.draft, finding.opener.payload
    match draft.role:
        case Role.TOOL:
            return _tool(finding)
        case Role.TURN:
            return _turn(finding)
        case Role.SUBAGENT:
            who = f"Agent {draft.event.agent_type or 'subagent'}"
            return _ended(draft, who, "finished", _text(_closer(finding).get("last_assistant_message")))
        case Role.COMPACT:
            return f"Compacted the conversation ({_text(payload.get('trigger')) or 'unknown'})"
        case Role.CHAT:
            return _chat(payload)
        case Role.WAIT:
            return f"Waited for permission: {_call(draft.event.tool_name, payload.get('tool_input'))}"
        case _:
            return _hook(draft, payload)


def _without_content(finding: Finding) -> str:
    draft = finding.draft
    match draft.role:
        case Role.TOOL:
            return f"Ran {draft.event.tool_name}{_bare_outcome(draft)}"
        case Role.TURN:
            return f"Turn ended{_bare_outcome(draft)}"
        case Role.SUBAGENT:
            return f"Agent {draft.event.agent_type or 'subagent'} ended{_bare_outcome(draft)}"
        case Role.SESSION:
            return f"Session started ({draft.event.source})"
        case Role.CHAT:
            return "Answered"
        case _:
            return draft.event.name + (f" ({draft.event.tool_name})" if draft.event.tool_name else "")


def _bare_outcome(draft: Draft) -> str:
    if draft.interrupted:
        return ": interrupted"
    return f": {draft.error_type}" if draft.error_type else ""


# Tools


def _tool(finding: Finding) -> str:
    draft = finding.draft
    tool_input = finding.opener.payload.get("tool_input")
    call = _call(draft.event.tool_name, tool_input)
    if draft.error_type == "denied":
        return f"Denied: {call}"
    if draft.interrupted:
        return f"Interrupted: {call}"
    if draft.error_type == "process_gone":
        return f"Unfinished, Claude Code was gone: {call}"
    if draft.error_type:
        return f"{call}: {_failure(finding)}"
    if finding.closer is None:
        return f"{call}: no result"
    result = _RESULTS.get(draft.event.tool_name, _any_result)(finding.response, tool_input)
    return f"{call}{result}"


def _failure(finding: Finding) -> str:
    error = finding.response
    text = error if isinstance(error, str) else ""
    code = exit_code(text)
    if code is None:
        return f"failed, {_first_line(text)}" if text else "failed"
    counts = _test_counts(text)
    rest = counts or _first_line(text.partition("\n")[2])
    if finding.draft.error_type == "timeout":
        return "timed out"
    return f"exit {code}" + (f", {rest}" if rest else "")


def _call(tool: str, tool_input: object) -> str:
    """Say what a call does, without its outcome."""
    arguments = tool_input if isinstance(tool_input, dict) else {}
    if tool.startswith("mcp__"):
        server, _, name = tool.removeprefix("mcp__").partition("__")
        return f"{server}: {name}({', '.join(_quoted(value) for value in list(arguments.values())[:4])})"
    form, key = _CALLS.get(tool, ("", ""))
    if form:
        value = _text(arguments.get(key))
        return form.format(_file_name(value) if key.endswith("_path") else _clipped(value, PART_CHARS_MAX)).strip()
    first = next((_text(value) for value in arguments.values() if isinstance(value, str)), "")
    return f"Used {tool or 'a tool'}" + (f": {_clipped(first, PART_CHARS_MAX)}" if first else "")


_CALLS: Final[Mapping[str, tuple[str, str]]] = {
    "Bash": ("Ran {}", "command"),
    "BashOutput": ("Looked at the output of {}", "bash_id"),
    "KillShell": ("Stopped {}", "shell_id"),
    "Read": ("Read {}", "file_path"),
    "Write": ("Wrote {}", "file_path"),
    "Edit": ("Edited {}", "file_path"),
    "MultiEdit": ("Edited {}", "file_path"),
    "NotebookEdit": ("Edited {}", "notebook_path"),
    "Grep": ("Searched for '{}'", "pattern"),
    "Glob": ("Looked for {}", "pattern"),
    "Agent": ("Asked an agent: {}", "description"),
    "Task": ("Asked an agent: {}", "description"),
    "TaskCreate": ("Noted a task: {}", "subject"),
    "TaskUpdate": ("Updated task {}", "taskId"),
    "WebFetch": ("Fetched {}", "url"),
    "WebSearch": ("Searched the web for '{}'", "query"),
    "EnterWorktree": ("Entered worktree {}", "name"),
    "ExitWorktree": ("Left the worktree {}", "name"),
    "Skill": ("Used the skill {}", "skill"),
}


def _bash_result(response: object, _: object) -> str:
    if not isinstance(response, dict):
        return ""
    if response.get("backgroundTaskId"):
        return " (in the background)"
    counts = _test_counts(_text(response.get("stdout")))
    return f": {counts}" if counts else ""


def _read_result(response: object, _: object) -> str:
    file = response.get("file") if isinstance(response, dict) else None
    return f" ({_counted(file.get('numLines'), 'line')})" if isinstance(file, dict) else ""


def _write_result(_: object, tool_input: object) -> str:
    content = tool_input.get("content") if isinstance(tool_input, dict) else None
    return f" ({_counted(len(content.splitlines()), 'line')})" if isinstance(content, str) else ""


def _edit_result(response: object, _: object) -> str:
    hunks = response.get("structuredPatch") if isinstance(response, dict) else None
    patches = [hunk.get("lines") for hunk in _list(hunks) if isinstance(hunk, dict)]
    lines = [line for patch in patches for line in _list(patch) if isinstance(line, str)]
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return f" (+{added} −{removed})" if lines else ""  # noqa: RUF001 - a minus sign is what is meant


def _files_result(response: object, _: object) -> str:
    return f": {_counted(response.get('numFiles'), 'file')}" if isinstance(response, dict) else ""


def _agent_result(response: object, _: object) -> str:
    if not isinstance(response, dict):
        return ""
    if response.get("isAsync") is True:
        return " (in the background)"
    texts = [_text(block.get("text")) for block in _list(response.get("content")) if isinstance(block, dict)]
    return f" → {_first_line(texts[-1])}" if texts else ""


def _any_result(response: object, _: object) -> str:
    if isinstance(response, list):
        texts = [_text(block.get("text")) for block in response if isinstance(block, dict)]
        return f" → {_first_line(texts[0])}" if texts and texts[0] else ""
    return ""


_RESULTS: Final[Mapping[str, Callable[[object, object], str]]] = {
    "Bash": _bash_result,
    "Read": _read_result,
    "Write": _write_result,
    "Edit": _edit_result,
    "MultiEdit": _edit_result,
    "Grep": _files_result,
    "Glob": _files_result,
    "Agent": _agent_result,
    "Task": _agent_result,
}


def _chat(payload: Payload) -> str:
    blocks = [block for block in _list(payload.get("blocks")) if isinstance(block, dict)]
    said = next((_first_line(_text(block.get("text"))) for block in blocks if block.get("type") == "text"), "")
    calls = [_text(block.get("name")) for block in blocks if block.get("type") == "tool_use"]
    return "; ".join(filter(None, [f"Said: {said}" if said else "", f"asked for {', '.join(calls)}" if calls else ""]))


# Turns, and the moments that are spans of their own


def _turn(finding: Finding) -> str:
    draft = finding.draft
    prompt = _text(finding.opener.payload.get("prompt"))
    if draft.event.notified_by:
        told = _TAGS.search(prompt[:OUTPUT_CHARS_MAX])
        asked = f"Heard back: {told[1]}" if told else "Heard back from a background task"
    else:
        asked = _clipped(_first_line(prompt), PART_CHARS_MAX) or "Turn"
    return _ended(draft, asked, "", _text(_closer(finding).get("last_assistant_message")))


def _ended(draft: Draft, who: str, finished: str, result: str) -> str:
    if draft.interrupted:
        return f"{who}: interrupted"
    if draft.error_type:
        return f"{who}: failed, {draft.error_type.replace('_', ' ')}"
    if draft.closer is None:
        return f"{who}: ended without an answer"
    line = _first_line(result)
    if finished:
        return f"{who} {finished}" + (f": {line}" if line else "")
    return f"{who} → {line}" if line else who


def _hook(draft: Draft, payload: Payload) -> str:
    event = draft.event
    form, key = _HOOKS.get(event.name, ("", ""))
    if event.name in {"PreToolUse", "PermissionRequest"}:
        arguments = payload.get("tool_input")
        call = _call(event.tool_name, arguments if isinstance(arguments, dict) else payload)
        return f"Asked for permission: {call}" if event.name == "PermissionRequest" else call
    if not form:
        return f"{event.name} happened"
    value = payload.get(key)
    if key.endswith("_path"):
        value = _file_name(_text(value))
    words = _clipped(_first_line(_text(value)), PART_CHARS_MAX)
    return form.format(words or event.tool_name or "unknown")


_HOOKS: Final[Mapping[str, tuple[str, str]]] = {
    "SessionStart": ("Session started ({})", "source"),
    "SessionEnd": ("Session ended ({})", "reason"),
    "Setup": ("Set up ({})", "trigger"),
    "UserPromptSubmit": ("Asked: {}", "prompt"),
    "UserPromptExpansion": ("Expanded /{}", "command_name"),
    "PostToolUse": ("{} succeeded", "tool_name"),
    "PostToolUseFailure": ("{} failed", "tool_name"),
    "PostToolBatch": ("All calls of a message were answered", ""),
    "PermissionDenied": ("{} was denied", "tool_name"),
    "Notification": ("Notified: {}", "message"),
    "MessageDisplay": ("Said: {}", "delta"),
    "Stop": ("Stopped: {}", "last_assistant_message"),
    "StopFailure": ("Stopped by an error: {}", "error"),
    "SubagentStart": ("Agent {} started", "agent_type"),
    "SubagentStop": ("Agent stopped: {}", "last_assistant_message"),
    "PostCompact": ("The conversation was compacted ({})", "trigger"),
    "PreModelSwitch": ("Switching the model to {}", "to_model"),
    "PostModelSwitch": ("Switched the model to {}", "to_model"),
    "TaskCreated": ("Task created: {}", "task_subject"),
    "TaskCompleted": ("Task completed: {}", "task_subject"),
    "TeammateIdle": ("Teammate {} is idle", "teammate_name"),
    "ConfigChange": ("Settings changed ({})", "source"),
    "InstructionsLoaded": ("Loaded {}", "file_path"),
    "CwdChanged": ("Moved to {}", "new_cwd"),
    "FileChanged": ("{} changed on disk", "file_path"),
    "DirectoryAdded": ("Added directory {}", "directory"),
    "WorktreeCreate": ("Creating worktree {}", "name"),
    "WorktreeRemove": ("Removing worktree {}", "worktree_path"),
    "Elicitation": ("A server asked: {}", "message"),
    "ElicitationResult": ("The answer to a server: {}", "action"),
}


# Words


def _closer(finding: Finding) -> Payload:
    return finding.closer.payload if finding.closer else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _quoted(value: object) -> str:
    return _clipped(repr(value) if isinstance(value, str) else str(value), 30)


def _counted(count: object, what: str) -> str:
    number = count if isinstance(count, int) and not isinstance(count, bool) else 0
    return f"{number} {what}" + ("" if number == 1 else "s")


def _file_name(path: str) -> str:
    return _clipped(path.rstrip("/").rpartition("/")[2] or path, PART_CHARS_MAX)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text[:OUTPUT_CHARS_MAX].splitlines() if line.strip()), "")


def _test_counts(output: str) -> str:
    """Give what a test runner's last lines count: ``3 failed, 12 passed``."""
    end = output[-OUTPUT_CHARS_MAX:]
    found: dict[str, str] = {}
    for match in _COUNTS.finditer(end):
        what = match["what"] or {"pass": "passed", "fail": "failed"}[match["node"]]
        found[what] = match["count"] or match["number"]
    shown = [f"{found[what]} {what}" for what in ("failed", "error", "errors", "passed") if found.get(what, "0") != "0"]
    if shown:
        return ", ".join(shown)
    packages = [match[1] for match in _GO.finditer(end)]
    failed = packages.count("FAIL")
    return f"{failed} of {len(packages)} packages failed" if failed else ""


def _clipped(text: str, chars_max: int) -> str:
    """Give the text as one printable line of at most that many characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * chars_max]).split())
    return line if len(line) <= chars_max else line[: chars_max - 1].rstrip() + "…"
