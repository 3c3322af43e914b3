"""As much of the protobuf wire format as a SentencePiece model needs: numbers, floats, strings, messages.

A field is a key (field number and wire type) and a value: a varint (type 0), 8 bytes (1), a length and so many bytes
(2), or 4 bytes (5).

Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

Value = int | bytes
_VARINT, _FIXED_64, _LENGTH, _FIXED_32 = 0, 1, 2, 5


def number(field: int, value: int) -> bytes:
    """A whole number or a flag.

    Example:
        >>> number(1, 150).hex()
        '089601'
    """
    return _varint(field << 3 | _VARINT) + _varint(value % 2**64)


def single(field: int, value: float) -> bytes:
    """A float of 32 bits."""
    return _varint(field << 3 | _FIXED_32) + struct.pack("<f", value)


def string(field: int, value: str | bytes) -> bytes:
    """A string, bytes or a message."""
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | _LENGTH) + _varint(len(data)) + data


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message in their order: number and value; floats as their 4 bytes.

    Raises:
        ValueError: The message ends inside a field, or holds what is no field; the byte is named.

    Example:
        >>> list(fields(number(1, 150) + string(2, "ab")))
        [(1, 150), (2, b'ab')]
    """
    place = 0
    while place < len(data):
        begin = place
        key, place = _read_varint(data, place)
        size = 0
        if key & 7 == _VARINT:
            value, place = _read_varint(data, place)
            yield key >> 3, value
            continue
        if key & 7 == _LENGTH:
            size, place = _read_varint(data, place)
        elif key & 7 in (_FIXED_32, _FIXED_64):
            size = 4 if key & 7 == _FIXED_32 else 8
        else:
            raise ValueError(f"byte {begin} begins no protobuf field")
        if place + size > len(data):
            raise ValueError(f"it ends inside the field at byte {begin}")
        yield key >> 3, data[place : place + size]
        place += size


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for i, byte in enumerate(data[place : place + 10]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, place + i + 1
    raise ValueError(f"byte {place} begins no whole number")
