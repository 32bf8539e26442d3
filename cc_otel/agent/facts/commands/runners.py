"""
What runners say of themselves at the end of their output: passed or failed, whatever happened to their exit status.

A runner's last summary decides. Lines that only tell of a failure (`FAILED tests/a.py`) count where no summary is left:
a filter may have cut it off. What succeeded is never read out of silence.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

OUTPUT_CHARACTERS_MAX: Final = 16_384
"""How much of an output is looked at, characters from its end."""

LINES_MAX: Final = 500
"""How many of its lines, from the last."""

LINE_CHARACTERS_MAX: Final = 400

OK: Final = "ok"
FAILED: Final = "failed"
NO_TESTS: Final = "no_tests"

_Verdict = Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class _Runner:
    """The lines that sum up what a runner did, with what each means, and lines that tell of a failure only."""

    summaries: tuple[tuple[re.Pattern[str], _Verdict], ...]
    failures: re.Pattern[str] | None = None


def _always(verdict: str) -> _Verdict:
    return lambda _: verdict


def _counted(found: re.Match[str]) -> str:
    """Return failed where the group ``bad`` counts anything."""
    return FAILED if any(int(n) for n in re.findall(r"\d+", found["bad"] or "0")) else OK


def _compiled(pattern: str) -> re.Pattern[str]:
    # A blank must not reach over lines: an output of empty ones would cost the square of their number.
    return re.compile(pattern.replace(r"\s", r"[ \t]"), re.MULTILINE)


def _runner(*summaries: tuple[str, str | _Verdict], failures: str = "") -> _Runner:
    return _Runner(
        tuple(
            (_compiled(pattern), _always(verdict) if isinstance(verdict, str) else verdict)
            for pattern, verdict in summaries
        ),
        _compiled(failures) if failures else None,
    )


def _pytest(found: re.Match[str]) -> str:
    counts = found["counts"]
    return FAILED if re.search(r"\d+ (?:failed|errors?)\b", counts) else OK


def _ruff(found: re.Match[str]) -> str:
    left = re.search(r"(\d+) remaining", found[0])
    return OK if left and left[1] == "0" else FAILED


def _tests_line(found: re.Match[str]) -> str:
    return FAILED if re.search(r"[1-9]\d* (?:failed|errors?|failing)\b", found[0]) else OK


_COUNT: Final = (
    r"\d+ (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?|rerun|reruns|subtests passed|snapshots?"
    r"|tests? collected(?: / \d+ \w+)*|selected)"
)
_RUNNERS: Final = {
    "pytest": _runner(
        (rf"^=* ?(?P<counts>{_COUNT}(?:, {_COUNT})*) in \d[\d.]*s\b", _pytest),
        (r"^=* ?no tests (?:ran|collected)\b", NO_TESTS),
        failures=r"^(?:FAILED|ERROR) \S+(?:::| - |\.py)|^INTERNALERROR>|^ERROR: (?:file or directory|not found|usage)"
        r"|^!+ (?:Interrupted|stopping after)|^=+ (?:FAILURES|ERRORS) =+|^E   |^=+ short test summary info =+",
    ),
    "unittest": _runner(
        (r"^OK(?: \(.*\))?$", OK),
        (r"^FAILED \(", FAILED),
        (r"^NO TESTS RAN\b", NO_TESTS),
        failures=r"^(?:FAIL|ERROR): \w+ \(",
    ),
    "go": _runner(
        (r"^FAIL(?:\t|\s|$)", FAILED),
        (r"^(?:ok\s+\S+\s+(?:\(cached\)|[\d.]+s)|PASS$)", OK),
        failures=r"^\s*--- FAIL:|\[(?:build|setup) failed\]|^panic: |^\S+\.go:\d+:\d+: ",
    ),
    "gotestsum": _runner((r"^DONE \d+ tests?(?:, \d+ skipped)?(?P<bad>(?:, \d+ (?:failures?|errors?))*) in", _counted)),
    "cargo": _runner(
        (r"^test result: FAILED", FAILED),
        (r"^test result: ok\.", OK),
        (r"^\s*Summary \[.*\] +\d+ tests? run: (?:\d+ passed[^,]*)?(?P<bad>(?:, \d+ failed)?)", _counted),
        (r"^error: could not compile|^error: test failed|^error: aborting|^error\[E\d+\]", FAILED),
        (r"^\s*Finished (?:`|dev|release|test|bench)", OK),
        failures=r"^error(?:\[\w+\])?: |^test .* \.\.\. FAILED|panicked at ",
    ),
    "jest": _runner(
        (r"^Tests: +.*\b\d+ total", _tests_line),
        (r"^Test Suites: +.*\b\d+ total", _tests_line),
        (r"^No tests found, exiting with code 1", FAILED),
        failures=r"^FAIL \S|^\s*● .+ \u203a ",
    ),
    "vitest": _runner(
        (r"^\s*Tests +.*\(\d+\)", _tests_line),
        (r"^\s*Test Files +.*\(\d+\)", _tests_line),
        (r"^\s*Errors +\d+ errors?", FAILED),
        failures=r"^\s*(?:FAIL|\u276f|\u00d7) +\S|^No test files found, exiting with code 1",
    ),
    "mocha": _runner(
        (r"^\s*\d+ passing \(", OK),
        (r"^\s*[1-9]\d* failing\b", FAILED),
    ),
    "node": _runner((r"^(?:#|\u2139) fail (?P<bad>\d+)", _counted), failures=r"^not ok \d"),
    "bun": _runner((r"^\s*(?P<bad>\d+) fail$", _counted), failures=r"^\(fail\) |^error: "),
    "deno": _runner((r"^(?:ok|FAILED) \| \d+ passed.*\| (?P<bad>\d+) failed", _counted)),
    "playwright": _runner(
        (r"^\s*[1-9]\d* failed$", FAILED),
        (r"^\s*\d+ passed \(", OK),
        failures=r"^\s*\d+\) \[",
    ),
    "tsc": _runner(
        (r"^Found (?P<bad>\d+) errors?\b", _counted),
        (r"(?:^|: |- )error TS\d+: ", FAILED),
    ),
    "ruff": _runner(
        (r"^All checks passed!", OK),
        (r"^Found \d+ errors?\b.*", _ruff),
        (r"^\d+ files? (?:reformatted|left unchanged|already formatted)\b", OK),
        (r"^\d+ files? would be reformatted\b", FAILED),
        failures=r"^Would reformat: |^error: ",
    ),
    "mypy": _runner((r"^Success: no issues found", OK), (r"^Found [1-9]\d* errors? in", FAILED), failures=r": error: "),
    "pyright": _runner((r"^(?P<bad>\d+) errors?, \d+ warnings?", _counted)),
    "eslint": _runner(
        (r"^✖ \d+ problems? \((?P<bad>\d+) errors?, \d+ warnings?\)", _counted),
        failures=r"^\s+\d+:\d+ +error +|^Oops! Something went wrong",
    ),
    "biome": _runner((r"^Checked \d+ files? in", OK), (r"^Found [1-9]\d* errors?", FAILED)),
    "prettier": _runner(
        (r"^All matched files use Prettier code style!", OK),
        (r"Code style issues (?:found|were found)|Error occurred when checking", FAILED),
    ),
    "black": _runner(
        (r"^All done!", OK),
        (r"^Oh no!", FAILED),
        (r"^\d+ files? would be reformatted", FAILED),
        failures=r"^would reformat |^error: cannot format",
    ),
    "golangci-lint": _runner((r"^(?P<bad>\d+) issues?[.:]", _counted)),
    "pylint": _runner((r"^Your code has been rated at 10\.00/10", OK)),
    "lint-imports": _runner((r"^Contracts: \d+ kept, (?P<bad>\d+) broken", _counted)),
    "pre-commit": _runner(failures=r"\.{3,}Failed$"),
    "make": _runner(
        (r"^g?make(?:\[\d+\])?: \*\*\* ", FAILED),
        (r"^g?make(?:\[\d+\])?: (?:Nothing to be done for|'.*' is up to date)", OK),
    ),
    "ninja": _runner((r"^ninja: build stopped|^FAILED: ", FAILED), (r"^ninja: no work to do", OK)),
    "npm": _runner(
        (r"^npm (?:ERR!|error)(?:\s|$)", FAILED),
        (r"^\s*(?:ELIFECYCLE|ERR_PNPM_\w+)\b|ELIFECYCLE.*Command failed|^error Command failed with exit code", FAILED),
        (r"^(?:added|removed|changed|up to date)\b.*(?:packages?\b|audited)", OK),
        (r"^(?:✨ +)?Done in \d", OK),
    ),
    "gradle": _runner((r"^BUILD SUCCESSFUL\b", OK), (r"^BUILD FAILED\b", FAILED), failures=r"^> Task \S+ FAILED"),
    "mvn": _runner(
        (r"^(?:\[INFO\] )?BUILD SUCCESS\b", OK),
        (r"^(?:\[(?:INFO|ERROR)\] )?BUILD FAILURE\b", FAILED),
        failures=r"^\[ERROR\] (?:Failed to execute|COMPILATION ERROR|Tests run: .*(?:FAIL|ERROR))",
    ),
    "dotnet": _runner(
        (r"^(?:Passed|Failed)!\s+- Failed:\s+(?P<bad>\d+)", _counted),
        (r"^Build succeeded\b", OK),
        (r"^Build FAILED\b", FAILED),
        (r"^Test Run (?:Failed|Aborted)", FAILED),
        (r"^Test Run Successful", OK),
    ),
    "rspec": _runner((r"^\d+ examples?, (?P<bad>\d+ failures?(?:, \d+ errors?)?)", _counted)),
    "phpunit": _runner((r"^OK \(\d+ tests?", OK), (r"^(?:FAILURES|ERRORS)!$", FAILED)),
    "ctest": _runner((r"^\d+% tests passed, (?P<bad>\d+) tests? failed", _counted)),
    "tox": _runner((r"^\s*congratulations :\)", OK), (r"^\s*evaluation failed :\(", FAILED)),
    "nox": _runner((r"^nox > Session \S+ was successful", OK), (r"^nox > Session \S+ failed", FAILED)),
    "swift": _runner((r"Executed \d+ tests?, with (?P<bad>\d+) failures?", _counted), failures=r": error: "),
    "pip": _runner((r"^Successfully (?:installed|built|uninstalled)", OK), failures=r"^ERROR: "),
}  # fmt: skip

_SPEAKS_FOR: Final = {
    "nose2": "unittest",
    "manage.py": "unittest",
    "trial": "unittest",
    "vue-tsc": "tsc",
    "pnpm": "npm",
    "yarn": "npm",
    "basedpyright": "pyright",
    "react-scripts": "jest",
}
_TASK_RUNNERS: Final = frozenset(
    "make npm pnpm yarn bun tox nox just task invoke poe rake turbo nx lerna gradle mvn ninja docker uv poetry hatch "
    "pre-commit sbt bazel".split()
)
_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_IN_PARTS: Final = frozenset({"mocha", "playwright", "vitest", "jest"})
"""Runners that count what passed and what failed in lines of their own."""

_SUMMED_UP: Final = frozenset({"go", "cargo"})
"""Runners that sum up package by package: one that failed is enough."""


def verdict_of(program: str, kind: str, output: str) -> str:
    """
    Return what the summary of a command's runner says: ok, failed, no_tests; empty where there is none.

    A command that runs other runners (``make test``, a script of the project's own) is judged by theirs, too.
    """
    text = _end_of(output)
    own = _SPEAKS_FOR.get(program, program)
    if own in _RUNNERS and program not in _TASK_RUNNERS:
        return _last(text, [own])
    if program in _TASK_RUNNERS or "/" in program or kind in {"test", "lint", "build"} or program in {"python", "node"}:
        return _last(text, _RUNNERS)
    return ""


def _end_of(output: str) -> str:
    text = output[-OUTPUT_CHARACTERS_MAX:]
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    lines = text.split("\n")[-LINES_MAX:]
    return "\n".join(line[:LINE_CHARACTERS_MAX].rstrip() for line in lines)


def _last(text: str, names: Iterable[str]) -> str:
    """Return the worst of what these runners say last."""
    verdicts = [verdict for name in names if (verdict := _of_one(text, name))]
    return next((verdict for verdict in (FAILED, OK, NO_TESTS) if verdict in verdicts), "")


def _of_one(text: str, name: str) -> str:
    runner = _RUNNERS[name]
    found = sorted(
        (match.end(), verdict(match)) for pattern, verdict in runner.summaries for match in pattern.finditer(text)
    )
    said = [verdict for _, verdict in found]
    if said and name in _SUMMED_UP:
        return FAILED if FAILED in said else said[-1]
    if name in _IN_PARTS and FAILED in said[-3:]:
        return FAILED
    if said:
        return said[-1]
    return FAILED if runner.failures and runner.failures.search(text) else ""
