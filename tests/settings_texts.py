"""Settings as people and programs write them: any spelling of the JSON that Claude Code can read."""

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from cc_otel.claude_code.event_table import wired_rows

SPACES = ("", "", " ", "\n", "\r\n\t", "\n    ", "\t", " \n\n ")
SCALARS = ("null", "true", "false", "0", "-0", "1.50", "1e5", "12345678901234567890123", "-3.0E-7", "9" * 5000)
WORDS = ("", "model", "env", "ключ", "a\u2028b", 'q"uote', "back\\slash", "\ud83d", "\x7f", "😀")
EVENT_NAMES = ("Stop", "PreToolUse", "SessionStart", wired_rows()[-1].name, "WorktreeCreate", "EventOfTomorrow")

THEIRS = {"matcher": "Bash", "hooks": [{"type": "command", "command": "./lint.sh", "timeout": 7}]}


@dataclass
class Raw:
    """JSON that is spelled already."""

    text: str


@dataclass
class Object:
    """An object in which a key may stand more than once."""

    members: list[tuple[str, Any]]


def spelled(value: Any, random: Random) -> str:
    """Return one of the spellings of a value."""

    def space() -> str:
        return random.choice(SPACES)

    match value:
        case Raw(text):
            return text
        case str():
            plain = json.dumps(value, ensure_ascii="\ud83d" in value or random.random() < 0.5)
            return plain.replace("o", "\\u006F") if random.random() < 0.3 else plain
        case Object(members):
            parts = [f"{spelled(key, random)}{space()}:{space()}{spelled(it, random)}" for key, it in members]
        case _:
            parts = [spelled(it, random) for it in value]
    inside = ",".join(space() + part + space() for part in parts) or space()
    return f"{{{inside}}}" if isinstance(value, Object) else f"[{inside}]"


def _objects(keys: st.SearchStrategy[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    return st.lists(st.tuples(keys, values), max_size=3).map(Object)


_seeds = st.integers(0, 1 << 30).map(Random)
_values = st.recursive(
    st.sampled_from(WORDS) | st.sampled_from(SCALARS).map(Raw),
    lambda inner: st.lists(inner, max_size=2) | _objects(st.sampled_from(WORDS), inner),
    max_leaves=3,
)
_groups = st.lists(st.sampled_from([Raw(json.dumps(THEIRS)), Raw('{"hooks":[]}'), Raw("7")]), max_size=2)
_hooks = _objects(st.sampled_from(EVENT_NAMES), _groups)
_members = st.tuples(st.sampled_from(WORDS), _values) | st.tuples(st.just("hooks"), _hooks)
_settings = st.lists(_members, max_size=4).map(Object)


def values() -> st.SearchStrategy[str]:
    """Return the text of any JSON value."""
    return st.builds(spelled, _values, _seeds)


def settings() -> st.SearchStrategy[str]:
    """Return a settings file that can be wired: other tools' hooks or none, an event without any, no text."""

    def whole(mark: str, value: Object | None, random: Random) -> str:
        return mark + random.choice(SPACES) + (spelled(value, random) if value else "") + random.choice(SPACES)

    return st.builds(whole, st.sampled_from(["", "\ufeff"]), _settings | st.none(), _seeds)


def parsed(text: str) -> Any:
    """Return what Claude Code reads: the last of two equal keys counts, and an empty file holds nothing."""
    text = text.removeprefix("\ufeff")
    return json.loads(text, parse_int=str, parse_float=str) if text.strip() else {}
