"""What the members of an object say of each other, and which texts of a payload are looked at."""

import re
from itertools import pairwise
from typing import Final

from cc_otel.agent.redaction.nested import container, embedded
from cc_otel.agent.redaction.places import PROGRAMS
from cc_otel.agent.redaction.words import Name, telling
from cc_otel.json_values import Json

NUMBER_MIN: Final = 10**5
"""A smaller number under a telling name of an object is a count or a limit."""

WORDS_MAX: Final = 256
"""A longer list is no command."""

BETWEEN_WORDS: Final = "\t"
_PROGRAM: Final = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*\Z")
_NAMES: Final = ("name", "key", "Name", "Key", "ParameterKey", "variable")
_VALUES: Final = ("value", "Value", "ParameterValue")
_SECRET_DATA: Final = ("data", "stringData")
_KEY_PARTS: Final = frozenset({"d", "k", "p", "q", "dp", "dq", "qi"})
_TOKEN_NAMES: Final = ("tokens", "Tokens", "TOKENS")
_OF_SECRET: Final = Name("secret", strong=True, plural=True)
_TOKENS: Final = Name("token", last=False, plural=True)
_OF_KEY: Final = Name("private-key", strong=True)


def promise_of(key: str, members: dict[str, Json], above: Name | None) -> Name | None:
    """Return what a member's name promises, and the object it is in; ``above`` is what the object's own name does."""
    if key in _SECRET_DATA and members.get("kind") == "Secret":
        return _OF_SECRET
    if key in _KEY_PARTS and isinstance(members.get("kty"), str):
        # RFC 7518, section 6: the private parts of a JSON web key.
        return _OF_KEY
    if key in _VALUES and above is not None:
        return above
    if above is not None and above.plural and isinstance(members[key], dict) and telling(key) is None:
        return Name(above.kind, strong=True, last=False)
    own = telling(key) or (_TOKENS if is_token_list(key, members[key]) else None)
    if own is None and above is not None and above.plural and not isinstance(members[key], dict | list):
        return Name(above.kind, strong=False, last=above is _OF_SECRET or above.kind == "password")
    return own


def is_token_list(key: str, member: Json) -> bool:
    """Whether a member may hold tokens: ``tokens`` is a count where it is a number, and a telling name nowhere else."""
    return key[-6:] in _TOKEN_NAMES and isinstance(member, dict | list)


def named_by_member(members: dict[str, Json]) -> str:
    """Return the name in ``{"name": "API_TOKEN", "value": "…"}``, as lists of variables and headers are written."""
    if members.keys().isdisjoint(_VALUES):
        return ""
    return next((name for key in _NAMES if isinstance(name := members.get(key), str)), "")


def command_line(items: list[Json]) -> str:
    """Return a command that may take a secret and comes as a list of its words; nothing where it does not."""
    if not 1 < len(items) <= WORDS_MAX or not isinstance(items[0], str) or not _PROGRAM.match(items[0]):
        return ""
    if not any(isinstance(item, str) and item.rpartition("/")[2] in PROGRAMS for item in items[:3]):
        return ""
    words = [item for item in items if isinstance(item, str) and BETWEEN_WORDS not in item and "\n" not in item]
    return BETWEEN_WORDS.join(words) if len(words) == len(items) else ""


def texts_of(value: Json) -> list[str]:
    """
    Return every text that is looked at in a value, those within texts that are JSON too.

    Keys come with a sign behind them, as they name what they hold; so do members and options that name others. The
    texts of a list come one after the other, as they are looked at together.
    """
    texts: list[str] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            texts.append(item)
            if "{" in item or "[" in item:
                waiting += _inside(item)
        elif isinstance(item, dict):
            names = "= ".join(item) + "="
            texts.append(names)
            if "kind=" in names or "kty=" in names or "alue=" in names or "okens=" in names or "OKENS=" in names:
                texts += _telling_members(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            texts += _list_texts(item)
            waiting.extend(item)
    return texts


def _list_texts(items: list[Json]) -> list[str]:
    strings = [item for item in items if isinstance(item, str)]
    if len(items) < 2 or not strings:
        return []
    texts = ["\n".join(strings)]
    if line := command_line(items):
        texts.append(line)
    texts.extend(f"{one} {two}" for one, two in pairwise(items) if isinstance(one, str) and one[:1] == "-")
    if len(strings) == len(items) == 2:
        texts.append(f"{strings[0]}: {strings[1]}")
    return texts


def _inside(text: str) -> list[Json]:
    """Return the JSON that a text is or holds."""
    if (inside := container(text)) is not None:
        return [inside]
    return [value for _, _, value in embedded(text)]


def _telling_members(members: dict[str, Json]) -> list[str]:
    texts: list[str] = []
    if named := named_by_member(members):
        texts.append(named + "=")
    is_told = members.get("kind") == "Secret" or "kty" in members
    if is_told or any(is_token_list(key, member) for key, member in members.items() if key[-6:] in _TOKEN_NAMES):
        texts.append("secret=")
    return texts
