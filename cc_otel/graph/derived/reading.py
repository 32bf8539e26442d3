"""Reads the calls that the rules compare out of the rows of the query ``calls``."""

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final

from cc_otel.graph.derived.calls import FAILED, FAILURES, OK, UNKNOWN, Call, Command, Touch
from cc_otel.graph.store import Json
from cc_otel.json_values import objects_of, text_in

FILES_MAX: Final = 64
COMMANDS_MAX: Final = 16
"""How many files and commands of one call are read."""

OUTPUT_CHARS_MAX: Final = 65_536
"""How much of an output is looked through for the tests that it names."""

NAMED_MAX: Final = 50
"""How many failing tests of one call are named; of more, none is."""

_DURATION: Final = re.compile(r"\d+(?:\.\d+)?\s?(?:ms|s|sec|seconds?|m)\b")
_PYTEST: Final = re.compile(r"^(?:FAILED|ERROR) (\S+?::.+?)(?: - .*)?$", re.MULTILINE)
_PYTEST_COUNTS: Final = re.compile(r"\b(\d+) (?:failed|errors?)\b")
_UNITTEST: Final = re.compile(r"^(?:FAIL|ERROR): (\w+) \(([\w.]+)\)", re.MULTILINE)
_UNITTEST_COUNTS: Final = re.compile(r"\b(?:failures|errors)=(\d+)")
_OUTPUTS: Final = ("stdout", "stderr")


def call_of(row: Mapping[str, Json]) -> Call:
    """Return the call that a row of the query ``calls`` tells of."""
    commands = tuple(_commands(row.get("parts")))
    output = _output(row)
    return Call(
        key=f"{row['trace_id']}-{row['span_id']}",
        session_id=_text(row, "session_id"),
        trace_id=_text(row, "trace_id"),
        start_ms=_number(row, "start_ms"),
        end_ms=max(_number(row, "end_ms"), _number(row, "start_ms")),
        tool=_text(row, "tool"),
        outcome=_outcome(row),
        agent_id=_text(row, "agent_id"),
        root=_text(row, "root"),
        commands=commands,
        program=_text(row, "program"),
        subcommand=_text(row, "subcommand"),
        files=tuple(_files(row)),
        arguments=_digest(_canonical(_text(row, "arguments"))),
        result=_result(row, output),
        named=_named(output) if any(it.kind == "test" for it in commands) else (),
        # A server's tool, and a command that nobody could read, may have done anything.
        foreign=bool(row.get("server_method")) or bool(row.get("command") and not commands),
        status=_text(row, "status"),
        kind=_text(row, "kind"),
        expire_at=int(_number(row, "expire_at")) or None,
    )


def _outcome(row: Mapping[str, Json]) -> str:
    """Return the outcome, of other producers' calls what their status says."""
    if told := _text(row, "outcome"):
        return told
    return {"ERROR": FAILED, "OK": OK, "UNSET": OK}.get(_text(row, "status"), UNKNOWN)


def _commands(text: Json) -> Iterator[Command]:
    for part in objects_of(_loaded(text))[:COMMANDS_MAX]:
        options = part.get("options")
        targets = part.get("targets")
        yield Command(
            program=text_in(part.get("program")),
            subcommand=text_in(part.get("subcommand")),
            kind=text_in(part.get("class")),
            exact=text_in(part.get("exact")),
            masked=text_in(part.get("masked")),
            key=text_in(part.get("key")),
            targets=tuple(it for it in targets if isinstance(it, str)) if isinstance(targets, list) else (),
            options=frozenset((str(k), str(v)) for k, v in options.items())
            if isinstance(options, dict)
            else frozenset(),
            directory=text_in(part.get("dir")),
            filter=part.get("filter") is True,
            joined=text_in(part.get("joined")),
        )


def _files(row: Mapping[str, Json]) -> Iterator[Touch]:
    told = objects_of(_loaded(row.get("files")))[:FILES_MAX]
    for file in told:
        yield Touch(text_in(file.get("path")), text_in(file.get("op")))
    if not told and (path := _text(row, "path")):
        yield Touch(path, _text(row, "operation") or "read")


def _result(row: Mapping[str, Json], output: str) -> str:
    """Return a digest of what a call led to, without how long it took; a failure's is the key of its error."""
    if _outcome(row) in FAILURES and (key := _text(row, "error_key")):
        return key
    return _digest(_DURATION.sub("<time>", output)) if output else ""


def _output(row: Mapping[str, Json]) -> str:
    """Return what a call printed, else what it returned."""
    told = _text(row, "result")
    loaded = _loaded(told)
    if isinstance(loaded, dict) and any(name in loaded for name in _OUTPUTS):
        told = "\n".join(filter(None, (text_in(loaded.get(name)) for name in _OUTPUTS)))
    return told or _text(row, "message")


def _named(output: str) -> tuple[str, ...]:
    """Return the failing tests that an output names, where it names as many as it counts."""
    text = output[:OUTPUT_CHARS_MAX]
    for found, counts in (
        (set(_PYTEST.findall(text)), _PYTEST_COUNTS),
        ({_dotted(*it) for it in _UNITTEST.findall(text)}, _UNITTEST_COUNTS),
    ):
        if found and len(found) <= NAMED_MAX and sum(map(int, counts.findall(text))) == len(found):
            return tuple(sorted(found))
    return ()


def _dotted(test: str, place: str) -> str:
    """Return a test of unittest by its full name; Python before 3.11 leaves the test out of its place."""
    return place if place.endswith(f".{test}") else f"{place}.{test}"


def _canonical(text: str) -> str:
    """Return arguments in one spelling."""
    loaded = _loaded(text)
    return json.dumps(loaded, sort_keys=True) if isinstance(loaded, dict | list) else text


def _loaded(text: Json) -> Any:
    if not isinstance(text, str) or text[:1] not in {"{", "["}:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest() if text else ""


def _text(row: Mapping[str, Json], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _number(row: Mapping[str, Json], name: str) -> float:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
