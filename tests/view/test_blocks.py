"""Text as blocks: styled runs, and never more than text."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_otel.view import blocks
from cc_otel.view.blocks import CHARS_MAX, Block
from cc_otel.view.markdown import markdown
from cc_otel.view.span_page import blocks_of


def shown(block: Block) -> str:
    """Return the text of a block."""
    return "".join(part for _, part in block.runs)


def styles(block: Block, wanted: str) -> list[str]:
    """Return the parts that have a style."""
    return [part for style, part in block.runs if wanted in style.split()]


@given(st.text(max_size=300))
def test_code_keeps_every_character(content: str) -> None:
    """Whatever is styled as code in whatever language says what it said."""
    lines = content.replace("\r\n", "\n").replace("\r", "\n")

    assert [shown(blocks.code(content, language)) for language in ("bash", "json", "x.py", "no-such")] == [
        *[lines] * 3,
        content,
    ]


@settings(max_examples=300)
@given(
    st.text(
        alphabet=st.one_of(st.sampled_from("\x1b[]0;1mKHPX\x07\\\r\n\t\x9b\u202e<b>"), st.characters()), max_size=120
    )
)
def test_nothing_of_a_terminal_s_output_can_act(content: str) -> None:
    """Colours become styles; what else a terminal would act on is gone, whatever the output."""
    assert [it for it in shown(blocks.ansi(content)) if not it.isprintable() and it not in "\n\t"] == []


@given(st.text(max_size=200))
def test_markdown_of_anything(content: str) -> None:
    """Whatever is read as markdown makes blocks of text."""
    assert all(isinstance(part, str) for block in markdown(content) for _, part in block.runs)


def test_the_colours_of_a_terminal() -> None:
    """Colours and weights are words for styles, and a line that was overwritten is gone."""
    block = blocks.ansi("\x1b[1;31mFAILED\x1b[0m a.py\n10 %\r99 %\n\x1b]0;title\x07\x1b[2Jend")

    assert block.runs == [("b fg-red", "FAILED"), ("", " a.py\n99 %\nend")]


def test_markdown_s_marks_are_styles() -> None:
    """Headings, lists, code and tables are told apart; markup stays text."""
    found = markdown(
        "# Plan\n\n1. **Read** `a.py`\n2. <b>x</b>\n\n```python\nif x:\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
        "said",
    )

    assert [(it.kind, it.title) for it in found] == [("markdown", "said"), ("code", ""), ("table", "")]
    assert (styles(found[0], "h1"), styles(found[0], "b"), styles(found[0], "code")) == (["Plan"], ["Read"], ["a.py"])
    assert "2. <b>x</b>" in shown(found[0])
    assert (styles(found[1], "keyword"), shown(found[2])) == (["if"], "a  b\n1  2")


def test_a_difference_shows_what_was_changed() -> None:
    """Lines that went and that came are told apart, with their neighbours around them."""
    block = blocks.diff("a\nb\nc", "a\nB\nc", "x.py")

    assert (block.title, styles(block, "del"), styles(block, "add")) == ("x.py", ["-b\n"], ["+B\n"])
    assert shown(blocks.diff("a\n" * 9_000, "b\n")).count("\n") > 9_000


def test_what_is_left_out_is_counted() -> None:
    """Of a long text the first part is shown, with how much is not."""
    for block in (
        blocks.text("x" * (CHARS_MAX + 5)),
        blocks.ansi("x" * (CHARS_MAX + 5)),
        markdown("x" * (CHARS_MAX + 5))[-1],
    ):
        assert (len(shown(block)), block.hidden_chars) == (CHARS_MAX, 5)


def call(tool: str, arguments: Any, result: Any = None) -> list[tuple[str, str, str]]:
    """Return kind, title and text of the blocks of a call."""
    said = {"gen_ai_tool_call_arguments": json.dumps(arguments)}
    if result is not None:
        said["gen_ai_tool_call_result"] = result if isinstance(result, str) else json.dumps(result)
    return [(it.kind, it.title, shown(it)) for it in blocks_of({"kind": "tool", "tool": tool, "attributes": said})]


@pytest.mark.parametrize(
    ("tool", "arguments", "result", "expected"),
    [
        (
            "Bash",
            {"command": "ls", "description": "list"},
            {"stdout": "a\n", "stderr": ""},
            [("code", "command", "ls"), ("ansi", "stdout", "a\n")],
        ),
        (
            "Edit",
            {"file_path": "/a.py", "old_string": "1", "new_string": "2"},
            None,
            [("diff", "/a.py", "@@ -1 +1 @@\n-1\n+2\n")],
        ),
        ("Write", {"file_path": "/a.py", "content": "x"}, {"content": "x"}, [("code", "/a.py", "x")]),
        (
            "Agent",
            {"prompt": "do"},
            {"content": [{"type": "text", "text": "done"}]},
            [("markdown", "prompt", "do"), ("markdown", "result", "done")],
        ),
        ("Foreign", {"n": 1}, "Exit 7", [("json", "input", '{\n  "n": 1\n}'), ("ansi", "result", "Exit 7")]),
        ("Foreign", {}, {"n": [1]}, [("json", "result", '{\n  "n": [\n    1\n  ]\n}')]),
    ],
)
def test_the_blocks_of_a_call(tool: str, arguments: Any, result: Any, expected: list[tuple[str, str, str]]) -> None:
    """A call shows what was asked and what came of it, each in the form that it has."""
    assert call(tool, arguments, result) == expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda it: (
        st.lists(it, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "command",
                    "content",
                    "file",
                    "edits",
                    "parts",
                    "text",
                    "stdout",
                    "structuredPatch",
                    "lines",
                    "prompt",
                    "x",
                ]
            ),
            it,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(_JSON, _JSON, st.sampled_from(["Bash", "Write", "Edit", ""]))
def test_a_call_of_any_shape(arguments: Any, result: Any, tool: str) -> None:
    """Whatever a client wrote there, blocks are made of it."""
    assert all(isinstance(text, str) for _, _, text in call(tool, arguments, result))


def test_the_blocks_of_a_turn() -> None:
    """A turn shows its prompt and its last answer; messages that were cut are shown as far as they go."""
    said = {
        "gen_ai_input_messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "go"}]}]),
        "gen_ai_output_messages": '[{"role":"assistant","parts":[{"type":"text","content":"a',
    }
    found = blocks_of({"kind": "turn", "tool": None, "attributes": said})

    assert [(it.title, shown(it)) for it in found] == [("prompt", "go"), ("said", said["gen_ai_output_messages"])]
