"""
Protobuf's wire format without its library: to divide requests that are large, and to repair messages it refuses.

The library refuses a message as a whole for one byte that is not UTF-8 and for one value that is nested too deeply,
although its framing is intact (protobuf encoding guide; proto3 requires UTF-8, parsers limit nesting to 100 messages).
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from cc_otel.otlp.values import json_of, value_in

NESTING_MAX: Final = 64
"""How many messages deep a repaired message may nest; what is deeper becomes text. A list costs two, a map three."""

TOO_DEEP: Final = f"nested deeper than {NESTING_MAX} messages"

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES_MAX: Final = 10
_FIXED_BYTES: Final = {_FIXED64: 8, _FIXED32: 4}


class Malformed(ValueError):
    """The bytes are not protobuf."""


class Field(NamedTuple):
    """One field of a message: the whole of it is ``data[start:end]``, its value ``data[value:end]``."""

    number: int
    wire_type: int
    start: int
    value: int
    end: int


def fields(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """Yield the fields of a message in ``data[start:end]``. Raises Malformed where the framing is broken."""
    end = len(data) if end is None else end
    while start < end:
        tag, value = _varint(data, start, end)
        wire_type = tag & 7
        if wire_type == _LENGTH:
            size, value = _varint(data, value, end)
            after = value + size
        elif wire_type == _VARINT:
            _, after = _varint(data, value, end)
        elif wire_type in _FIXED_BYTES:
            after = value + _FIXED_BYTES[wire_type]
        else:
            raise Malformed(f"wire type {wire_type} at byte {start}")
        if after > end or tag < 8:
            raise Malformed(f"field {tag >> 3} at byte {start} does not fit")
        yield Field(tag >> 3, wire_type, start, value, after)
        start = after


def messages(data: bytes, number: int, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """Yield the fields with this number that may be messages. Raises Malformed where the framing is broken."""
    return (field for field in fields(data, start, end) if field.number == number and field.wire_type == _LENGTH)


def others(data: bytes, number: int, start: int = 0, end: int | None = None) -> bytes:
    """Return the message without what `messages` yields for this number."""
    return b"".join(
        data[field.start : field.end]
        for field in fields(data, start, end)
        if field.number != number or field.wire_type != _LENGTH
    )


def framed(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field: how a message contains a text or another message."""
    return _encoded_varint(number << 3 | _LENGTH) + _encoded_varint(len(payload)) + payload


def repaired(data: bytes, message: Descriptor, nesting: int = 0) -> bytes:
    """
    Return a message's bytes with U+FFFD for what is not UTF-8, and text for values nested deeper than `NESTING_MAX`.

    Raises Malformed where the framing inside is broken too.
    """
    parts = []
    for field in fields(data):
        known = message.fields_by_number.get(field.number)
        payload = data[field.value : field.end]
        if field.wire_type != _LENGTH or known is None:
            parts.append(data[field.start : field.end])
        elif known.type == FieldDescriptor.TYPE_STRING:
            parts.append(framed(field.number, payload.decode("utf-8", "replace").encode()))
        elif known.message_type is not None:
            parts.append(framed(field.number, _nested(payload, known.message_type, nesting + 1)))
        else:
            parts.append(data[field.start : field.end])
    return b"".join(parts)


def _nested(data: bytes, message: Descriptor, nesting: int) -> bytes:
    if nesting <= NESTING_MAX or message.full_name != AnyValue.DESCRIPTOR.full_name:
        return repaired(data, message, nesting)
    return AnyValue(string_value=_text(data)).SerializeToString()


def _text(data: bytes) -> str:
    """Return an AnyValue as JSON text if the library can read it by itself, else a note."""
    # One level of text only: text within text within text would double its quotes each time.
    try:
        return json_of(value_in(AnyValue.FromString(data)))
    except DecodeError:
        return TOO_DEEP


def _varint(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return the number at ``start`` and where it ends."""
    number = shift = 0
    for position in range(start, min(end, start + _VARINT_BYTES_MAX)):
        byte = data[position]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position + 1
        shift += 7
    raise Malformed(f"a number at byte {start} does not end")


def _encoded_varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
