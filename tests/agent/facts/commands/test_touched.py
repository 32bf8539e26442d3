"""Which files a shell call touched, as its text and the client say."""

from typing import Final

import pytest

from cc_otel.agent.facts.commands.parse import parse
from cc_otel.agent.facts.commands.touched import touched_by_shell
from cc_otel.agent.facts.commands.tree import NODES_MAX

ROOT: Final = "/home/dev/app"
HINT: Final = "[This command modified {} file you've previously read: {}. Call Read before editing.]"

TOUCHED: Final = [
    ("cat src/a.py", ["read src/a.py"]),
    ("cat src/a.py src/b.py", ["read src/a.py", "read src/b.py"]),
    ("cat /etc/hosts", ["read /etc/hosts"]),
    ("cat src/a.py | head -50", ["read src/a.py 1-50"]),
    ("cat src/a.py | sed -n '5,9p'", ["read src/a.py 5-9"]),
    ("cat src/a.py | grep x", ["read src/a.py"]),
    ("cat < in.txt", ["read in.txt"]),
    ("head src/a.py", ["read src/a.py 1-10"]),
    ("head -n 20 src/a.py", ["read src/a.py 1-20"]),
    ("head -20 src/a.py", ["read src/a.py 1-20"]),
    ("head -c 20 src/a.py", ["read src/a.py"]),
    ("tail -n +20 src/a.py", ["read src/a.py 20-"]),
    ("tail -5 src/a.py", ["read src/a.py -5"]),
    ("sed -n '10,20p' src/a.py", ["read src/a.py 10-20"]),
    ("sed -n '10p' src/a.py", ["read src/a.py 10-10"]),
    ("sed -n '10,$p' src/a.py", ["read src/a.py 10-"]),
    ("sed -n '1,5p;9,12p' src/a.py", ["read src/a.py 1-5 9-12"]),
    ("sed -n 1,5p a; sed -n 9,12p a", ["read a 1-5 9-12"]),
    ("sed 's/a/b/' src/a.py", ["read src/a.py"]),
    ("awk '{print $1}' data.txt", ["read data.txt"]),
    ("cd src && cat a.py", ["read src/a.py"]),
    ("(cd src && cat a.py); cat b.py", ["read src/a.py", "read b.py"]),
    ("sed -i 's/a/b/' src/a.py", ["edit src/a.py"]),
    ("sed -i.bak -e 's/a/b/' a.py b.py", ["edit a.py", "edit b.py"]),
    ("sed -ni '1p' a.py", ["edit a.py"]),
    ("perl -pi -e 's/a/b/' a.py", ["edit a.py"]),
    ("echo x > a.txt", ["write a.txt"]),
    ("echo x >> a.txt", ["edit a.txt"]),
    ("> a.txt", ["write a.txt"]),
    ("make > build.log 2>&1", ["write build.log"]),
    ("make &> build.log", ["write build.log"]),
    ("make 2> err.log > /dev/null", ["write err.log"]),
    ("cat > a.py <<'E'\nprint(1)\nE", ["write a.py"]),
    ("make | tee out.log", ["write out.log"]),
    ("make | tee -a out.log", ["edit out.log"]),
    ("bash -c 'echo x > sub/a.txt'", ["write sub/a.txt"]),
    ("mv a.py b.py", ["rename a.py", "rename b.py"]),
    ("mv a.py src/", ["rename a.py", "rename src/a.py"]),
    ("mv a.py b.py lib", ["rename a.py", "rename lib/a.py", "rename b.py", "rename lib/b.py"]),
    ("mv a.py src", ["rename a.py", "rename src/a.py"]),
    ("cp a.py b.py", ["read a.py", "write b.py"]),
    ("cp -t lib a.py", ["read a.py", "write lib/a.py"]),
    ("rm -rf build a.py", ["delete build", "delete a.py"]),
    ("touch new.py", ["create new.py"]),
    ("ln -s a b", ["create b"]),
    ("truncate -s 0 log.txt", ["edit log.txt"]),
    ("curl -so a.tgz https://example.com/a.tgz", []),
    ("curl -s -o a.tgz https://example.com/a.tgz", ["write a.tgz"]),
    ("git checkout -- a.py", ["write a.py"]),
    ("git checkout main -- a.py", ["write a.py"]),
    ("git checkout main", []),
    ("git restore a.py", ["write a.py"]),
    ("git restore --staged a.py", []),
    ("git mv a.py b.py", ["rename a.py", "rename b.py"]),
    ("git rm a.py", ["delete a.py"]),
    ("git rm --cached a.py", []),
    ("git apply <<'E'\n--- a/src/a.py\n+++ b/src/a.py\nE", ["edit src/a.py"]),
    ("git apply fix.patch", ["read fix.patch"]),
    ("cat *.py", []),
    ('cat "$FILE"', []),
    ("cat missing.py", []),
    ("make || rm a.py", []),
    ("pytest -q", []),
    ("ls src", []),
]


@pytest.mark.parametrize(("command", "touched"), TOUCHED)
def test_a_command_touches_the_files_that_it_names(command: str, touched: list[str]) -> None:
    """What a command reads, changes, moves and removes stands in its text, with the lines where it says them."""
    found = touched_by_shell(
        parse(command, cwd=ROOT, root=ROOT), cwd=ROOT, output="cat: missing.py: No such file or directory"
    )
    said = [
        " ".join([it["op"], it["path"].removeprefix(f"{ROOT}/"), *it.get("ranges", ())]) for it in found
    ]  # fmt: skip

    assert said == touched
    assert {it["certainty"] for it in found} <= {"parsed"}


def test_what_the_client_says_was_changed_is_observed() -> None:
    """A file in the client's hint is observed, whether the command names it or not; others are parsed."""
    found = touched_by_shell(
        parse("sed -i 's/a/b/' a.py; ruff format; cat c.py", cwd=ROOT, root=ROOT),
        hint=HINT.format(2, "a.py, src/b.py"),
        cwd=ROOT,
    )

    assert found == [
        {"path": f"{ROOT}/a.py", "op": "edit", "certainty": "observed"},
        {"path": f"{ROOT}/c.py", "op": "read", "rule": "shell_read", "certainty": "parsed"},
        {"path": f"{ROOT}/src/b.py", "op": "edit", "certainty": "observed"},
    ]


def test_the_files_of_one_call_are_bounded() -> None:
    """At most 64 files of one call are listed."""
    names = " ".join(f"f{number}.py" for number in range(200))

    assert len(touched_by_shell(parse(f"cat {names}", cwd=ROOT), cwd=ROOT)) == 64


def test_a_long_command_costs_no_more_than_its_first_words() -> None:
    """Of a command with tens of thousands of words those within the bound are read, and the rest is left."""
    (command,) = parse("cat " + "a.py " * 12_000, cwd=ROOT, root=ROOT)

    assert len(command.words) <= NODES_MAX + 2
