"""The files of a call, by the results that the client's tools give."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_otel.agent.facts.call import Call
from cc_otel.agent.facts.files import SEARCHED_MAX, file_facts


def facts(tool: str, arguments: dict[str, Any], result: object, **more: Any) -> dict[str, Any]:
    """Return what a call that succeeded says of files."""
    return dict(file_facts(Call(tool, arguments, result, succeeded=True, directory="/work", **more)))


def read(arguments: dict[str, Any], result: object) -> dict[str, Any]:
    """Return the file of a Read."""
    (file,) = facts("Read", {"file_path": "/work/a"} | arguments, result)["cc_otel.files"]
    return dict(file)


PATCH: dict[str, Any] = {"oldStart": 4, "oldLines": 3, "newStart": 4, "newLines": 4}


@pytest.mark.parametrize(
    ("arguments", "result", "ranges"),
    [
        (
            {},
            {"type": "text", "file": {"filePath": "/work/a", "numLines": 3, "startLine": 1, "totalLines": 3}},
            ["1-3"],
        ),
        ({"offset": 9}, {"type": "text", "file": {"filePath": "/work/a", "numLines": 2, "startLine": 9}}, ["9-10"]),
        ({"offset": 9, "limit": 5}, {"type": "file_unchanged", "file": {"filePath": "/work/a"}}, ["9-13"]),
        ({"limit": 5}, "the text that a batch has", ["1-5"]),
        ({"offset": 9}, {"type": "file_unchanged", "file": {"filePath": "/work/a"}}, None),
        ({"limit": 5}, {"type": "image", "file": {"base64": ""}}, None),
        ({}, {"type": "text", "file": {"numLines": 0, "startLine": 1}}, None),
        ({"offset": "9", "limit": True}, {}, None),
    ],
)
def test_the_lines_that_were_read(arguments: dict[str, Any], result: object, ranges: list[str] | None) -> None:
    """The result says which lines, else what was asked for; a picture has none."""
    assert read(arguments, result) == {"path": "/work/a", "op": "read", "certainty": "observed"} | (
        {"ranges": ranges} if ranges else {}
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "result", "said"),
    [
        ("Write", {"content": "a\nb\n"}, {"type": "create", "structuredPatch": []}, ("create", None, 2, 0)),
        (
            "Write",
            {"content": "a\n"},
            {"type": "update", "originalFile": "a\n", "structuredPatch": []},
            ("write", None, 0, 0),
        ),
        ("Write", {"content": "a\nb\n"}, {"type": "update", "originalFile": "x\nb\n"}, ("write", None, 1, 1)),
        ("Write", {"content": "a\n"}, {}, ("write", None, None, None)),
        (
            "Edit",
            {"old_string": "x", "new_string": "y"},
            {"structuredPatch": [PATCH | {"lines": [" a", "-b", "+c", "+d", "\\ No newline at end of file"]}]},
            ("edit", ["4-7"], 2, 1),
        ),
        ("Edit", {"old_string": "a\nb\nc", "new_string": "a\nB\nB\nc"}, {}, ("edit", None, 2, 1)),
        ("Edit", {"old_string": "a", "new_string": "b", "replace_all": True}, {}, ("edit", None, None, None)),
        (
            "MultiEdit",
            {"edits": [{"old_string": "a", "new_string": "b"}, {"old_string": "c", "new_string": "c\nd"}]},
            {},
            ("edit", None, 2, 1),
        ),
        ("NotebookEdit", {"edit_mode": "insert", "new_source": "a\nb"}, {}, ("edit", None, 2, 0)),
        ("NotebookEdit", {"new_source": "a\nb"}, {"old_source": "a"}, ("edit", None, 1, 0)),
        ("NotebookEdit", {"edit_mode": "delete"}, {}, ("edit", None, None, None)),
    ],
)
def test_what_was_changed(tool: str, arguments: dict[str, Any], result: object, said: tuple[Any, ...]) -> None:
    """The result's own type tells a new file from an old one; its patch counts lines, else the texts do."""
    (file,) = facts(tool, {"file_path": "/work/a"} | arguments, result)["cc_otel.files"]

    assert (file["op"], file.get("ranges"), file.get("lines_added"), file.get("lines_removed")) == said


def test_a_call_that_did_not_succeed_touched_nothing() -> None:
    """Refused, failed, interrupted or not known to have ended."""
    call = Call("Edit", {"file_path": "/a", "old_string": "a", "new_string": "b"}, error="no", error_type="not_read")

    assert list(file_facts(call)) == []
    assert facts("NotebookEdit", {"notebook_path": "/a.ipynb"}, {"error": "no such cell"}) == {}


def test_lines_of_a_text_that_was_cut_are_not_counted() -> None:
    """The file is known, the numbers are not."""
    found = facts("Write", {"file_path": "/a", "content": "a…[+9 bytes]"}, {"type": "create"}, cut=True)

    assert found == {"cc_otel.files": [{"path": "/a", "op": "create", "certainty": "observed"}]}


@pytest.mark.parametrize(
    ("tool", "result", "paths", "count"),
    [
        (
            "Grep",
            {"mode": "files_with_matches", "filenames": ["a.py"], "numFiles": 1, "totalFiles": 9},
            ["/work/a.py"],
            9,
        ),
        ("Glob", {"filenames": ["/x/a", "b/../c"], "numFiles": 2, "totalMatches": 7}, ["/x/a", "/work/c"], 7),
        (
            "Grep",
            {"mode": "content", "filenames": [], "numFiles": 0, "content": "a.py:3:x: y\na.py-4-z\nb c.py:1:\n--"},
            ["/work/a.py", "/work/b c.py"],
            2,
        ),
        ("Grep", {"mode": "count", "filenames": [], "numFiles": 2, "content": "a:3\nb:1"}, ["/work/a", "/work/b"], 2),
        ("Grep", {"mode": "files_with_matches", "filenames": [], "numFiles": 0}, [], 0),
    ],
)
def test_what_a_search_found(tool: str, result: dict[str, Any], paths: list[str], count: int) -> None:
    """Its hits as paths from the root, and how many there were in all."""
    assert facts(tool, {"pattern": "x"}, result) == {"cc_otel.searched": paths, "cc_otel.searched.count": count}


def test_hits_are_bounded() -> None:
    """The list is cut, the count is true."""
    found = facts("Glob", {"pattern": "*"}, {"filenames": [f"f{number}" for number in range(1000)]})

    assert len(found["cc_otel.searched"]) == SEARCHED_MAX
    assert found["cc_otel.searched.count"] == 1000


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "file filePath file_path type edits content structuredPatch lines newStart newLines numLines "
                "startLine filenames mode old_string new_string originalFile offset limit numFiles".split()
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(
    tool=st.sampled_from("Read Write Edit MultiEdit NotebookEdit Grep Glob Bash".split()), arguments=_JSON, result=_JSON
)
def test_no_shape_is_too_strange(tool: str, arguments: Any, result: Any) -> None:
    """Whatever a payload holds, its files are texts and its counts numbers."""
    found = facts(tool, arguments if isinstance(arguments, dict) else {}, result)

    assert all(isinstance(file["path"], str) for file in found.get("cc_otel.files", []))
    assert found.get("cc_otel.searched.count", 0) >= 0
