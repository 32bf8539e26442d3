"""Which transcripts are read: those that events name and their subagents', below the known folders."""

import os
from pathlib import Path

import pytest

from cc_otel.claude_code.transcript.files import DEPTH_MAX, TranscriptFile, Transcripts, Unread

MAIN: str = "-p/s.jsonl"


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """A projects folder with a session's transcript."""
    folder = tmp_path / "config" / "projects"
    write(folder / MAIN)
    return folder


def write(path: Path, text: str = "{}\n") -> None:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_subagents_are_found_at_any_depth(projects: Path) -> None:
    """Every `agent-*.jsonl` below the session's folder is a subagent's; journals and others are none."""
    of = projects / "-p" / "s" / "subagents"
    paths = [of / "agent-a.jsonl", of / "workflows" / "wf_1" / "agent-b.jsonl", of / "x" / "y" / "z" / "agent-c.jsonl"]
    for path in (*paths, of / "workflows" / "wf_1" / "journal.jsonl", of / "agent-a.meta.json"):
        write(path)

    found = sorted(Transcripts(projects).files([str(projects / MAIN)], "s"), key=lambda file: file.agent_id)

    main = TranscriptFile(projects / MAIN, "", 3)
    assert found == [main, *(TranscriptFile(path, name, 3) for path, name in zip(paths, "abc", strict=True))]


def test_looking_has_an_end(projects: Path) -> None:
    """Folders below a certain depth are not looked into, and a link that leads back is not followed."""
    of = projects / "-p" / "s" / "subagents"
    write(of.joinpath(*"x" * (DEPTH_MAX + 1), "agent-deep.jsonl"))
    (of / "loop").symlink_to(of)

    assert [file.agent_id for file in Transcripts(projects).files([str(projects / MAIN)], "s")] == [""]


def test_files_of_several_config_folders_are_read(projects: Path, tmp_path: Path) -> None:
    """A transcript is read if it lies below any of the folders that are known."""
    other = tmp_path / "other" / "projects"
    write(other / MAIN)
    transcripts = Transcripts(projects, other)

    assert [len(list(transcripts.files([str(folder / MAIN)], "s"))) for folder in (projects, other)] == [1, 1]
    assert transcripts.read_on(other / MAIN, 0, 100) == b"{}\n"


def test_what_launched_an_agent_is_beside_its_file(projects: Path) -> None:
    """The call that launched a subagent is in its `meta.json`, wherever its file is; its folder can be asked for."""
    folder = projects / "-p" / "s" / "subagents" / "workflows" / "wf_1"
    write(folder / "agent-a.jsonl")
    write(folder / "agent-a.meta.json", '{"toolUseId": "toolu_1"}')
    transcripts, main = Transcripts(projects), str(projects / MAIN)

    assert transcripts.launching_call(main, "s", "a") == "toolu_1"
    assert transcripts.agent_folder(main, "s", "a") == str(folder)
    assert (transcripts.launching_call(main, "s", "b"), transcripts.agent_folder(main, "s", "b")) == ("", "")


def test_a_transcript_that_is_not_read_has_a_reason(projects: Path, tmp_path: Path) -> None:
    """It lies outside, by its path or by a link, is missing, or is no file; one that can be read has none."""
    outside = tmp_path / "elsewhere" / "projects" / MAIN
    write(outside)
    (projects / "linked").symlink_to(outside.parent)
    os.mkfifo(projects / "-p" / "pipe.jsonl")
    transcripts = Transcripts(projects)

    def reason(path: Path) -> Unread | None:
        return transcripts.reason_unread(str(path))

    assert reason(projects / MAIN) is None
    assert reason(outside) is Unread.OUTSIDE
    assert reason(projects / "linked" / "s.jsonl") is Unread.OUTSIDE
    assert reason(projects / "-p" / "gone.jsonl") is Unread.MISSING
    assert reason(projects / "-p" / "pipe.jsonl") is Unread.NOT_A_FILE
    assert reason(Path("\0")) is Unread.UNREADABLE
    assert list(transcripts.files([str(outside), str(projects / "-p" / "pipe.jsonl")], "s")) == []


def test_folders_that_events_name_are_looked_into(projects: Path) -> None:
    """A workflow may keep its agents' files in a folder of its own, as long as that is below a known one."""
    named, elsewhere = projects / "-p" / "runs" / "wf_1", projects.parent / "elsewhere"
    for folder in (named, elsewhere):
        write(folder / "agent-a.jsonl")
    files = Transcripts(projects).files([str(projects / MAIN)], "s", [str(named), str(elsewhere)])

    assert [file.path for file in files] == [projects / MAIN, named / "agent-a.jsonl"]
