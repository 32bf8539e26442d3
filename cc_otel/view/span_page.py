"""One span as a page shows it: what was asked, what came of it, and everything it says."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cc_otel.graph.store import GraphStore, Json, Query
from cc_otel.json_values import list_of, object_of, objects_of, text_in
from cc_otel.view import blocks
from cc_otel.view.blocks import Block
from cc_otel.view.markdown import markdown

SPANS_AT_ONCE: Final = 60
"""Of how many spans the content is returned at a time: what a page shows at once."""

_ARGUMENTS: Final = "gen_ai_tool_call_arguments"
_RESULT: Final = "gen_ai_tool_call_result"
_INPUT: Final = "gen_ai_input_messages"
_OUTPUT: Final = "gen_ai_output_messages"
_PATHS: Final = ("file_path", "notebook_path", "path")


@dataclass(frozen=True, slots=True)
class SpanPage:
    """A span with all its columns (docs/graph.md), and its content as blocks."""

    row: Mapping[str, Json]
    blocks: Sequence[Block]


def span_pages(store: GraphStore, keys: Iterable[tuple[str, str]]) -> list[SpanPage]:
    """
    Return the pages of the spans with these trace and span ids, of those that the store has.

    Raises:
        StoreUnavailable: the store cannot answer.

    """
    found = []
    for trace_id, span_id in keys:
        row = next(store.query(Query("span", {"trace_id": trace_id, "span_id": span_id})), None)
        if row is not None:
            found.append(SpanPage(row, blocks_of(row)))
    return found


def blocks_of(row: Mapping[str, Any]) -> list[Block]:
    """Return what a span was about: a prompt or what was said, a call's input and its result."""
    attributes = object_of(row.get("attributes"))
    return [
        *_messages(attributes.get(_INPUT), "prompt" if row.get("kind") == "turn" else "asked"),
        *_input(row.get("tool") or "", attributes),
        *_result(row.get("tool") or "", attributes),
        *_messages(attributes.get(_OUTPUT), "said"),
        *_status(row, attributes),
    ]


def _messages(content: object, title: str) -> Iterator[Block]:
    value = _value(content)
    if isinstance(value, str):
        # Cut, so that it is no JSON any more: what is left of it can still be read.
        yield blocks.text(value, title)
    for message in objects_of(value):
        for part in objects_of(message.get("parts")):
            if text_in(part.get("content")).strip():
                yield from markdown(part["content"], title)


def _input(tool: str, attributes: Mapping[str, Any]) -> Iterator[Block]:
    given = _value(attributes.get(_ARGUMENTS))
    if not isinstance(given, dict):
        yield from ([blocks.text(str(given), "input")] if given else [])
        return
    path = next((text_in(given.get(name)) for name in _PATHS if given.get(name)), "")
    if text_in(given.get("command")):
        yield blocks.code(given["command"], "bash", "command")
        given = {name: value for name, value in given.items() if name not in {"command", "description"}}
    elif text_in(given.get("old_string")) or text_in(given.get("new_string")):
        yield blocks.diff(text_in(given.get("old_string")), text_in(given.get("new_string")), path)
        given = {}
    elif objects_of(given.get("edits")):
        for edit in objects_of(given["edits"]):
            yield blocks.diff(text_in(edit.get("old_string")), text_in(edit.get("new_string")), path)
        given = {}
    elif tool == "Write" and text_in(given.get("content")):
        yield blocks.code(given["content"], path.rpartition("/")[2], path)
        given = {}
    elif text_in(given.get("prompt")):
        yield from markdown(given["prompt"], "prompt")
        given = {name: value for name, value in given.items() if name != "prompt"}
    if given:
        yield blocks.json_value(given, "input")


def _result(tool: str, attributes: Mapping[str, Any]) -> Iterator[Block]:
    value = _value(attributes.get(_RESULT))
    given = object_of(value)
    path = _path_of(attributes)
    file = object_of(given.get("file"))
    if value is None or value == "":
        return
    if isinstance(value, str):
        yield blocks.ansi(value, "result")
    elif "stdout" in given or "stderr" in given:
        for name in ("stdout", "stderr"):
            if text_in(given.get(name)).strip():
                yield blocks.ansi(given[name], name)
    elif text_in(file.get("content")):
        yield blocks.code(file["content"], path.rpartition("/")[2], path)
    elif objects_of(given.get("structuredPatch")):
        lines = [it for hunk in objects_of(given["structuredPatch"]) for it in _hunk(hunk)]
        yield blocks.patch(lines, "change")
    elif tool == "Write" and "content" in given:
        return
    elif parts := [text_in(it.get("text")) for it in objects_of(given.get("content") if given else value)]:
        yield from markdown("\n\n".join(filter(None, parts)), "result")
    else:
        yield blocks.json_value(value, "result")


def _hunk(hunk: Mapping[str, Any]) -> Iterator[str]:
    place = f"-{hunk.get('oldStart')},{hunk.get('oldLines')} +{hunk.get('newStart')},{hunk.get('newLines')}"
    yield f"@@ {place} @@"
    yield from (it for it in list_of(hunk.get("lines")) if isinstance(it, str))


def _status(row: Mapping[str, Any], attributes: Mapping[str, Any]) -> Iterator[Block]:
    message = text_in(row.get("status_message"))
    if message and message not in text_in(attributes.get(_RESULT)):
        yield blocks.ansi(message, "error")


def _path_of(attributes: Mapping[str, Any]) -> str:
    return text_in(attributes.get("file_path"))


def _value(content: object) -> object:
    """Return what a JSON text holds; the text itself where it is none."""
    if not isinstance(content, str):
        return content
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content
