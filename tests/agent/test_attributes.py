"""The attributes of one span, within its limits."""

import json

from cc_otel.agent.attributes import SPAN_BYTES_MAX, SpanAttributes


def test_a_span_is_measured_in_bytes() -> None:
    """What a span holds together stays within its limit in bytes, in whatever script it is written."""
    text = "語" * (SPAN_BYTES_MAX // 3 - 100)
    for value in (text, [text], (text,)):
        gathered = SpanAttributes(SPAN_BYTES_MAX, with_content=True)
        gathered.add("first", value)
        gathered.add("second", value)
        gathered.add("third", 3)

        attributes = gathered.finished([], cut_short=False)

        assert list(attributes) == ["first", "third", "cc_otel.truncated"]
        assert {"second"} == json.loads(str(attributes["cc_otel.truncated"])).keys()


def test_what_was_cut_before_is_told_too() -> None:
    """Cuts of the content and of the event stand beside the span's own, which go first."""
    gathered = SpanAttributes(100, with_content=True)
    gathered.add("own", "x" * 200)

    attributes = gathered.finished([{"own": 999, "tool_input.content": 5000}], cut_short=True)

    told = {"own": 200, "tool_input.content": 5000, "payload": 0}
    assert told == json.loads(str(attributes["cc_otel.truncated"]))
