"""What happened in the recorded sessions named ``story_*``: a small project, its tests, and who mends what."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.client.script import Reply, agent, bash, calls, says, tool
from tests.client.world import World

CART: Final = '''"""A cart."""


def total(prices):
    """Return what the cart costs."""
    return sum(prices) - 1


def cheapest(prices):
    """Return the lowest price."""
    return max(prices)
'''
TEST_CART: Final = """import unittest

from cart import cheapest, total


class Cart(unittest.TestCase):
    def test_total(self):
        self.assertEqual(total([1, 2]), 3)

    def test_cheapest(self):
        self.assertEqual(cheapest([1, 2]), 1)
"""
TEST_TEXT: Final = """import unittest


class Text(unittest.TestCase):
    def test_upper(self):
        self.assertEqual("a".upper(), "A")
"""
WRONG_TOTAL: Final = "return sum(prices) - 1"
RIGHT_TOTAL: Final = "return sum(prices)"
WRONG_CHEAPEST: Final = "return max(prices)"
RIGHT_CHEAPEST: Final = "return min(prices, default=0)"
CART_TESTS: Final = "python3 -m unittest test_cart"
ALLOWED: Final = ("--allowedTools", "Bash,Read,Edit,Write")


def git(folder: Path, *arguments: str) -> None:
    """Run git as nobody in particular."""
    who = ("-c", "user.name=Dev", "-c", "user.email=dev@example.com", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def shop(world: World) -> Path:
    """Make the project: a repository with a cart that counts wrong, its tests, and a remote that nobody has."""
    project = world.project
    for name, text in {"cart.py": CART, "test_cart.py": TEST_CART, "test_text.py": TEST_TEXT}.items():
        (project / name).write_text(text)
    (project / ".gitignore").write_text("__pycache__/\n")
    (project / ".git").rmdir()
    git(project, "init", "-q", "-b", "main")
    git(project, "remote", "add", "origin", "git@github.com:acme/shop.git")
    git(project, "config", "user.name", "Dev")
    git(project, "config", "user.email", "dev@example.com")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "Begin the shop")
    return project


def edit(call_id: str, path: Path, old: str, new: str) -> Mapping[str, Any]:
    """One call of Edit."""
    return tool("Edit", call_id, file_path=str(path), old_string=old, new_string=new)


def one_by_one(*blocks: Mapping[str, Any], last: str = "done") -> list[Reply]:
    """The model calls one tool after the other, and says something last."""
    return [*(calls(block) for block in blocks), says(last)]


def fix_loop(world: World) -> None:
    """Edit, fail, fix: a total and a minimum are mended one after the other; one Edit does not find its text."""
    cart = shop(world) / "cart.py"
    script = one_by_one(
        bash("fail-1", CART_TESTS),
        tool("Read", "look", file_path=str(cart)),
        edit("edit-total", cart, WRONG_TOTAL, RIGHT_TOTAL),
        bash("fail-2", CART_TESTS),
        edit("miss", cart, "return maximum(prices)", RIGHT_CHEAPEST),
        edit("edit-cheapest", cart, WRONG_CHEAPEST, RIGHT_CHEAPEST),
        bash("green", CART_TESTS),
        bash("all-green", "python3 -m unittest"),
        last="Both tests pass now.",
    )
    world.scripted({"make the cart's tests pass": script})
    assert world.claude("-p", "make the cart's tests pass", *ALLOWED).code == 0


def fail_loop(world: World) -> None:
    """A loop: four times the same failure, with edits in between that do not help, and nobody mends it."""
    cart = shop(world) / "cart.py"
    script = one_by_one(
        bash("fail-1", f"{CART_TESTS}.Cart.test_total"),
        tool("Read", "look", file_path=str(cart)),
        edit("try-1", cart, '"""A cart."""', '"""A cart, tried once."""'),
        bash("fail-2", f"{CART_TESTS}.Cart.test_total"),
        edit("try-2", cart, "tried once", "tried twice"),
        bash("fail-3", f"{CART_TESTS}.Cart.test_total"),
        bash("fail-4", f"{CART_TESTS}.Cart.test_total"),
        bash("other", "python3 -m unittest test_text"),
        last="I could not mend it.",
    )
    world.scripted({"mend the total": script})
    assert world.claude("-p", "mend the total", *ALLOWED).code == 0


def resumed_fix(world: World) -> None:
    """Two failures are left; the session goes on later and mends one; a fork of it mends the other."""
    cart = shop(world) / "cart.py"
    total, cheapest = (f"{CART_TESTS}.Cart.test_{name}" for name in ("total", "cheapest"))
    world.scripted(
        {
            "see what fails": one_by_one(bash("fail-total", total), bash("fail-cheapest", cheapest), last="two fail"),
            "mend the total": one_by_one(
                tool("Read", "look", file_path=str(cart)),
                edit("edit-total", cart, WRONG_TOTAL, RIGHT_TOTAL),
                bash("green-total", total),
            ),
            "mend the cheapest": one_by_one(
                tool("Read", "look-again", file_path=str(cart)),
                edit("edit-cheapest", cart, WRONG_CHEAPEST, RIGHT_CHEAPEST),
                bash("green-cheapest", cheapest),
            ),
        }
    )
    assert world.claude("-p", "see what fails", *ALLOWED).code == 0
    assert world.claude("-p", "mend the total", "--continue", *ALLOWED).code == 0
    assert world.claude("-p", "mend the cheapest", "--continue", "--fork-session", *ALLOWED).code == 0


def two_worktrees(world: World) -> None:
    """Two sessions in two worktrees of one repository, on the same file; each mends another half of it."""
    project = shop(world)
    other = world.folder / "project-cheapest"
    git(project, "worktree", "add", "-q", "-b", "cheapest", str(other))
    world.scripted(
        {
            "mend the total": one_by_one(
                bash("fail-total", f"{CART_TESTS}.Cart.test_total"),
                tool("Read", "look-total", file_path=str(project / "cart.py")),
                edit("edit-total", project / "cart.py", WRONG_TOTAL, RIGHT_TOTAL),
                bash("wait", "sleep 3"),
                bash("green-total", f"{CART_TESTS}.Cart.test_total"),
                bash("commit-total", "git commit -qam 'Count the last price' && git log -1 --oneline"),
            ),
            "mend the cheapest": one_by_one(
                bash("fail-cheapest", f"{CART_TESTS}.Cart.test_cheapest"),
                bash("fail-there-total", f"{CART_TESTS}.Cart.test_total"),
                tool("Read", "look-cheapest", file_path=str(other / "cart.py")),
                edit("edit-cheapest", other / "cart.py", WRONG_CHEAPEST, RIGHT_CHEAPEST),
                bash("green-cheapest", f"{CART_TESTS}.Cart.test_cheapest"),
                bash("commit-cheapest", "git commit -am 'Take the lowest price'"),
            ),
        }
    )
    first = world.start("-p", "mend the total", *ALLOWED)
    second = world.start("-p", "mend the cheapest", *ALLOWED, folder=other)
    assert [it.wait(120) for it in (first, second)] == [0, 0]


def commits(world: World) -> None:
    """A commit without anything staged fails, then works; it is amended twice; the next one cannot be pushed."""
    project = shop(world)
    cart = project / "cart.py"
    script = one_by_one(
        tool("Read", "look", file_path=str(cart)),
        edit("edit-total", cart, WRONG_TOTAL, RIGHT_TOTAL),
        bash("commit-nothing", "git commit -m 'Count the last price'"),
        bash("commit-total", "git add cart.py && git commit -m 'Count the last price'"),
        edit("edit-cheapest", cart, WRONG_CHEAPEST, RIGHT_CHEAPEST),
        bash("amend", "git commit -a --amend -m 'Count and compare prices'"),
        bash("amend-words", "git commit --amend -m 'Count and compare prices right'"),
        bash("green", CART_TESTS),
        tool("Write", "notes", file_path=str(project / "NOTES.md"), content="# Notes\n\nPrices are in cents.\n"),
        bash("commit-notes", "git add NOTES.md && git commit -m 'Say what prices are in'"),
        bash("push", "git push origin main"),
    )
    world.scripted({"mend the cart and commit it": script})
    assert world.claude("-p", "mend the cart and commit it", *ALLOWED).code == 0


def pipes(world: World) -> None:
    """Exit codes that pipes and alternatives hide; a summary tells the truth, or nothing does."""
    cart = shop(world) / "cart.py"
    script = one_by_one(
        bash("tail", f"{CART_TESTS} 2>&1 | tail -3"),
        bash("hidden", f"{CART_TESTS} 2>&1 | head -2"),
        bash("or-true", f"{CART_TESTS} || true"),
        bash("pipefail", f"set -o pipefail; {CART_TESTS} 2>&1 | tail -1"),
        bash("search", "grep -rn maximum . --include=*.py"),
        tool("Read", "look", file_path=str(cart)),
        edit("edit-total", cart, WRONG_TOTAL, RIGHT_TOTAL),
        bash("sed", f"sed -i 's/{WRONG_CHEAPEST}/{RIGHT_CHEAPEST}/' cart.py"),
        bash("hidden-again", f"{CART_TESTS} 2>&1 | head -1"),
        bash("green-tail", f"{CART_TESTS} 2>&1 | tail -3"),
    )
    world.scripted({"look at the tests' last lines": script})
    assert world.claude("-p", "look at the tests' last lines", *ALLOWED).code == 0


def refused_denied(world: World) -> None:
    """Calls that the client refuses or a rule denies, and what is done instead."""
    project = shop(world)
    cart = project / "cart.py"
    script = one_by_one(
        edit("unread", cart, WRONG_TOTAL, RIGHT_TOTAL),
        tool("Read", "look", file_path=str(cart)),
        edit("after-reading", cart, WRONG_TOTAL, RIGHT_TOTAL),
        edit("not-found", cart, "return lowest(prices)", RIGHT_CHEAPEST),
        edit("twice", cart, "prices", "values"),
        edit("found", cart, WRONG_CHEAPEST, RIGHT_CHEAPEST),
        tool("Read", "gone", file_path=str(project / "basket.py")),
        tool("Read", "nonsense", nope=1),
        tool("Teleport", "unknown", to="moon"),
        bash("denied-push", "git push origin main"),
        tool("Write", "denied-write", file_path=str(project / "deny.me"), content="x\n"),
        bash("green", CART_TESTS),
    )
    world.scripted({"mend what you may": script})
    denied = ("--disallowedTools", "Bash(git push:*)")
    assert world.claude("-p", "mend what you may", "--allowedTools", "Bash,Read,Edit", *denied).code == 0


def fan_out(world: World) -> None:
    """Three subagents at once, one of which launches another: two look, one fails a test, one mends it."""
    cart = shop(world) / "cart.py"
    world.scripted(
        {
            "share the work": [
                calls(
                    agent("look", "TASK-LOOK"), agent("test", "TASK-TEST"), agent("far", "TASK-FAR", background=True)
                ),
                calls(bash("green", f"{CART_TESTS}.Cart.test_total")),
                says("all done"),
            ],
            "TASK-LOOK": one_by_one(tool("Read", "read", file_path=str(cart)), last="it subtracts one"),
            "TASK-TEST": [
                calls(bash("fail", f"{CART_TESTS}.Cart.test_total")),
                calls(agent("mend", "TASK-MEND")),
                says("it failed, and is mended"),
            ],
            "TASK-MEND": one_by_one(
                tool("Read", "read-too", file_path=str(cart)),
                edit("edit-total", cart, WRONG_TOTAL, RIGHT_TOTAL),
                last="mended",
            ),
            "TASK-FAR": [calls(bash("deep", "sleep 1; python3 -m unittest test_text")), says("the texts are fine")],
        }
    )
    assert world.claude("-p", "share the work", *ALLOWED).code == 0


STORIES: Final[Mapping[str, Callable[[World], None]]] = {
    "story_fix_loop": fix_loop,
    "story_fail_loop": fail_loop,
    "story_resumed_fix": resumed_fix,
    "story_two_worktrees": two_worktrees,
    "story_commits": commits,
    "story_pipes": pipes,
    "story_refused_denied": refused_denied,
    "story_fan_out": fan_out,
}
"""Recorded session -> what happens in it."""
