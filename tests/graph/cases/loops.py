"""`loops`: the same again and again."""

from cc_otel.graph.store import Json
from tests.graph.case import Case
from tests.graph.made import T0_NS, span_id
from tests.graph.story import HOUR_MS, story

T0_MS = T0_NS / 1e6 + HOUR_MS
RUN: dict[str, Json] = {
    "times": 3,
    "span_id": span_id(22),
    "tool": "Bash",
    "first_ms": T0_MS + 2_200,
    "last_ms": T0_MS + 2_400,
}

CASES = (
    Case("make failed three times alike", story(), [RUN]),
    Case("it is none where four are asked for", story(), [], {"least": 4}),
    Case("nothing was repeated in session a", story(), [], {"session_id": "session-a"}),
)
