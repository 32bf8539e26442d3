"""What the hook records."""

import re
import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cc_otel.spool import Spool
from tests.hook.wired import PAYLOAD, SILENT, Hook


def test_variables_and_payload(hook: Hook) -> None:
    """An event is one private file with the recorded variables and the payload as it came, and nothing else."""
    variables = {
        "CLAUDE_PID": "4711",
        "CLAUDE_PLUGIN_ROOT": "/a plugin/\n'root'\\000",
        "CLAUDE_CODE_ENTRYPOINT": "sdk-cli",
        "TRACEPARENT": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "TRACESTATE": "a=b,c=\udcff",
        "AI_AGENT": "claude-code_2-1-330_harness",
        "CC_OTEL_SOURCE_APP": "%s\\c",
    }
    secrets = {"ANTHROPIC_API_KEY": "sk-ant-secret", "CLAUDE_CODE_MESSAGING_TOKEN": "sk-ant-secret"}

    if "yash" in hook.shell[0]:
        # It knows no variable that is not text.
        variables["TRACESTATE"] = "a=b"

    outcome = hook.run(env=variables | secrets | {"CLAUDE_CODE_SESSION_ID": "36a66e00-f0bc"})

    [recorded] = hook.recorded()
    path = hook.home / "spool" / "new" / recorded.name
    session, pid, shell_pid, number = recorded.name.split(".")
    assert outcome == SILENT
    assert recorded.variables == variables
    assert (recorded.payload, recorded.ended) == (PAYLOAD, True)
    assert (session, pid, shell_pid.isdigit(), number) == ("36a66e00-f0bc", "4711", True, "0")
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"secret" not in path.read_bytes()


def test_unset_is_not_empty(hook: Hook) -> None:
    """A variable that is not set is absent; one that is empty is there, empty."""
    hook.run(env={"CLAUDE_PLUGIN_ROOT": ""})

    assert [recorded.variables for recorded in hook.recorded()] == [{"CLAUDE_PLUGIN_ROOT": ""}]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        b"\0\0\0{}\0\0",
        bytes(range(256)) * 300,
        b'{"a":"\0cc-otel-end unnamed.0.1.0\n"}',
        b"cc-otel/1\0CLAUDE_PID=1\0\0",
        b'{"a":"' + b"x" * 10_000_000 + b'"}\n',
    ],
    ids=["empty", "NUL", "NULs", "every byte", "a trailer", "a header", "10 MB"],
)
def test_payload_as_it_came(hook: Hook, payload: bytes) -> None:
    """The payload is recorded byte for byte, whatever it holds."""
    outcome = hook.run(payload)

    assert outcome == SILENT
    assert [(recorded.payload, recorded.ended) for recorded in hook.recorded()] == [(payload, True)]


@pytest.mark.parametrize(
    ("session", "named"),
    [
        ("-rf", "-rf"),
        ("A" * 64, "A" * 64),
        ("A" * 65, "unnamed"),
        ("a" * 300, "unnamed"),
        ("", "unnamed"),
        ("a b/../c", "unnamed"),
        ("../../../x", "unnamed"),
        ("a\nb", "unnamed"),
        ("$(touch x)", "unnamed"),
        ("`touch x`;touch x", "unnamed"),
        ("a\udcff", "unnamed"),
        ("é", "unnamed"),
        (".", "unnamed"),
        ("*", "unnamed"),
    ],
)
def test_hostile_session(hook: Hook, session: str, named: str) -> None:
    """A session id is part of the file's name only where it is safe there."""
    before = {path.name for path in hook.home.parent.iterdir()}

    outcome = hook.run(env={"CLAUDE_CODE_SESSION_ID": session, "LC_ALL": "C.UTF-8"})

    assert outcome == SILENT
    assert [recorded.name.split(".")[0] for recorded in hook.recorded()] == [named]
    assert {path.name for path in hook.home.parent.iterdir()} == before


@pytest.mark.parametrize("pid", ["", "1/2", "-1", "9" * 11, "x", "1\n"])
def test_hostile_pid(hook: Hook, pid: str) -> None:
    """A CLAUDE_PID that is no process id is recorded as it is, and is not in the file's name."""
    hook.run(env={"CLAUDE_PID": pid})

    assert [(it.name.split(".")[1], it.variables) for it in hook.recorded()] == [("0", {"CLAUDE_PID": pid})]


@pytest.mark.parametrize("forged", [None, "1000000000.000000", "9999999999,999999", "x"])
def test_clock(hook: Hook, forged: str | None) -> None:
    """An event's time is when the hook ran, whatever the environment says."""
    started_ns = time.time_ns()
    hook.run(env={"EPOCHREALTIME": forged} if forged else {})

    [recorded] = hook.recorded()
    # A file's time may come from a coarser clock than ours.
    assert started_ns - 1_000_000_000 < recorded.clock_ns < time.time_ns() + 1_000_000_000


def test_same_file_as_from_python(hook: Hook, tmp_path: Path) -> None:
    """The hook and Spool.write make the same file, but for its name and its clock."""
    agent = "text" if "yash" in hook.shell[0] else "\udce9"
    variables = {"CLAUDE_PID": "7", "TRACESTATE": "", "AI_AGENT": agent, "CC_OTEL_SOURCE_APP": "app"}
    hook.run(env={**variables, "CLAUDE_CODE_SESSION_ID": "s"})
    python = Spool(tmp_path / "python", bytes_max=1 << 30)
    python.prepare()
    name = python.write(PAYLOAD, variables, session="s")

    [path] = (hook.home / "spool" / "new").iterdir()
    by_hook = re.sub(rb"CLOCK=[\d.,]*", b"CLOCK=", path.read_bytes().replace(path.name.encode(), b"NAME"))
    by_python = (tmp_path / "python" / "new" / name).read_bytes().replace(name.encode(), b"NAME")
    assert by_hook == by_python


def test_taken_name(hook: Hook) -> None:
    """A file that is there is never written over: the next free number is taken."""
    outcome = hook.run(b"new", before='for n in 0 1 2; do echo old >"$h/spool/new/unnamed.0.$$.$n"; done; ')

    contents = {it.name.rsplit(".", 1)[1]: it.payload for it in hook.recorded()}
    assert outcome == SILENT
    assert contents == {"0": b"old\n", "1": b"old\n", "2": b"old\n", "3": b"new"}


def test_two_thousand_in_parallel(hook: Hook) -> None:
    """Of 2,000 events recorded at the same time each is there once, whole."""
    payloads = [b'{"n":%d,"pad":"%s"}\n' % (number, b"x" * (number % 100 * 50)) for number in range(2000)]

    with ThreadPoolExecutor(100) as pool:
        outcomes = set(pool.map(hook.run, payloads))

    recorded = hook.recorded()
    assert outcomes == {SILENT}
    assert sorted(it.payload for it in recorded) == sorted(payloads)
    assert all(it.ended for it in recorded)


def test_path_does_not_choose_cat(hook: Hook, tmp_path: Path) -> None:
    """Neither PATH nor an exported function decides which `cat` reads the event."""
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "cat").write_text("#!/bin/sh\necho evil\n")
    (evil / "cat").chmod(0o755)

    hook.run(before=f"PATH={shlex.quote(str(evil))}:$PATH; ", env={"BASH_FUNC_cat%%": "() { echo evil\n}"})

    assert [it.payload for it in hook.recorded()] == [PAYLOAD]


def test_environment_sets_no_options(hook: Hook) -> None:
    """Options and variables that a shell takes from its environment change nothing."""
    hostile = {"SHELLOPTS": "errexit:nounset:noglob", "IFS": "c/", "CDPATH": "/", "h": "/x", "cc_otel_n": "100"}

    outcome = hook.run(env=hostile)

    assert outcome == SILENT
    assert [it.payload for it in hook.recorded()] == [PAYLOAD]
