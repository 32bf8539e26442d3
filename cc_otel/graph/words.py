"""
What of a span is searched as text, and what somebody searches for: the same on every store.

Words are letters and digits, in whatever case: ``test_dates.py`` is three. What is longer than
`WORD_CHARS_MAX` is a digest or a blob, which nobody types.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

RULE: Final = 1
"""Raised when the text of a span changes by what stands here: the index is then made anew."""

TEXT_CHARS_MAX: Final = 32_768
"""How much of one span is searched, characters: the output of a call is cut at about as much."""

WORD_CHARS_MAX: Final = 40

ASKED_CHARS_MAX: Final = 1_000
ASKED_MAX: Final = 16
"""How many words and phrases one search has."""

DEPTH_MAX: Final = 8

EXCERPT_CHARS: Final = 160
EXCERPT_BEFORE_CHARS: Final = 60

_LONG: Final = re.compile(rf"[^\W_]{{{WORD_CHARS_MAX + 1},}}")
_WORD: Final = re.compile(r"[^\W_]+")
_ASKED: Final = re.compile(r'(-?)(?:"([^"]*)"|([^\s"]+))')

_FIELDS: Final = ("summary", "command", "status_message")
_SAID: Final = ("gen_ai_input_messages", "gen_ai_output_messages")
_RESULT: Final = "gen_ai_tool_call_result"
_SPOKEN: Final = frozenset({"text", "content"})


class BadWords(ValueError):
    """Nothing can be searched for with this; the message says why."""


def text_of(document: Mapping[str, object]) -> str:
    """
    Return the text of a span's document that is searched: prompts, answers, summary, command, error, output of tools.

    Of a model call only what it answered: what it was sent are the prompts and outputs that came before.
    """
    parts = [value for name in _FIELDS if isinstance(value := document.get(name), str)]
    attributes = document.get("attributes")
    if isinstance(attributes, Mapping):
        for name in _SAID[1:] if document.get("kind") == "chat" else _SAID:
            parts += _spoken(_read(attributes.get(name)), DEPTH_MAX)
        parts += _texts(attributes.get(_RESULT), DEPTH_MAX)
    return _LONG.sub(" ", "\n".join(dict.fromkeys(parts))[:TEXT_CHARS_MAX])


def _read(value: object) -> object:
    # Other producers send messages as JSON.
    if not isinstance(value, str) or not value.startswith(("[", "{")):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def _spoken(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Sequence) and depth:
        for item in value:
            yield from _spoken(item, depth - 1)
    elif isinstance(value, Mapping) and depth:
        for name, item in value.items():
            if name in _SPOKEN or name == "parts":
                yield from _spoken(item, depth - 1)


def _texts(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | Sequence) and depth:
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item, depth - 1)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand beside each other; where it ``begins``, the last may go on."""

    words: tuple[str, ...]
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a text must hold, and must not hold."""

    wanted: tuple[Phrase, ...]
    unwanted: tuple[Phrase, ...]

    @property
    def first(self) -> str:
        """The longest word that is wanted: where to look in the text."""
        return max((word for phrase in self.wanted for word in phrase.words), key=len)


def asked(text: str | None) -> Asked:
    """
    Return what somebody searches for.

    ``two words`` must both be there, a ``"quoted phrase"`` as it stands, ``-word``, ``-"a phrase"`` and ``NOT word``
    must not, ``begin*`` is the beginning of a word. What joins words without a space, ``test_dates.py``, is a phrase.

    Raises:
        BadWords: there is no word to look for, or something that is not understood.

    """
    if not text or not text.strip():
        raise BadWords("there is no word to look for")
    if len(text) > ASKED_CHARS_MAX:
        raise BadWords(f"more than {ASKED_CHARS_MAX:,} characters cannot be searched for")
    if text.count('"') % 2:
        raise BadWords('a " has no end: a phrase stands between two of them')
    wanted: list[Phrase] = []
    unwanted: list[Phrase] = []
    negated = False
    for sign, quoted, bare in _ASKED.findall(text):
        if bare in ("OR", "NEAR") or bare.startswith("NEAR("):
            raise BadWords(f'{bare} is no word to search with: all words must be there; put it in "" to look for it')
        if bare == "AND":
            continue
        if bare == "NOT":
            negated = True
            continue
        phrase = _phrase(quoted or bare, begins=bare.endswith("*"))
        (unwanted if sign or negated else wanted).append(phrase)
        negated = False
    if negated:
        raise BadWords("NOT stands before the word that must not be there")
    return _checked(wanted, unwanted)


def _phrase(text: str, *, begins: bool) -> Phrase:
    words = tuple(word for word in _WORD.findall(text.lower()) if len(word) <= WORD_CHARS_MAX)
    return Phrase(words, begins and bool(words))


def _checked(wanted: Sequence[Phrase], unwanted: Sequence[Phrase]) -> Asked:
    found = Asked(tuple(it for it in wanted if it.words), tuple(it for it in unwanted if it.words))
    if not found.wanted:
        raise BadWords(
            "there is no word to look for"
            + (", only some that must not be there" if found.unwanted else f" of at most {WORD_CHARS_MAX} characters")
        )
    if len(found.wanted) + len(found.unwanted) > ASKED_MAX:
        raise BadWords(f"more than {ASKED_MAX} words and phrases cannot be searched for")
    return found


def excerpt(text: str, word: str) -> str:
    """Return the text around a word in it, on one line."""
    at = max(0, text.lower().find(word))
    start = max(0, at - EXCERPT_BEFORE_CHARS)
    end = start + EXCERPT_CHARS
    found = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{found}{'…' if end < len(text) else ''}"
