"""A reader of TensorBoard's event files: the scalars in them, without TensorBoard.

A file is a sequence of TFRecords, each an ``Event`` message of protocol buffers
(tensorflow/core/lib/io/record_writer.h, tensorboard/compat/proto/{event,summary,tensor}.proto).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trainwright.core import UsageError
from trainwright.logbook.importers.rows import Rows, read_bytes

HEADER, FOOTER = 12, 4
"""Bytes before the data of a record (length and its checksum) and after them (their checksum)."""

TENSORS = {1: (5, "<f4"), 2: (6, "<f8")}
"""Type of a tensor → the field that lists its values, and how each is stored. Scalars come in these types."""

Message = dict[int, list[int | bytes]]


def read_events(path: Path, prefix: str = "") -> Rows:
    """The scalars of an event file, one row for each, columns named ``prefix`` and tag.

    A record that is cut off at the end is passed over and noted: files end so while they are written. Raises
    ``UsageError`` for a wrong checksum and for a file of another kind.
    """
    found = Rows(path, "TensorBoard events")
    content = read_bytes(path)
    for start, end in _records(path, content, found):
        record = content[start:end]
        try:
            step, scalars = _scalars(record)
        except (ValueError, IndexError, struct.error, AttributeError, TypeError):
            raise _damaged(path, start, "its message cannot be read") from None
        if not scalars:
            continue  # pictures, histograms and graphs: large, and nothing of them is used
        if masked_crc(record) != struct.unpack_from("<I", content, end)[0]:
            raise _damaged(path, start, "its checksum is wrong")
        found.rows += [{"step": float(step), prefix + tag: value} for tag, value in scalars]
    return found


def _records(path: Path, content: bytes, found: Rows) -> Iterator[tuple[int, int]]:
    """Start and end of the data of each complete record."""
    place = 0
    while place < len(content):
        if place + HEADER > len(content):
            break
        length, crc = struct.unpack_from("<QI", content, place)
        if crc != masked_crc(content[place : place + 8]):
            raise _damaged(path, place, "the checksum of its length is wrong")
        start, end = place + HEADER, place + HEADER + length
        if end + FOOTER > len(content):
            break
        yield start, end
        place = end + FOOTER
    if place < len(content):
        found.notes.append(f"the last record, from byte {place}, is cut off and was passed over")


def _damaged(path: Path, place: int, why: str) -> UsageError:
    return UsageError(
        f"The event file {path} is damaged in the record at byte {place}: {why}.",
        expected="An event file as TensorBoard's writers leave it.",
        todo="Copy the file again from where it was written.",
    )


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def masked_crc(data: bytes) -> int:
    """CRC-32C (Castagnoli) of the data, masked as TFRecord wants it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _message(data: bytes) -> Message:
    """The fields of a message by number: integers, and bytes of everything else. ``ValueError`` where it is none."""
    fields: Message = {}
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(data, place)
            fields.setdefault(key >> 3, []).append(value)
            continue
        if kind == 2:
            size, place = _varint(data, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if place + size > len(data):
            raise ValueError("a field ends outside its message")
        fields.setdefault(key >> 3, []).append(data[place : place + size])
        place += size
    return fields


def _scalars(record: bytes) -> tuple[int, list[tuple[str, float]]]:
    """The step of an event and the (tag, value) pairs of its summary."""
    event = _message(record)
    step = int(event.get(2, [0])[-1])
    found = []
    for summary in event.get(5, ()):
        for raw in _message(_bytes(summary)).get(1, ()):
            value = _message(_bytes(raw))
            number = _simple(value)
            if number is not None and 1 in value:
                found.append((_bytes(value[1][-1]).decode("utf-8"), number))
    return step, found


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("an integer where a message should be")
    return value


def _simple(value: Message) -> float | None:
    """The number of a summary's value: ``simple_value``, or a tensor with a single element, as newer writers use."""
    if 2 in value:
        return float(struct.unpack("<f", _bytes(value[2][-1]))[0])
    if 8 not in value:
        return None
    tensor = _message(_bytes(value[8][-1]))
    listed, stored = TENSORS.get(int(tensor.get(1, [0])[-1]), (0, ""))
    if not stored:
        return None
    content = b"".join(_bytes(part) for part in (*tensor.get(4, ()), *tensor.get(listed, ())))
    numbers = np.frombuffer(content, dtype=stored) if len(content) % int(stored[-1]) == 0 else np.empty(0)
    return float(numbers[0]) if len(numbers) == 1 else None
