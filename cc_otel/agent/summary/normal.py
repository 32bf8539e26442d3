"""
Normal form of a text: everything that differs from run to run is taken out.

The cache is keyed on this form and a model is shown nothing else, so what it says holds wherever the same thing
happens again: in another session, folder or week.
"""

import re
from typing import Final

MARK: Final = "…[cut]…"
"""Where the middle of a text is missing. It names no size: texts that differ only there are the same."""

_HEAD_SHARE: Final = 0.35
"""How much of what is kept of a long text is its beginning. What came of a command stands at its end."""

_RAW_LENGTH_MAX: Final = 16_384
"""How much of a text is looked at at all, characters: far more than is kept, so that where it is cut depends on
what is said and not on how long the paths in it are."""

ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)?|[@-_])")
"""What a terminal takes for orders: colours, titles, moves."""

_HOME: Final = re.compile(r"(?:/home|/Users)/[^/\s\"':]+|(?<![\w./-])/root(?=[/\s\"':]|\Z)")
_TEMPORARY: Final = re.compile(
    r"(?<![\w.-])(?:/private)?(?:/var/folders/[^/\s\"']+/[^/\s\"']+/[TC]|/var/tmp|/tmp|/dev/shm)"
    r"(?:/[^/\s\"':]+(?=/))*(?=[/\s\"':]|\Z)"
)
_RANDOM_NAME: Final = re.compile(r"<tmp>/(?:tmp[\w.-]{4,}|[\w-]*\.[A-Za-z0-9]{6,10})(?![\w.-])")
_PATH_ENDS: Final = r"(?=[/\s\"':]|\Z)"
_BLANK: Final = re.compile(r"[ \t]+$|\r", re.MULTILINE)
_BLANK_LINES: Final = re.compile(r"\n{3,}")

_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# In this order: a time stamp before the date in it, an id before the digits in it.
_DIFFERING: Final = (
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b(?:toolu|msg|req|call|agent)_[A-Za-z0-9]{6,}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?Z|\s?[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(rf"\b{_MONTH} +\d{{1,2}} +(?:\d\d:\d\d(?::\d\d)?|\d{{4}})\b"), "<time>"),
    (re.compile(r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "<date>"),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "<address>"),
    (re.compile(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b"), "<hex>"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|µs|us|ns|s|secs?|seconds?|mins?|minutes?)\b"), "<duration>"),
    (re.compile(r"\b(localhost|127\.0\.0\.1|\[::1\]):\d{4,5}\b"), r"\1:<port>"),
    (re.compile(r"\b([Pp][Ii][Dd])([ :=]+)\d+\b"), r"\1\2<n>"),
    (re.compile(r"\b\d{9,}\b"), "<n>"),
)


def normal(text: str, folder: str = "") -> str:
    """Return a text without ids, times, durations, addresses and the folders it ran in, ``folder`` being the first."""
    text = _BLANK_LINES.sub("\n\n", _BLANK.sub("", ESCAPES.sub("", ends(text, _RAW_LENGTH_MAX)))).strip()
    if len(folder) > 1:
        text = re.sub(re.escape(folder.rstrip("/")) + _PATH_ENDS, ".", text)
    text = _RANDOM_NAME.sub("<tmp>/<name>", _TEMPORARY.sub("<tmp>", _HOME.sub("~", text)))
    for pattern, sign in _DIFFERING:
        text = pattern.sub(sign, text)
    return text


def ends(text: str, length_max: int) -> str:
    """Return the text, or its beginning and its end with a mark between, at most ``length_max`` characters."""
    if len(text) <= length_max:
        return text
    room = max(length_max - len(MARK), 0)
    head = int(room * _HEAD_SHARE)
    return text[:head] + MARK + text[len(text) - (room - head) :]
