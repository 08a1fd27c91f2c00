"""Which records of a partition count: DESIGN.md section 3 and KAFKA.md section 1, written again.

For judging the ledger from outside: this file shares no code with it and uses the standard library
alone (hashlib, json). Signatures are not checked here; whether a record counts does not rest on
them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ZEROS = "0" * 64
ENTRY_BYTES_MAX = 65_535
INTEGER_MAX = 2**53 - 1
DEPTH_MAX = 32
KINDS = "ledger|dossier|officer|unit|procedure|authority|calendar|system|inspection"
SEAL_KEYS = {
    "index",
    "origin",
    "prev",
    "recorded_at",
    "sigs",
    "stream",
    "stream_prev",
    "type",
    "v",
    "version",
}
FORMS = {
    "origin": re.compile(r"[!-~]+/(?:0|[1-9][0-9]*)"),
    "stream": re.compile(rf"(?:{KINDS}):(?:[A-Za-z0-9._~/-]|%[0-9A-F]{{2}})+"),
    "type": re.compile(rf"(?:{KINDS})\.[a-z0-9_]+\.v[1-9][0-9]*"),
    "prev": re.compile(r"[0-9a-f]{64}"),
    "stream_prev": re.compile(r"[0-9a-f]{64}"),
    "recorded_at": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"),
}


class NotAnEntryError(ValueError):
    """The bytes are no well-formed entry of format version 1."""


class NewerFormatError(Exception):
    """A seal of a newer format: whoever reads on would part from newer software."""


@dataclass
class Partition:
    """What the chain rule makes of a partition: places by action id, strays by offset, faults."""

    origin: str
    size: int = 0
    head: str = ZEROS
    places: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    strays: list[tuple[int, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    streams: dict[str, tuple[int, str]] = field(default_factory=dict)

    def take(self, offset: int, data: bytes | None) -> None:
        """The next record, in order of offsets."""
        try:
            seal, action = parse_entry(data)
        except NotAnEntryError as error:
            self.strays.append((offset, str(error)))
            return
        if (seal["origin"], seal["index"], seal["prev"]) != (self.origin, self.size, self.head):
            self.strays.append((offset, f"index {seal['index']} where {self.size} was expected"))
            return
        leaf = hashlib.sha256(b"\x00" + (data or b"")).hexdigest()
        place = (self.size, leaf)
        self.size, self.head = self.size + 1, leaf
        before = self.streams.get(seal["stream"], (0, ZEROS))
        if (seal["version"] - 1, seal["stream_prev"]) != before:
            # Such an entry is void: it keeps its index, and no fold applies it.
            self.faults.append(f"index {place[0]} does not continue {seal['stream']}")
            return
        self.streams[seal["stream"]] = (seal["version"], leaf)
        self.places.setdefault(action["id"], []).append(place)
        self.types[action["id"]] = seal["type"]


def judge(origin: str, records: Iterable[tuple[int, bytes | None]]) -> Partition:
    """Fold all records of a partition, from offset 0 on."""
    partition = Partition(origin)
    for offset, data in records:
        partition.take(offset, data)
    return partition


def parse_entry(data: bytes | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Seal and action of a well-formed entry; raises `NotAnEntryError` or `NewerFormatError`."""
    if data is None or len(data) > ENTRY_BYTES_MAX:
        raise NotAnEntryError("no value, or too long")
    line, separator, body = data.partition(b"\n")
    seal = parse_canonical(line)
    is_whole = isinstance(seal, dict) and is_count(seal.get("v"))
    if is_whole and seal["v"] > 1:
        raise NewerFormatError(f"format {seal['v']}")
    if not separator or not is_whole or seal["v"] != 1 or set(seal) != SEAL_KEYS:
        raise NotAnEntryError("no seal line")
    check_seal(seal)
    action = parse_canonical(body)
    if not isinstance(action, dict) or not isinstance(action.get("id", ""), str):
        raise NotAnEntryError("the action is no object")
    for name in ("stream", "type"):
        if action.get(name) != seal[name]:
            raise NotAnEntryError(f"{name} of seal and action differ")
    return seal, {"id": "", **action}


def check_seal(seal: dict[str, Any]) -> None:
    """What the table of DESIGN.md section 3 says of each key."""
    for name, form in FORMS.items():
        if not isinstance(seal[name], str) or not form.fullmatch(seal[name]):
            raise NotAnEntryError(f"{name}: {seal[name]!r}")
    try:
        datetime.fromisoformat(seal["recorded_at"])
    except ValueError as error:
        raise NotAnEntryError(f"recorded_at: {error}") from error
    if not is_count(seal["index"]) or not is_count(seal["version"], 1):
        raise NotAnEntryError("index or version is no count")
    if not isinstance(seal["sigs"], list) or not seal["sigs"]:
        raise NotAnEntryError("no signature")
    for item in seal["sigs"]:
        check_signature(item)


def check_signature(item: Any) -> None:
    """The form of one signature: a key id, 64 bytes, and as many hashes as its place needs."""
    if not isinstance(item, dict) or set(item) != {"at", "key", "path", "sig", "size"}:
        raise NotAnEntryError("signature: other keys")
    if not is_count(item["at"]) or not is_count(item["size"], 1) or item["at"] >= item["size"]:
        raise NotAnEntryError("signature: no such place")
    if not isinstance(item["key"], str) or not re.fullmatch(r"[!-~]+", item["key"]):
        raise NotAnEntryError("signature: no key id")
    if not isinstance(item["path"], list) or len(item["path"]) != path_length(
        item["at"], item["size"]
    ):
        raise NotAnEntryError("signature: path of another length")
    for text, length in [(item["sig"], 64), *((hash_text, 32) for hash_text in item["path"])]:
        check_base64(text, length)


def check_base64(text: Any, length: int) -> None:
    """Base64 of so many bytes that encodes to itself again."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (AttributeError, ValueError, binascii.Error) as error:
        raise NotAnEntryError("no base64") from error
    if len(raw) != length or base64.b64encode(raw).decode() != text:
        raise NotAnEntryError("not the base64 of its bytes")


def path_length(at: int, size: int) -> int:
    """Hashes in the inclusion proof of leaf `at` in a tree of `size` leaves (RFC 6962)."""
    length = 0
    while size > 1:
        left = 1 << ((size - 1).bit_length() - 1)
        length += 1
        at, size = (at, left) if at < left else (at - left, size - left)
    return length


def is_count(value: Any, least: int = 0) -> bool:
    """An integer within RFC 8785's bounds; True is none."""
    return type(value) is int and least <= value <= INTEGER_MAX


def parse_canonical(data: bytes) -> Any:
    """The value of canonical JSON: decoded, encoded again and compared; no floats, no null."""
    try:
        value = json.loads(data.decode(), parse_float=refuse, parse_constant=refuse)
        check_values(value, 0)
        again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        is_same = again.encode() == data
    except (ValueError, RecursionError) as error:
        raise NotAnEntryError(f"no canonical JSON: {error}") from error
    if not is_same:
        raise NotAnEntryError("no canonical JSON")
    return value


def refuse(text: str) -> Any:
    """Floats and constants are not allowed."""
    raise ValueError(text)


def check_values(value: Any, depth: int) -> None:
    """Raise ValueError for what canonical JSON here does not hold."""
    if depth > DEPTH_MAX:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        for key, item in value.items():
            if not key.isascii():
                raise ValueError("a key beyond ASCII")
            check_values(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_values(item, depth + 1)
    elif value is None or (type(value) is int and abs(value) > INTEGER_MAX):
        raise ValueError("null, or an integer beyond 2^53-1")
