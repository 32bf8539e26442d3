"""Which call followed which, and which was the same again (docs/graph.md, rule 5)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import Final

from cc_otel.graph.derived.calls import OBSERVED, PARSED, Call, Found
from cc_otel.graph.derived.covers import place_of
from cc_otel.graph.model import FOLLOWS, RETRIED

_SETS_PLACE: Final = frozenset({"cd", "pushd", "popd"})


def following(calls: Sequence[Call]) -> Iterator[Found]:
    """Yield, for each call, the next one of the same agent in the session. ``calls`` are in order."""
    last: dict[tuple[str, str], Call] = {}
    for call in calls:
        agent = call.session_id, call.agent_id
        if agent in last:
            yield Found(FOLLOWS, last[agent], call, "next_call", OBSERVED)
        last[agent] = call


def repeated(calls: Sequence[Call]) -> Iterator[Found]:
    """
    Yield, for each call, the same one again in its session: the next that began after it had ended.

    ``run`` is the first of those that had the same result one after the other, ``attempt`` its place among them.
    """
    attempts: dict[tuple[object, ...], _Attempts] = defaultdict(_Attempts)
    for call in calls:
        same = _same(call)
        if same is None:
            continue
        earlier = attempts[same].before(call)
        if earlier is None:
            continue
        before, run, attempt = earlier
        by_command = bool(call.commands)
        yield Found(
            RETRIED,
            before,
            call,
            "same_command" if by_command else "same_arguments",
            PARSED if by_command else OBSERVED,
            {
                "level": "exact" if _typed(before) == _typed(call) else "masked",
                "same_result": _same_result(before, call),
                "result": call.result,
                "run": run,
                "attempt": attempt,
            },
        )


class _Attempts:
    """The calls that are the same, as they come: which of them have ended."""

    def __init__(self) -> None:
        self._open: list[tuple[float, tuple[float, float, str], Call]] = []
        self._last: Call | None = None
        self._runs: dict[str, tuple[str, int]] = {}

    def before(self, call: Call) -> tuple[Call, str, int] | None:
        """Take a call; return the last one that had ended by then, the run that the call is in and its place there."""
        while self._open and self._open[0][0] <= call.start_ms:
            ended = heappop(self._open)[2]
            if self._last is None or self._last.order < ended.order:
                self._last = ended
        heappush(self._open, (call.end_ms, call.order, call))
        last = self._last
        run, number = (call.key, 1)
        if last is not None and _same_result(last, call):
            run, number = self._runs[last.key][0], self._runs[last.key][1] + 1
        self._runs[call.key] = run, number
        return (last, run, number) if last is not None else None


def _typed(call: Call) -> tuple[object, ...]:
    """Return what was typed: the commands, else the arguments."""
    return tuple((it.exact, it.directory) for it in call.commands) or (call.arguments,)


def _same_result(one: Call, other: Call) -> bool | None:
    """Whether two calls had the same result; None where that is not known."""
    if one.outcome != other.outcome:
        return False
    return one.result == other.result if one.result and other.result else None


def _same(call: Call) -> tuple[object, ...] | None:
    """Return what is the same in a call that is made again."""
    if call.commands:
        parts = tuple(
            (it.key, place_of(call.root, it.directory))
            for it in call.commands
            if not it.filter and it.program not in _SETS_PLACE
        )
        return (call.session_id, call.tool, parts) if parts else None
    return (call.session_id, call.tool, call.arguments) if call.arguments else None
