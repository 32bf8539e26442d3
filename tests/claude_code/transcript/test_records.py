"""Records of a transcript: read like the payloads of hooks, and never a reason to stop."""

import pytest

from cc_otel.claude_code.transcript.records import json_of


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (rb'{"text": "half \ud83d an emoji"}', {"text": "half \N{REPLACEMENT CHARACTER} an emoji"}),
        (b'\xef\xbb\xbf{"text": "after a mark"}', {"text": "after a mark"}),
        (b'{"text": "\xff"}', {"text": "\N{REPLACEMENT CHARACTER}"}),
        (b'{"text": ', None),
        (b"[" * 100_000, None),
        ("no JSON", None),
    ],
)
def test_a_record_is_read_as_a_payload_is(data: bytes | str, value: object) -> None:
    """What the client writes with half a character, a byte-order mark or other bytes is read; no JSON is nothing."""
    assert json_of(data) == value
