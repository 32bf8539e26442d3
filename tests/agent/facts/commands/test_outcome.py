"""How a shell call ended: by its status, by what hides that, and by what a runner says of itself."""

import json
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent.facts.commands.outcome import main_of, shell_outcome
from cc_otel.agent.facts.commands.parse import parse

SUMMARIES: Final = json.loads((Path(__file__).parent / "summaries.json").read_text("utf-8"))
ROOT: Final = "/home/dev/app"

BY_STATUS: Final = [
    # command, status, output, outcome, rule
    ("pytest -q", 0, "3 passed in 0.1s", "ok", ""),
    ("pytest -q", 1, "1 failed in 0.1s", "failed", ""),
    ("pytest -q", 0, "1 failed in 0.1s", "ok", ""),
    ("pytest -q tests/x", 5, "no tests ran in 0.01s", "ok", "no_tests"),
    ("make test", 5, "", "failed", ""),
    ("exit 3", 3, "", "failed", ""),
    ("", 0, "", "ok", ""),
    ("", 1, "", "failed", ""),
    ("cd sub && npm test", 1, "", "failed", ""),
    ("timeout 60 pytest", 124, "", "failed", ""),
    # An answer is no failure
    ("grep -rn foo src", 1, "", "ok", "no_match"),
    ("rg foo", 1, "", "ok", "no_match"),
    ("git grep foo", 1, "", "ok", "no_match"),
    ("grep foo missing", 2, "grep: missing: No such file or directory", "failed", ""),
    ("diff a b", 1, "1c1", "ok", "no_match"),
    ("diff a missing", 2, "", "failed", ""),
    ("cmp a b", 1, "a b differ: byte 1, line 1", "ok", "no_match"),
    ("test -f x", 1, "", "ok", "no_match"),
    ("[ -d x ]", 1, "", "ok", "no_match"),
    ("[[ -d x ]]", 1, "", "ok", "no_match"),
    ("test -f x && echo yes", 1, "", "ok", "no_match"),
    ("cd src && grep foo a.py", 1, "", "ok", "no_match"),
    ("sudo grep foo a.py", 1, "", "ok", "no_match"),
    ("find . -name '*.py' | xargs grep foo", 123, "", "failed", ""),
    ("pytest && grep foo a.py", 1, "", "unknown", "chain"),
    ("pytest && grep foo a.py", 1, "1 failed in 0.1s", "failed", "runner_summary"),
    ("make build && diff a b", 1, "", "unknown", "chain"),
    ("which foo", 1, "", "failed", ""),
    # A pipe ends in a filter
    ("pytest | tail -1", 0, "some words", "unknown", "pipe_filter"),
    ("pytest 2>&1 | tail -5", 0, "== 1 failed, 2 passed in 0.10s ==", "failed", "runner_summary"),
    ("pytest 2>&1 | tail -5", 0, "== 3 passed in 0.10s ==", "ok", "runner_summary"),
    ("pytest | tail -5", 0, "no tests ran in 0.01s", "ok", "no_tests"),
    ("pytest | grep FAILED", 0, "FAILED tests/a.py::test_b - assert 1 == 2", "failed", "runner_summary"),
    ("pytest | grep FAILED", 1, "", "unknown", "pipe_filter"),
    ("pytest -q | tee out.log", 0, "1 error in 0.1s", "failed", "runner_summary"),
    ("make test 2>&1 | grep -v warning | head -20", 0, "cc -o x", "unknown", "pipe_filter"),
    ("ls | wc -l", 0, "3", "unknown", "pipe_filter"),
    ("curl -s localhost:80/x | jq .", 5, "parse error", "failed", ""),
    ("curl -s x | sh", 1, "", "failed", ""),
    ("curl -s x | python3 script.py", 0, "", "ok", ""),
    ("echo '5 passed in 0.1s' | cat", 0, "5 passed in 0.1s", "unknown", "pipe_filter"),
    ("cat notes.txt | tail -5", 0, "2 failed in 0.1s", "unknown", "pipe_filter"),
    ("cd x && pytest 2>&1 | tail -5", 0, "1 passed in 0.1s", "ok", "runner_summary"),
    ("timeout 60 uv run pytest | tail", 0, "1 passed in 0.1s", "ok", "runner_summary"),
    ("bash -c 'pytest | tail'", 0, "", "unknown", "pipe_filter"),
    ("bash -c 'pytest' | tail", 0, "", "unknown", "pipe_filter"),
    # A pipe that tells
    ("set -o pipefail; pytest | tail -1", 1, "1 failed", "failed", ""),
    ("set -o pipefail && pytest | tail -1", 0, "", "ok", ""),
    ("set -euo pipefail\npytest | tail -1", 0, "", "ok", ""),
    ("bash -o pipefail -c 'pytest | tail'", 0, "", "ok", ""),
    ("set -o pipefail; yes | head -1", 141, "y", "unknown", "pipe_filter"),
    ("pytest | tail; exit ${PIPESTATUS[0]}", 1, "", "failed", ""),
    ("pytest | tail; exit ${PIPESTATUS[0]}", 0, "", "ok", ""),
    # Something hides it
    ("pytest || true", 0, "", "unknown", "or_true"),
    ("pytest || :", 0, "", "unknown", "or_true"),
    ("pytest || true", 0, "1 failed in 0.1s", "failed", "runner_summary"),
    ("pytest || echo failed", 0, "failed", "unknown", "or_true"),
    ("pytest && echo ok || echo no", 0, "no", "unknown", "or_true"),
    ("pytest | tail || true", 0, "", "unknown", "pipe_filter"),
    ("pytest || exit 1", 1, "", "failed", ""),
    ("pytest || exit 1", 0, "", "ok", ""),
    ("pytest || { echo bad; exit 1; }", 0, "", "ok", ""),
    ("pytest || exit 0", 0, "", "unknown", "or_true"),
    ("pytest; echo done", 0, "done", "unknown", "later_command"),
    ('pytest; echo "exit: $?"', 0, "1 failed in 0.1s\nexit: 1", "failed", "runner_summary"),
    ("pytest\necho done", 0, "2 passed in 0.1s\ndone", "ok", "runner_summary"),
    ("pytest; exit $?", 0, "", "ok", ""),
    ("pytest; rc=$?; echo $rc; exit $rc", 1, "", "failed", ""),
    ("set -e; pytest; echo done", 0, "", "ok", ""),
    ("pytest > log 2>&1; tail -3 log", 0, "== 1 failed in 0.1s ==", "failed", "runner_summary"),
    ("pytest > log 2>&1; grep FAILED log", 1, "", "unknown", "later_command"),
    ("pytest -q; ruff check .", 0, "1 failed in 0.1s\nAll checks passed!", "ok", ""),
    ("if pytest; then echo ok; fi", 0, "ok", "unknown", "condition"),
    ("for i in 1 2 3; do pytest -q; done", 0, "", "unknown", "loop"),
    ("x=$(pytest -q | tail -1); echo $x", 0, "1 failed in 0.1s", "failed", "runner_summary"),
    # To the background
    ("npm start &", 0, "", "launched", "background"),
    ("nohup python server.py > log 2>&1 &", 0, "", "launched", "background"),
    ("npm start & sleep 2; curl -s localhost:3000", 0, "", "ok", ""),
    ("npm start & sleep 2; curl -s localhost:3000", 7, "", "failed", ""),
]


@pytest.mark.parametrize(("command", "status", "output", "outcome", "rule"), BY_STATUS)
def test_a_status_counts_where_it_is_the_commands_own(
    command: str, status: int, output: str, outcome: str, rule: str
) -> None:
    """A shell call ended as its status says, unless that is another command's: then a summary decides, or nobody."""
    found = shell_outcome(parse(command, cwd=ROOT, root=ROOT), status, output)

    assert (found.name, found.rule) == (outcome, rule)


@pytest.mark.parametrize("program", sorted(SUMMARIES))
def test_a_runners_own_summary_decides_behind_a_filter(program: str) -> None:
    """What a runner printed last says whether it passed; what it prints on the way, or leaves out, does not."""
    for outcome, outputs in SUMMARIES[program].items():
        for output in outputs:
            found = shell_outcome(parse(f"{program} 2>&1 | tail -30"), 0, output)

            assert (output, found.name) == (output, outcome)


@pytest.mark.parametrize(
    ("command", "main"),
    [
        ("cd x && pytest -q | tail", "pytest"),
        ("pytest; echo $?", "pytest"),
        ("export A=1; make", "make"),
        ("pytest > log; cat log", "pytest"),
        ("cat a.py", "cat"),
        ("cat a.py | grep x", "cat"),
        ("echo hi", "echo"),
        ("cd x", "cd"),
        ("pytest && git commit -m x", "git"),
        ("source .venv/bin/activate && python a.py", "python"),
    ],
)
def test_a_call_is_about_its_last_command_that_does_something(command: str, main: str) -> None:
    """Filters, `cd` and what only stands beside are not what a call is about."""
    commands = parse(command)

    assert commands[main_of(commands)].program == main


@given(
    st.text(max_size=300), st.integers(-1, 255), st.sampled_from(["pytest|tail", "make||true", "npm test;echo", "x"])
)
def test_any_output_gives_an_outcome(output: str, status: int, command: str) -> None:
    """Whatever is printed, there is one of four outcomes, and the same again."""
    commands = parse(command)
    found = shell_outcome(commands, status, output)

    assert found.name in {"ok", "failed", "unknown", "launched"}
    assert shell_outcome(commands, status, output) == found


def test_a_runner_that_sums_up_past_the_bound_is_still_read() -> None:
    """The end of an output counts, however long it is."""
    found = shell_outcome(parse("make test 2>&1 | tee log"), 0, "x\n" * 100_000 + "1 failed in 0.1s")

    assert found.name == "failed"
