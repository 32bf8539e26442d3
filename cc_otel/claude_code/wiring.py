"""
What stands in Claude Code's settings: one handler of ours for each event, put in and taken out again.

Pure: settings text and home in, settings text out. Whatever else stands in the settings stays byte for byte
(docs/decisions/0010-settings-merge.md).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from cc_otel.claude_code import json_text
from cc_otel.claude_code.event_table import USUAL, Choice, wired_rows
from cc_otel.claude_code.hook import wired_command, wired_home
from cc_otel.claude_code.json_text import Container

TIMEOUT_S: Final = 5

_KINDS: Final = {"[": "a list", "{": "an object"}


class NotWirable(ValueError):
    """These settings cannot take our wiring; the text says why and where."""


def groups(home: Path, choice: Choice = USUAL) -> dict[str, dict[str, object]]:
    """Return what is wired: for each event the group, with one handler in it, that is added to the event's list."""
    return {event: _group(command) for event, command in _commands(home, choice).items()}


def _commands(home: Path, choice: Choice) -> dict[str, str]:
    return {row.name: wired_command(home, starts_agent=row.starts_agent) for row in wired_rows(choice)}


def _group(command: str) -> dict[str, object]:
    return {"hooks": [{"type": "command", "command": command, "timeout": TIMEOUT_S}]}


def wired(text: str, home: Path | None = None) -> dict[str, list[object]]:
    """
    Return what is wired in these settings, to one home or to any: for each event the groups with a handler of ours.

    Numbers in them are text. Raises NotWirable where these are no settings.
    """
    found: dict[str, list[object]] = {}
    for trail in _trails(text):
        if home not in (None, _home(text, trail)):
            continue
        _, (hooks, event), (listed, group), *_ = trail
        part = listed.parts[group]
        found.setdefault(hooks.parts[event].key, []).append(json_text.parse(text[part.value : part.end]))
    return found


def named(text: str) -> set[str]:
    """Return the events that these settings have hooks for, ours or not. Raises NotWirable where they are none."""
    if json_text.is_blank(text):
        return set()
    _check(text)
    hooks = json_text.container(text, json_text.root(text)).last("hooks")
    if hooks is None or text[hooks.value] != "{":
        return set()
    return {part.key for part in json_text.container(text, hooks.value).parts}


def is_outdated(text: str, home: Path) -> bool:
    """Whether a handler of a home's is not as it would be wired now. Raises NotWirable where these are no settings."""
    now = groups(home, Choice(messages=True, compactions=True))
    return any(
        group != json_text.parse(json.dumps(now.get(event)))
        for event, found in wired(text, home).items()
        for group in found
    )


def homes(text: str) -> set[Path]:
    """Return the homes that these settings are wired to. Raises NotWirable where these are no settings."""
    return {home for trail in _trails(text) if (home := _home(text, trail))}


def wire(text: str, home: Path, choice: Choice = USUAL, *, before: str | None = None) -> str:
    """
    Return the settings with our wiring. Twice is the same as once.

    An older wiring of ours, or one to another home, is replaced where it stands; what is not wanted any more goes.
    ``before`` is what the settings were before the wiring that is there now, where that is known.

    Raises:
        NotWirable: there is no place for it in these settings.

    """
    commands = _commands(home, choice)
    wanted = {event: _group(command) for event, command in commands.items()}
    text = _renewed(text, commands)
    text = _without_others(text, {event: json_text.parse(json.dumps(group)) for event, group in wanted.items()}, before)
    there = wired(text)
    if json_text.is_blank(text):
        text += "{}\n"
    settings = json_text.container(text, json_text.root(text))
    hooks = settings.last("hooks")
    missing = {event: group for event, group in wanted.items() if event not in there}
    if hooks is None:
        return json_text.append(text, settings, {event: [group] for event, group in missing.items()}, "hooks")
    for event, group in missing.items():
        # What is added stands after the bracket that opens the hooks: that one does not move.
        text = _add(text, _opened(text, hooks.value, "{", "hooks"), event, group)
    return text


def _renewed(text: str, commands: Mapping[str, str]) -> str:
    """Return the settings with the command of each handler of ours as it would be written now."""
    # From the end: what stands before a change keeps its place.
    for trail in reversed(list(_trails(text))):
        (_, _), (events, event), *_, (handlers, number) = trail
        handler = json_text.container(text, handlers.parts[number].value)
        command = handler.last("command")
        wanted = commands.get(events.parts[event].key)
        if command and wanted and json_text.parse(text[command.value : command.end]) != wanted:
            text = text[: command.value] + json.dumps(wanted, ensure_ascii=False) + text[command.end :]
    return text


def _without_others(text: str, wanted: Mapping[str, object], before: str | None) -> str:
    """Return the settings without those of our handlers that are not what is wanted, or not the event's first."""

    def other() -> Trail | None:
        seen = set()
        for trail in _trails(text):
            (_, _), (events, number), (listed, group), *_ = trail
            event, part = events.parts[number].key, listed.parts[group]
            if event in seen or json_text.parse(text[part.value : part.end]) != wanted.get(event):
                return trail
            seen.add(event)
        return None

    while trail := other():
        text = _without(text, trail, _usable(before))
    return text


def _add(text: str, hooks: Container, event: str, group: Mapping[str, object]) -> str:
    member = hooks.last(event)
    if member is None:
        return json_text.append(text, hooks, [group], event)
    return json_text.append(text, _opened(text, member.value, "[", f"hooks.{event}"), group)


def _opened(text: str, at: int, bracket: str, name: str) -> Container:
    if text[at] != bracket:
        raise NotWirable(f"{json_text.position(text, at)}: {name} is not {_KINDS[bracket]}")
    return json_text.container(text, at)


def unwire(text: str, before: str | None = None, home: Path | None = None) -> str:
    """
    Return the settings without our wiring, or without that of one home.

    What is left empty goes too, unless it was there ``before``: the settings as they were when they were wired, None
    where that is not known. With it, what comes out is what went in, and what others changed since.

    Raises:
        NotWirable: these are no settings.

    """
    before = _usable(before)
    while trail := next((trail for trail in _trails(text) if home in (None, _home(text, trail))), None):
        text = _without(text, trail, before)
    return text


def _usable(before: str | None) -> str | None:
    """Return what the settings were before, None where that is no settings."""
    if before is not None and not json_text.is_blank(before):
        try:
            _check(before)
        except NotWirable:
            return None
    return before


def _without(text: str, trail: "Trail", before: str | None) -> str:
    """Take one handler out, and what would be empty without it."""
    keys = ("hooks", trail[1][0].parts[trail[1][1]].key)
    for depth, (where, number) in reversed(list(enumerate(trail))):
        # A group without handlers goes as a whole, its matcher too.
        if len(where.parts) > 1 and depth != _GROUP:
            return json_text.without(text, where, number)
        inside = _inside(before, keys[:depth]) if depth < _GROUP else None
        if inside is not None:
            return text[: where.opened + 1] + inside + text[where.closed :]
    if before is not None:
        return before
    settings, _ = trail[0]
    return text[: settings.opened + 1] + text[settings.closed :]


def _inside(before: str | None, keys: tuple[str, ...]) -> str | None:
    """Return what an emptied container is to hold: the space that was in it, or nothing; None if it was not there."""
    if before is None or json_text.is_blank(before):
        return None
    where = json_text.container(before, json_text.root(before))
    for key in keys:
        part = where.last(key)
        if part is None or before[part.value] not in _KINDS:
            return None
        where = json_text.container(before, part.value)
    return "" if where.parts else before[where.opened + 1 : where.closed]


Trail = tuple[tuple[Container, int], ...]
"""The way to a handler: a container of each level, with the number of the part to go on with."""

_LEVELS: Final = (("{", "hooks"), ("{", None), ("[", None), ("{", "hooks"), ("[", None))
"""Settings, their hooks, an event's groups, a group, its handlers: the bracket, and the one key to look at."""
_GROUP: Final = 3


def _trails(text: str) -> Iterator[Trail]:
    """Return the way to each handler of ours, in the order they stand in the text."""
    if json_text.is_blank(text):
        return
    _check(text)
    for trail in _descend(text, json_text.root(text), _LEVELS):
        if _home(text, trail):
            yield trail


def _check(text: str) -> None:
    """Raise NotWirable where the text is not a JSON object."""
    try:
        json_text.parse(text)
    except json_text.Malformed as error:
        raise NotWirable(f"{error}: Claude Code cannot read it either") from None
    _opened(text, json_text.root(text), "{", "the whole")


def _descend(text: str, at: int, levels: Sequence[tuple[str, str | None]]) -> Iterator[Trail]:
    (bracket, key), *deeper = levels
    if text[at] != bracket:
        return
    where = json_text.container(text, at)
    for number, part in enumerate(where.parts):
        if key in (None, part.key):
            for rest in _descend(text, part.value, deeper) if deeper else ((),):
                yield ((where, number), *rest)


def _home(text: str, trail: Trail) -> Path | None:
    """Return the home that a handler is wired to, None if it is not ours."""
    handlers, number = trail[-1]
    part = handlers.parts[number]
    handler = json_text.parse(text[part.value : part.end])
    command = handler.get("command") if isinstance(handler, dict) else None
    return wired_home(command) if isinstance(command, str) else None
