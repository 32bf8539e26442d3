"""What went wrong with a call: its class, its line and its key."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent.facts.call import Call
from cc_otel.agent.facts.errors import error_facts, error_of
from cc_otel.agent.facts.masks import MASKED_LENGTH_MAX, masked

PYTHON = """Exit code 1
Traceback (most recent call last):
  File "/home/me/app/a.py", line 3, in <module>
    main()
    ~~~~^^
KeyError: 'name'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/home/me/app/a.py", line 7, in main
    raise Broken("no 5 at /tmp/x")
app.errors.Broken: no 5 at /tmp/x"""
PYTEST = """Exit code 1
=================================== FAILURES ===================================
    def test_a():
>       assert f(2) == 3
E       ValueError: bad 2

tests/test_a.py:4: ValueError
=========================== short test summary info ============================
FAILED tests/test_a.py::test_a - ValueError: bad 2
========================= 1 failed, 12 passed in 0.12s ========================="""
NODE = """Exit code 1
/home/me/app/a.js:3
  throw new TypeError('no')
  ^

TypeError [ERR_X]: Cannot read properties of undefined (reading 'id')
    at Object.<anonymous> (/home/me/app/a.js:3:9)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)

Node.js v22.1.0"""
GO = """Exit code 2
panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.main()
\t/home/me/app/main.go:8 +0x1d
exit status 2"""
RUST = """Exit code 101
thread 'main' panicked at src/main.rs:4:23:
called `Result::unwrap()` on an `Err` value: NotFound
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"""
JAVA = """Exit code 1
Exception in thread "main" java.lang.IllegalStateException: no 7
\tat app.Main.main(Main.java:5)
Caused by: java.io.IOException: gone
\tat app.Main.read(Main.java:9)
\t... 1 more"""
RUBY = "Exit code 1\na.rb:1:in `foo': undefined method (NoMethodError)"
MAKE = "Exit code 2\ncc -c a.c\na.c:3:5: error: expected ';' before 'return'\nmake: *** [Makefile:2: a.o] Error 1"
UNITTEST = """Exit code 1
Traceback (most recent call last):
  File "/w/t.py", line 5, in test_b
    self.assertEqual(1, 2)
AssertionError: 1 != 2

----------------------------------------------------------------------
Ran 3 tests in 0.001s

FAILED (failures=1)"""


@pytest.mark.parametrize(
    ("output", "error_class", "line"),
    [
        (PYTHON, "app.errors.Broken", "app.errors.Broken: no <n> at <path>"),
        (PYTEST, "ValueError", "FAILED <path>::test_a - ValueError: bad <n>"),
        (NODE, "TypeError", "TypeError [ERR_X]: Cannot read properties of undefined (reading <value>)"),
        (GO, "panic", "panic: runtime error: index out of range [<n>] with length <n>"),
        (RUST, "panic", "thread <value> panicked at <path>: called <value> on an <value> value: NotFound"),
        (
            JAVA,
            "java.lang.IllegalStateException",
            "Exception in thread <value> java.lang.IllegalStateException: no <n>",
        ),
        (RUBY, "NoMethodError", "<path>:in `foo': undefined method (NoMethodError)"),
        (MAKE, "exit_2", "<path>: error: expected <value> before <value>"),
        (UNITTEST, "AssertionError", "AssertionError: <n> != <n>"),
        ("Exit code 3\nto-stderr", "exit_3", "to-stderr"),
        ("Exit code 7", "exit_7", ""),
        ("Exit code 137\nKilled", "SIGKILL", "Killed"),
        ("Exit code 139", "SIGSEGV", ""),
        (
            "Exit code 127\n/bin/bash: line 1: foo: command not found",
            "exit_127",
            "<path>: line <n>: foo: command not found",
        ),
        ("Exit code 1\n\x1b[31mred\x1b[0m\n\n   \n====", "exit_1", "red"),
        ("Exit code 1\n3 passed in 2s", "exit_1", "<n> passed in <time>"),
        ("Exit code 2\ncat: x: No such file or directory", "exit_2", "cat: x: No such file or directory"),
    ],
    ids=lambda it: it[:24] if isinstance(it, str) else None,
)
def test_a_command_that_failed(output: str, error_class: str, line: str) -> None:
    """The type of the exception that ended it, else a signal, else its exit code; and the last line that says why."""
    assert error_of(Call("Bash", {}, error=output, error_type="exit_code")) == (error_class, line)


@pytest.mark.parametrize(
    ("tool", "error_type", "error", "error_class", "line"),
    [
        (
            "Read",
            "tool_error",
            "File does not exist. Note: your current directory is /a/b.",
            "not_found",
            "File does not exist. Note: your current directory is <path>.",
        ),
        (
            "Edit",
            "string_not_found",
            "String to replace not found in file.\nString: def mine():",
            "string_not_found",
            "String to replace not found in file.",
        ),
        (
            "Edit",
            "ambiguous_match",
            "Found 3 matches of the string to replace",
            "ambiguous_match",
            "Found <n> matches of the string to replace",
        ),
        (
            "Read",
            "invalid_input",
            "InputValidationError: Read failed due to the following issue:\n`x` is missing",
            "invalid_input",
            "InputValidationError: Read failed due to the following issue: <value> is missing",
        ),
        (
            "Bash",
            "denied",
            "Permission to use Bash with command rm -rf /x; echo\nmine has been denied.",
            "denied",
            "Permission to use Bash … has been denied",
        ),
        ("Bash", "timeout", "Exit code 143\nCommand timed out after 1s", "timeout", "Command timed out after <time>"),
        ("mcp__calc__boom", "tool_error", "boom failed", "tool_error", "boom failed"),
        ("mcp__a__b", "tool_error", "RuntimeError: 5 of 6", "RuntimeError", "RuntimeError: <n> of <n>"),
    ],
    ids=lambda it: it[:16],
)
def test_a_call_that_was_not_made(tool: str, error_type: str, error: str, error_class: str, line: str) -> None:
    """The class in the client's words, and what it says first: what follows are the user's own texts."""
    assert error_of(Call(tool, {}, error=error, error_type=error_type)) == (error_class, line)


def facts(call: Call, **more: Any) -> dict[str, Any]:
    """Return the attributes of an error."""
    return dict(error_facts(call, with_content=True, **more))


def test_the_key_is_of_program_class_and_line() -> None:
    """The same failure elsewhere has the same key; another program's, another line or another class has not."""
    one, same, other = (
        Call("Bash", {}, error=f"Exit code 1\n{line}", error_type="exit_code")
        for line in ("no file '/a/b' at 12:00:01", "no file '/c' at 13:30:59", "no folder '/a/b' at 12:00:01")
    )

    assert facts(one, program="pytest")["cc_otel.error.key"] == facts(same, program="pytest")["cc_otel.error.key"]
    assert (
        len(
            {
                facts(one)["cc_otel.error.key"],
                facts(other)["cc_otel.error.key"],
                facts(one, program="go")["cc_otel.error.key"],
            }
        )
        == 3
    )
    assert facts(one)["cc_otel.error.key"] == "e53fe0b740893503"


def test_without_content_the_class_alone_leaves() -> None:
    """And none that an output names: the type of an exception may be the user's word."""
    call = Call("Bash", {}, error=PYTHON, error_type="exit_code")

    assert dict(error_facts(call, with_content=False)) == {"cc_otel.error.class": "exit_1"}
    assert dict(error_facts(Call("Bash", {}), with_content=True)) == {}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-11-28T10:00:00.5Z 0xdeadBEEF 10.0.0.1:80 a1b2c3d4e5 1 ms", "<time> <address> <address> <hash> <time>"),
        ("open '/a b/c' and \"x y\" don't", "open <value> and <value> don't"),
        ("src/a.py:3:4 and ./b and ~/c/d and C:\\x\\y and/or", "<path> and <path> and <path> and <path> and/or"),
        ("id 123e4567-e89b-12d3-a456-426614174000 me@example.com https://h/x?y=1", "id <hash> <address> <url>"),
        ("E501 utf8 v1.2.3 took 3rd 1,000 -5", "E501 utf8 v1.2.3 took <n>rd <n> <n>"),
    ],
)
def test_masks(line: str, expected: str) -> None:
    """What differs from one time to the next is masked, what names the failure stays."""
    assert masked(line) == expected


@given(st.text(max_size=200))
def test_masking_is_done_once(text: str) -> None:
    """A masked line stays as it is, on one line, within its limit."""
    once = masked(text)

    assert len(once) <= MASKED_LENGTH_MAX
    assert "\n" not in once
    if len(once) < MASKED_LENGTH_MAX:
        assert masked(once) == once


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.text(alphabet="abc .:-", max_size=30))
def test_numbers_make_no_other_line(one: int, other: int, words: str) -> None:
    """Two lines that differ in a number alone are one."""
    assert masked(f"{words} {one} {words}") == masked(f"{words} {other} {words}")


@given(st.text(max_size=400), st.sampled_from(["exit_code", "tool_error", "timeout", "denied", "not_read", "refused"]))
def test_no_output_is_too_strange(text: str, error_type: str) -> None:
    """Any failure has a class, and a line within its limit."""
    error_class, line = error_of(Call("Bash", {}, error=f"Exit code 1\n{text}", error_type=error_type))

    assert error_class
    assert len(line) <= MASKED_LENGTH_MAX
