"""The options of a question, made from what its header says."""

import re
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import click

from cc_otel.cli.common import fail
from cc_otel.graph.queries.catalogue import NamedQuery, Parameter, Scalar

ROWS: Final = 20
"""How many rows a list has where nobody says how many."""

ROWS_MAX: Final = 2**63 - 1
"""The largest number that a store takes."""

SPAN_KEY: Final = re.compile("([0-9a-f]{32})-([0-9a-f]{16})")

_UNITS_MS: Final = {
    "ms": 1.0,
    "s": 1_000.0,
    "m": 60_000.0,
    "min": 60_000.0,
    "h": 3_600_000.0,
    "d": 86_400_000.0,
    "w": 604_800_000.0,
}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?) *(ms|s|min|m|h|d|w)")
_DURATIONS: Final = "as in `90s`, `2h`, `3d`"

_FLAGS: Final = {
    "session_id": "--session",
    "trace_id": "--trace",
    "since_ms": "--since",
    "until_ms": "--until",
    "error_key": "--error",
}
_TYPES: Final = {"text": click.STRING, "integer": click.IntRange(-ROWS_MAX, ROWS_MAX), "real": click.FLOAT}


class Duration(click.ParamType[float]):
    """A duration with its unit; the command gets ms."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return ms."""
        if isinstance(value, int | float):
            return float(value)
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is no duration: {_DURATIONS}", param, ctx)
        return float(found[1]) * _UNITS_MS[found[2]]


_DAYS_AGO: Final = {"today": 0, "yesterday": 1}


class Time(click.ParamType[float]):
    """A time: a duration before now, a date, or when a day began; the command gets ms since the epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return ms since the epoch. A date without a zone is one of this machine's clock."""
        if isinstance(value, int | float):
            return float(value)
        text = value.strip()
        if found := _DURATION.fullmatch(text):
            return time.time() * 1000 - float(found[1]) * _UNITS_MS[found[2]]
        if text in _DAYS_AGO:
            day = date.today() - timedelta(days=_DAYS_AGO[text])
            text = day.isoformat()
        try:
            return datetime.fromisoformat(text).timestamp() * 1000
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is no time: a duration before now {_DURATIONS}, a date, `today` or `yesterday`", param, ctx
            )


def since_option(help_text: str = "Only what began then or later: a duration before now, or a date.") -> Any:
    """Return the option ``--since``."""
    return click.option("--since", "since_ms", type=Time(), help=help_text)


def until_option(help_text: str = "Only what began before then.") -> Any:
    """Return the option ``--until``."""
    return click.option("--until", "until_ms", type=Time(), help=help_text)


def span_ids(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, str]:
    """Return the trace's id and the span's, of a span's key; fail where it is none."""
    found = SPAN_KEY.fullmatch(value)
    if found is None:
        fail(
            f"{value!r} is no span: give its trace id, a dash and its span id, as `cc-otel query tree --ids` shows them"
        )
    return found[1], found[2]


def takes_a_span(query: NamedQuery) -> bool:
    """Whether a question is about one span, which is named by its key."""
    return {"trace_id", "span_id"} <= {parameter.name for parameter in query.parameters}


def parameters_of(query: NamedQuery) -> Sequence[click.Parameter]:
    """Return the arguments and options that a question's command has."""
    of_span = takes_a_span(query)
    found: list[click.Parameter] = []
    if of_span:
        found.append(click.Argument(["span"], metavar="TRACE-SPAN", callback=span_ids))
    rest = [it for it in query.parameters if not (of_span and it.name in ("trace_id", "span_id"))]
    return found + [_argument(it) if it.required else _option(it) for it in rest]


def values_of(query: NamedQuery, given: dict[str, Any]) -> dict[str, Scalar]:
    """Return the parameters of the question, of what a command was called with."""
    values = {it.name: given[it.name] for it in query.parameters if it.name in given}
    if takes_a_span(query):
        values["trace_id"], values["span_id"] = given["span"]
    return values


def _argument(parameter: Parameter) -> click.Parameter:
    return click.Argument([parameter.name], metavar=parameter.name.upper(), type=_type(parameter))


def _option(parameter: Parameter) -> click.Parameter:
    spelled = _FLAGS.get(parameter.name) or f"--{parameter.name.removesuffix('_ms').replace('_', '-')}"
    help_text = f"{parameter.help[0].upper()}{parameter.help[1:]}."
    if parameter.name in ("since_ms", "until_ms"):
        help_text = help_text.replace(", ms since the epoch", "") + " A duration before now, or a date."
    if parameter.name == "session_id":
        help_text += " The beginning of its id is enough; `last` is the newest."
    return click.Option(
        [spelled, parameter.name],
        type=_type(parameter),
        default=parameter.default,
        show_default=parameter.default is not None,
        help=help_text,
    )


def _type(parameter: Parameter) -> click.ParamType[Any]:
    if parameter.name == "limit":
        return click.IntRange(1, ROWS_MAX)
    if parameter.name in ("since_ms", "until_ms"):
        return Time()
    if parameter.name.endswith("_ms"):
        return Duration()
    if parameter.choices:
        return click.Choice(parameter.choices, case_sensitive=False)
    return _TYPES[parameter.type]
