"""What the output of a test runner counts, in the words of a sentence: ``3 failed, 12 passed``."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

OUTPUT_LENGTH_MAX: Final = 4000
"""How much of an output's end is read, characters: runners count last."""

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_COUNT: Final = re.compile(r"(\d{1,7}) (failed|failures?|failing|errors?|passed|passing)\b")
_WORDS: Final = {
    "failed": "failed",
    "failure": "failed",
    "failures": "failed",
    "failing": "failed",
    "error": "errors",
    "errors": "errors",
    "passed": "passed",
    "passing": "passed",
}

_SIGNS: Final = ("pass", "PASS", "fail", "FAIL", "error", "OK", "ok")
"""Without one of these in it, an output counts nothing: most need no closer look."""

# The lines that count, by runner. pytest closes with its time, jest and vitest with a label, cargo once a crate.
_PYTEST: Final = re.compile(r"^(?:=+ )?((?:\d++ [a-z]++(?:, )?)+) in [\d.]+s", re.MULTILINE)
_JEST: Final = re.compile(r"^\s*Tests:?\s+(\d.*)$", re.MULTILINE)
_CARGO: Final = re.compile(r"^test result: \w+\. (.*)$", re.MULTILINE)
_MOCHA: Final = re.compile(r"^\s*(\d{1,7} (?:passing|failing))\b", re.MULTILINE)
_RSPEC: Final = re.compile(r"^(\d{1,7}) examples?, (\d{1,7}) failures?", re.MULTILINE)
_UNITTEST: Final = re.compile(r"^Ran (\d{1,7}) tests? in .*\s+(?:OK|FAILED \((.*)\))", re.MULTILINE)
_NODE: Final = re.compile(r"^(?:# |\u2139 )(pass|fail) (\d{1,7})$", re.MULTILINE)
_GO_TEST: Final = re.compile(r"^\s*--- (FAIL|PASS): ", re.MULTILINE)
_GO_PACKAGE: Final = re.compile(r"^(ok|FAIL)\s+\S+\s+(?:[\d.]+s|\(cached\))", re.MULTILINE)


def counts_of(output: str) -> str:
    """Return what a known test runner counted, failures first, or an empty string if no line of the output says."""
    end = output[-OUTPUT_LENGTH_MAX:]
    if not any(word in end for word in _SIGNS):
        return ""
    end = _COLOURS.sub("", end)
    for reader in _READERS:
        counts = reader(end)
        if shown := ", ".join(f"{counts[what]} {what}" for what in ("failed", "errors", "passed") if counts[what]):
            return shown.replace("1 errors", "1 error") if counts["errors"] == 1 else shown
    packages = [found[1] for found in _GO_PACKAGE.finditer(end)]
    failed = packages.count("FAIL")
    return f"{failed} of {len(packages)} packages failed" if failed else _ok(len(packages))


def _ok(packages: int) -> str:
    return "" if packages == 0 else "1 package ok" if packages == 1 else f"{packages} packages ok"


def _summed(lines: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for line in lines:
        for found in _COUNT.finditer(line):
            counts[_WORDS[found[2]]] += int(found[1])
    return counts


def _last(pattern: re.Pattern[str], output: str) -> Counter[str]:
    lines = [found[1] for found in pattern.finditer(output)]
    return _summed(lines[-1:])


def _rspec(output: str) -> Counter[str]:
    found = _RSPEC.search(output)
    if not found:
        return Counter()
    failed = int(found[2])
    return Counter(failed=failed, passed=int(found[1]) - failed)


def _unittest(output: str) -> Counter[str]:
    found = _UNITTEST.search(output)
    if not found:
        return Counter()
    failed, errors = (
        int(n[1]) if (n := re.search(rf"{what}=(\d{{1,7}})", found[2] or "")) else 0 for what in ("failures", "errors")
    )
    return Counter(failed=failed, errors=errors, passed=max(int(found[1]) - failed - errors, 0))


def _node(output: str) -> Counter[str]:
    return Counter({{"pass": "passed", "fail": "failed"}[found[1]]: int(found[2]) for found in _NODE.finditer(output)})


def _go(output: str) -> Counter[str]:
    outcomes = Counter(found[1] for found in _GO_TEST.finditer(output))
    return Counter(failed=outcomes["FAIL"], passed=outcomes["PASS"])


_READERS: Final[tuple[Callable[[str], Counter[str]], ...]] = (
    lambda output: _last(_PYTEST, output),
    lambda output: _last(_JEST, output),
    lambda output: _summed(found[1] for found in _CARGO.finditer(output)),
    lambda output: _summed(found[1] for found in _MOCHA.finditer(output)),
    _rspec,
    _unittest,
    _node,
    _go,
)
