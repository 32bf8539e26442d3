"""Records of a transcript, which may hold anything: what is not of the type that is asked for counts as absent."""

from datetime import UTC, datetime
from typing import Final

from cc_otel.claude_code.payload import json_value
from cc_otel.json_values import text_in

EARLIEST_NS: Final = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
LATEST_NS: Final = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000_000
"""No call was made outside these; ns far outside do not even fit into the 64 bits that they are kept in."""


def json_of(data: bytes | str) -> object:
    """Return the value of the client's JSON, None where it is not JSON. Half a character becomes U+FFFD."""
    try:
        return json_value(data.encode() if isinstance(data, str) else data)
    except (ValueError, RecursionError):
        return None


def timestamp_ns(value: object) -> int:
    """Read a record's ISO 8601 time, to the millisecond: ns since the epoch, 0 (unknown) outside of 2000 to 2200."""
    try:
        clock_ns = int(datetime.fromisoformat(text_in(value)).timestamp() * 1000) * 1_000_000
    except (ValueError, OverflowError, OSError):
        return 0
    return clock_ns if EARLIEST_NS <= clock_ns < LATEST_NS else 0
