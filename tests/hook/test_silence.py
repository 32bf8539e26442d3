"""Whatever state the machine is in, the hook says nothing, exits 0, and leaves what is there alone."""

from pathlib import Path

import pytest

from tests.hook.wired import HOOKS, SILENT, Hook

FIFO_S = 10.0


@pytest.mark.parametrize(
    "state",
    [
        'rm "$h/record.sh"',
        'rm "$h/record.sh"; mkdir "$h/record.sh"',
        'rm -r "$h"',
        'rm -r "$h"; : >"$h"',
        'rm -r "$h/spool"',
        'rm -r "$h/spool"; : >"$h/spool"',
        ': >"$h/off"',
    ],
)
def test_nothing_to_record_to(hook: Hook, state: str) -> None:
    """Without script, home or spool, and while recording is off, the hook makes nothing."""
    hook.given(state)
    before = sorted(hook.home.parent.rglob("*"))

    outcome = hook.run(before="s=1; ")

    assert outcome == SILENT
    assert sorted(hook.home.parent.rglob("*")) == before


def test_off_for_a_shell(hook: Hook) -> None:
    """CC_OTEL_OFF=1 pauses recording; any other value does not."""
    outcomes = [hook.run(env={"CC_OTEL_OFF": value}) for value in ("1", "0", "")]

    assert outcomes == [SILENT] * 3
    assert len(hook.recorded()) == 2


@pytest.mark.parametrize(
    "state", [': >"$h/spool/full"', 'rmdir "$h/spool/new"', 'rmdir "$h/spool/new"; : >"$h/spool/new"']
)
def test_counted_as_lost(hook: Hook, state: str) -> None:
    """Where the spool takes no file, each event leaves one byte in a private count."""
    hook.given(state)

    outcomes = [hook.run(), hook.run()]

    lost = hook.home / "spool" / "lost"
    assert outcomes == [SILENT, SILENT]
    assert (lost.stat().st_size, lost.stat().st_mode & 0o777) == (2, 0o600)
    assert (hook.recorded(), hook.spool.take_lost()) == ([], 2)


def test_every_name_taken(hook: Hook) -> None:
    """An event whose hundred names are all taken is counted as lost."""
    outcome = hook.run(before='n=0; while [ $n -lt 100 ]; do mkdir "$h/spool/new/unnamed.0.$$.$n"; n=$((n+1)); done; ')

    assert outcome == SILENT
    assert (hook.recorded(), hook.spool.take_lost()) == ([], 1)


FIFOS = (
    'mkfifo "$h/agent.pid"',
    'rm "$h/spool/lost"; mkfifo "$h/spool/lost"; : >"$h/spool/full"',
    'mkfifo "$h/spool/full" "$h/off"',
    'mkfifo "$h/start"; chmod +x "$h/start"',
)


@pytest.mark.parametrize("state", FIFOS)
def test_a_fifo_in_place_of_a_file(hook: Hook, state: str) -> None:
    """A FIFO that nobody reads or writes, in place of any file that the script opens, does not hold up the tool."""
    hook.given(state)

    assert hook.run(before="s=1; ", timeout_s=FIFO_S) == SILENT


@pytest.mark.parametrize("name", ["command", "cat", "printf", "read", "kill", "umask", "[", "unset", "return", "."])
def test_exported_functions(hook: Hook, name: str) -> None:
    """No function that a shell exports can block the tool; only one called ``.`` keeps the event from the spool."""
    in_posix_mode = hook.shell[-1] == "--posix" or Path(hook.shell[0]).is_symlink()
    if in_posix_mode and name in ("[", "unset", "return", "."):
        pytest.skip("bash refuses such a function before it reads our line")
    outcome = hook.run(env={f"BASH_FUNC_{name}%%": "() { builtin exit 2\n}"}, before="s=1; ")

    assert outcome == SILENT
    assert len(hook.recorded()) == (0 if name == "." and Path(hook.shell[0]).name == "bash" else 1)


@pytest.mark.parametrize(
    "state",
    [': >"$h/spool/full"; rm "$h/spool/lost"; mkdir "$h/spool/lost"', 'chmod 500 "$h" "$h/spool" "$h/spool/new"'],
)
def test_may_not_write(hook: Hook, state: str) -> None:
    """A count or a spool that cannot be written is no error."""
    hook.given(state)

    assert hook.run() == SILENT


def test_cut_script(hook: Hook) -> None:
    """A script that ends anywhere, even in the middle of a word, blocks nothing."""
    script = (HOOKS / "record.sh").read_bytes()
    outcomes = set()
    for length in range(0, len(script), 97):
        (hook.home / "record.sh").write_bytes(script[:length])
        outcomes.add(hook.run())

    assert outcomes == {SILENT}


@pytest.mark.parametrize("redirect", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "</", "</dev/null", ">/dev/full"])
def test_closed_descriptors(hook: Hook, redirect: str) -> None:
    """Standard input, output and error may be closed, empty, full or no file at all: one file is made."""
    outcome = hook.run(redirect=redirect)

    assert outcome == SILENT
    assert len(hook.recorded()) == 1
