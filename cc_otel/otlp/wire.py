"""
Protobuf's wire format without its library: to divide requests that are large, and to repair messages it refuses.

The library refuses a message as a whole for one byte that is not UTF-8 and for one value that is nested too deeply,
although its framing is intact (protobuf encoding guide; proto3 requires UTF-8, parsers limit nesting to 100 messages).
"""

from collections.abc import Iterator
from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from cc_otel.otlp.values import json_of, value_in

NESTING_MAX: Final = 64
"""How many messages deep a repaired message may nest; what is deeper becomes text. A list costs two, a map three."""

TOO_DEEP: Final = f"nested deeper than {NESTING_MAX} messages"

LENGTH: Final = 2
"""The wire type of texts, bytes and messages."""

_VARINT, _FIXED64, _FIXED32 = 0, 1, 5
_VARINT_BYTES_MAX: Final = 10
_FIXED_BYTES: Final = {_FIXED64: 8, _FIXED32: 4}


class Malformed(ValueError):
    """The bytes are not protobuf."""


Field = tuple[int, int, int, int, int]
"""A field of a message: number, wire type, start, start of its value, end. Not a class: requests have millions."""


def fields(data: bytes | bytearray, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """Yield the fields of a message in ``data[start:end]``. Raises Malformed where the framing is broken."""
    end = len(data) if end is None else end
    while start < end:
        tag, value = _varint(data, start, end)
        wire_type = tag & 7
        if wire_type == LENGTH:
            size = data[value] if value < end else 0x80
            if size < 0x80:
                value += 1
            else:
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
        yield tag >> 3, wire_type, start, value, after
        start = after


def messages(data: bytes | bytearray, number: int) -> Iterator[bytes]:
    """Yield the values of this field that may be messages. Raises Malformed where the framing is broken."""
    for each, wire_type, _, value, end in fields(data):
        if each == number and wire_type == LENGTH:
            yield bytes(data[value:end])


def others(data: bytes | bytearray, number: int) -> bytes:
    """Return the message without what `messages` yields for this number."""
    return b"".join(
        data[start:end] for each, wire_type, start, _, end in fields(data) if each != number or wire_type != LENGTH
    )


def framed(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field: how a message contains a text or another message."""
    return head(number, len(payload)) + payload


def head(number: int, size_bytes: int) -> bytes:
    """Return what `framed` puts before a payload of that size."""
    return _encoded_varint(number << 3 | LENGTH) + _encoded_varint(size_bytes)


def repaired(data: bytes, message: Descriptor, nesting: int = 0) -> bytes:
    """
    Return a message's bytes with U+FFFD for what is not UTF-8, and text for values nested deeper than `NESTING_MAX`.

    Raises Malformed where the framing inside is broken too.
    """
    parts = []
    for number, wire_type, start, value, end in fields(data):
        known = message.fields_by_number.get(number) if wire_type == LENGTH else None
        if known is not None and known.type == FieldDescriptor.TYPE_STRING:
            parts.append(framed(number, data[value:end].decode("utf-8", "replace").encode()))
        elif known is not None and known.message_type is not None:
            parts.append(framed(number, _nested(data[value:end], known.message_type, nesting + 1)))
        else:
            parts.append(data[start:end])
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


def _varint(data: bytes | bytearray, start: int, end: int) -> tuple[int, int]:
    """Return the number at ``start`` and where it ends."""
    if start < end and data[start] < 0x80:
        return data[start], start + 1
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
