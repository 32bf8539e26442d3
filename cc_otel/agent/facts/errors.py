"""
What went wrong with a call: a class, and the line that says it, masked; their key is the same wherever it happens.

The class is the client's own where it refused the call or the tool is its own, else what the output names: the type of
an exception, a signal, the exit code.
"""

import re
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from signal import Signals
from typing import Any, Final

from cc_otel import conventions as c
from cc_otel.agent.facts.call import Call
from cc_otel.agent.facts.commands.outcome import RUNNER_SUMMARY
from cc_otel.agent.facts.masks import LINE_LENGTH_MAX, masked, plain
from cc_otel.claude_code.payload import exit_code
from cc_otel.claude_code.refusals import denial_line, reason_class

OUTPUT_CHARACTERS_MAX: Final = 16_384
"""How much of an output's end is read, characters: what went wrong stands last."""

LINES_MAX: Final = 400
"""How many of its lines are looked at."""

TIMEOUT: Final = "timeout"
TOOL_ERROR: Final = "tool_error"
_EXIT_CODE: Final = "exit_code"
_SIGNAL_BASE: Final = 128
_SIGNALS: Final = {number.value: number.name for number in Signals}

_TYPE: Final = r"[A-Za-z_$][\w$]*(?:(?:\.|::)[A-Za-z_$][\w$]*)*"
_NAMED: Final = (
    r"(?:[A-Za-z_$][\w$]*(?:\.|::))*[A-Z][\w$]*(?:Error|Exception|Warning|Interrupt|Exit|Failure|Timeout|Expired)"
)
_FRAME: Final = re.compile(r"\s+at\s|\t|\s+\.\.\. \d+ more")
_EXCEPTIONS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # Java and Kotlin; what caused it stands below, and is not what ended the program.
        rf'Exception in thread "[^"]*" (?P<type>{_TYPE})',
        # Ruby; PHP; JavaScript that nobody caught.
        rf".*: .* \((?P<type>{_NAMED})\)\Z",
        rf"(?:PHP )?(?:Fatal error: +)?Uncaught (?P<type>{_TYPE})(?:[: ]|\Z)",
        # Node prints a code behind some.
        rf"(?P<type>{_NAMED})(?: \[\w+\])?(?::|\Z)",
    )
)
_PYTEST: Final = re.compile(rf"(?:E +|\S+:\d+: )(?P<type>{_NAMED})(?::|\Z)")
_TRACEBACK: Final = re.compile(r"\s*(?:[|+] ?)*(?:Exception Group )?Traceback \(most recent call last\):")
_RAISED: Final = re.compile(rf"(?P<type>{_TYPE})(?::|\Z)")
_PANIC: Final = re.compile(r"(?:panic|fatal error): .|thread '.*' (?:\(\d+\) )?panicked at ")

# What ends an output and says only that something before it failed.
_NOISE: Final = re.compile(
    "|".join(
        (
            r"\W*\Z",
            r"\s*(?:exit status|exit code:?) -?\d+\.?\Z",
            # Frames, and what is written around them.
            r"Node\.js v\d|\s+at \S|\s+File \"|goroutine \d+ \[|created by |\s*\.\.\. \d+ more|\s*\^",
            # Compilers and those that run them.
            r"note: |for more information|some errors have detailed|error: (?:aborting due|could not compile)",
            r"compilation terminated|collect2: |(?:g?make|ninja)(?:\[\d+\])?: |found \d+ errors?",
            r"\W*\d+ (?:problems?|errors?)\b",
            r"npm (?:ERR!|error) *(?:\Z|a complete log|.*-debug-\d*\.log|code |errno |lifecycle script|path |command )",
            r".*\bcommand failed with exit code|\s*ELIFECYCLE",
            # How many tests failed, not which and why.
            r"[=_\- ]*\d+ (?:failed|passed|errors?|skipped|deselected)\b|FAILED \(|ran \d+ tests?|ran all test suites",
            r"(?:FAIL|ERROR|FAILED|BUILD FAILED)\s*\Z|FAIL\s+\S+\s+[\d.]+m?s\Z",
            r"\s*(?:test suites|tests|snapshots|time|duration|start at|test files):?\s+\S",
            r".*\blines? truncated\b|command timed out|rerun with|run with|\[.* (?:truncated|omitted).*\]\Z",
        )
    ),
    re.IGNORECASE,
)


def error_facts(call: Call, *, with_content: bool, program: str = "") -> Iterator[tuple[str, Any]]:
    """Return the class of a call's failure, its line and its key; ``program`` is a command's. Nothing for others."""
    if not call.error_type:
        return
    if not with_content:
        # A type that an output names is the user's word.
        yield c.ERROR_CLASS, _told_class(call)
        return
    error_class, line = error_of(call)
    yield c.ERROR_CLASS, error_class
    if line:
        yield c.ERROR_LINE, line
    yield c.ERROR_KEY, key_of(program or call.tool, error_class, line)


def key_of(tool: str, error_class: str, line: str) -> str:
    """Return the key of an error: a digest of the tool or program, the class and the masked line."""
    return blake2b("\0".join((tool, error_class, line)).encode("utf-8", "replace"), digest_size=8).hexdigest()


def error_of(call: Call) -> tuple[str, str]:
    """Return the class and the masked line of a call that failed."""
    told = _told_class(call)
    if call.denied:
        return told, masked(denial_line(call.error))
    if told not in {TOOL_ERROR, TIMEOUT, RUNNER_SUMMARY} and exit_code(call.error) is None:
        return told, masked(_first_line(call.error))
    lines = _lines(call.error)
    exception, raised = _exception(lines)
    if told == TIMEOUT or not exception:
        return told, masked(_last_line(lines))
    return exception, masked(raised or _last_line(lines))


def _told_class(call: Call) -> str:
    """Return the class in the client's words, or by the status that a command ended with."""
    if call.error_type not in {_EXIT_CODE, TOOL_ERROR}:
        return call.error_type
    if (code := exit_code(call.error)) is not None:
        # A shell ends with 128 and the number of the signal that ended its command.
        return _SIGNALS.get(code - _SIGNAL_BASE, "") or f"exit_{code}"
    return reason_class(call.error) or TOOL_ERROR


def _lines(text: str) -> list[str]:
    lines = plain(text[-OUTPUT_CHARACTERS_MAX:]).replace("\r\n", "\n").split("\n")
    return [line[:LINE_LENGTH_MAX].rstrip() for line in lines[-LINES_MAX:]]


def _first_line(text: str) -> str:
    """Return what the client says first: arguments may follow. A line that ends in a colon goes on in the next."""
    first, second, *_ = [*islice((line for line in _lines(text[:OUTPUT_CHARACTERS_MAX]) if line.strip()), 2), "", ""]
    return f"{first} {second.strip()}" if first.endswith(":") else first


def _last_line(lines: list[str]) -> str:
    """Return the last line that says something; the last one at all where none does."""
    spoken = [line for line in lines if line.strip() and not (line.startswith("Exit code ") and len(line) < 22)]
    return next((line for line in reversed(spoken) if not _NOISE.match(line)), spoken[-1] if spoken else "")


def _exception(lines: list[str]) -> tuple[str, str]:
    """Return the type of the last exception and the line that names it; that line is empty where another says more."""
    for number in range(len(lines) - 1, -1, -1):
        line = lines[number]
        if _PANIC.match(line):
            # Rust says why on the next line.
            following = lines[number + 1] if number + 1 < len(lines) else ""
            return "panic", f"{line} {following}" if line.endswith(":") else line
        if found := _PYTEST.match(line):
            return found["type"], ""
        if _TRACEBACK.match(line):
            if raised := _raised(lines[number + 1 :]):
                return raised
        elif _ended_by_frames(lines, number):
            for pattern in _EXCEPTIONS:
                if found := pattern.match(line.strip()):
                    return found["type"], line
    return "", ""


def _raised(lines: list[str]) -> tuple[str, str] | None:
    """Return what a Python traceback ends with: the first line that is no frame."""
    for line in lines:
        bare = re.sub(r"\A\s*(?:[|+] )+", "", line)
        if bare and not bare[0].isspace():
            found = _RAISED.match(bare)
            return (found["type"], bare) if found else None
    return None


def _ended_by_frames(lines: list[str], number: int) -> bool:
    """Whether a line names an exception: frames follow, or nothing does that is more than a program's last words."""
    following = [line for line in lines[number + 1 : number + 8] if line.strip()]
    return not following or _FRAME.match(following[0]) is not None or all(map(_NOISE.match, following))
