"""The normal form of a text: the same wherever and whenever the same thing happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent.summary.normal import MARK, ends, normal

SAME = [
    ("/home/ann/work/app/src/a.py", "/Users/bob/src/app/src/a.py", "./src/a.py"),
    ("cat /home/ann/notes.txt", "cat /Users/bob/notes.txt", "cat ~/notes.txt"),
    ("/tmp/pytest-of-ann/pytest-7/out.txt", "/private/var/folders/x1/y2/T/run-9/out.txt", "<tmp>/out.txt"),
    ("rm /tmp/tmpab12cd_x", "rm /var/tmp/tmpzz99yy_q", "rm <tmp>/<name>"),
    ("3 failed in 0.42s", "3 failed in 12.03 seconds", "3 failed in <duration>"),
    ("2026-11-22T21:26:03.123Z done", "2025-01-02 03:04:05 done", "<time> done"),
    ("-rw-r--r-- 1 u u 12 Nov 22 21:26 a", "-rw-r--r-- 1 u u 12 Jan  2  2025 a", "-rw-r--r-- 1 u u 12 <time> a"),
    ("at 21:26:03 on 2026-11-22", "at 1:02:03.5 on 2025-01-02", "at <time> on <date>"),
    ("commit 3f2a1bc9", "commit 00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff", "commit <hex>"),
    ("5d4f0993-3f11-468a-9f6c-7659adf67b58 ok", "00000000-0000-4000-8000-00000000000a ok", "<id> ok"),
    ("toolu_01mainT00N00xxxxxxxxxxxx", "toolu_02otherT11N11yyyyyyyyyy", "<id>"),
    ("object at 0x7f2b12f2bc90", "object at 0x55d0c0ffee00", "object at <address>"),
    ("listening on localhost:53412", "listening on localhost:8080", "listening on localhost:<port>"),
    ("killed, pid 4711", "killed, pid 12", "killed, pid <n>"),
    ("at 1795355240024802000", "at 1795355240", "at <n>"),
    ("\x1b[32mok\x1b[0m\r\n\n\n\nnext   ", "ok\n\nnext", "ok\n\nnext"),
]
KEPT = [
    "3 failed, 41 passed",
    "exit code 127",
    "Python 3.11.7",
    "src/a.py:12: error",
    "v1.2.3-rc4",
    "added 12 lines, removed 4",
    "feedface",
    "https://example.org/a/b?page=2",
    "localhost:80",
    "",
]


@pytest.mark.parametrize(("here", "there", "expected"), SAME)
def test_what_differs_by_run_goes(here: str, there: str, expected: str) -> None:
    """Texts that differ only in folders, ids, times, durations and addresses have one normal form."""
    assert [expected] * 2 == [normal(here, "/home/ann/work/app"), normal(there, "/Users/bob/src/app")]


@pytest.mark.parametrize("text", KEPT)
def test_what_was_said_stays(text: str) -> None:
    """Counts, versions, names, exit codes and places in files stay."""
    assert text == normal(text)


def test_folder_is_a_whole_name() -> None:
    """A folder whose name only begins like the working directory is another folder."""
    assert normal("/app/a /app-2/a", "/app") == "./a /app-2/a"


@given(st.text(st.characters(exclude_characters="\x1b")))
def test_normal_form_is_its_own(text: str) -> None:
    """The normal form of a normal form is itself, whatever the text."""
    once = normal(text, "/home/ann")

    assert once == normal(once, "/home/ann")


@given(st.text(), st.integers(min_value=len(MARK), max_value=200))
def test_ends_keep_both_ends(text: str, length_max: int) -> None:
    """A text that is too long keeps its beginning and its end, within the length."""
    cut = ends(text, length_max)

    assert len(cut) <= length_max
    assert cut == text or (text.startswith(cut.split(MARK)[0]) and text.endswith(cut.split(MARK)[-1]))


def test_long_outputs_that_differ_in_paths_stay_the_same() -> None:
    """Where a long output is cut depends on what it says, not on how long the paths in it are."""
    cut = {
        ends(normal("\n".join(f"{folder}/module_{number}.py ok" for number in range(400)), folder), 1500)
        for folder in ("/a", "/a/much/longer/working/directory")
    }

    assert len(cut) == 1
