"""What records are by themselves, in a form that goes from one process to another.

Decoding, hashing and the trees of submissions are two thirds of reading a log anew, and need
nothing of the log before: other processes can do that (`ledger.adapters.read_process`). The fold
stays one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from ledger.app.ports import Record
from ledger.app.read_ahead import Ahead, ReadRecord
from ledger.core.merkle import HASH_BYTES
from ledger.entry.entry import Entry, EntryError, NewerFormatError, decode_entry, reread_entry
from ledger.entry.log_state import LogState
from ledger.entry.signatures import submission_roots

SLICE_RECORDS: Final = 256
_NOTHING: Final = bytes(HASH_BYTES)


class Facts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Of each record its leaf and the SHA-256 of its action (32 bytes each), its id and its root.

    The id is "" for a record that the fold has to read itself: whatever is no entry, or one whose
    action or submission is unusual.
    """

    leaves: bytes
    digests: bytes
    ids: list[str]
    roots: list[bytes]


def facts_of(values: Sequence[bytes | None]) -> Facts:
    """The facts of the records with these values, of one fetch: submissions lie in them whole."""
    entries = [_read(value) for value in values]
    root = iter(submission_roots([entry for entry in entries if entry is not None]))
    roots = [None if entry is None else next(root) for entry in entries]
    leaves, digests, ids = [], [], []
    for entry, own in zip(entries, roots, strict=True):
        if entry is None or own is None or _is_unusual(entry):
            leaves.append(_NOTHING)
            digests.append(_NOTHING)
            ids.append("")
        else:
            leaves.append(bytes.fromhex(entry.leaf))
            digests.append(sha256(entry.action_bytes).digest())
            ids.append(entry.action_id)
    return Facts(b"".join(leaves), b"".join(digests), ids, [own or b"" for own in roots])


def take_facts(records: Sequence[Record], facts: Facts, state: LogState) -> Iterator[Ahead]:
    """The same as `read_ahead`, from the facts of the records."""
    part: list[ReadRecord] = []
    for place, record in enumerate(records):
        item = _take(place, record, facts, state)
        part.append(item)
        if isinstance(item.read, NewerFormatError):
            break
        if len(part) == SLICE_RECORDS:
            yield _ahead(part, state)
            part = []
    if part:
        yield _ahead(part, state)


def _read(value: bytes | None) -> Entry | None:
    try:
        return None if value is None else decode_entry(value)
    except (EntryError, NewerFormatError):
        return None


def _is_unusual(entry: Entry) -> bool:
    """Whether the fold needs more of it than its seal: no action, or one that changes the log."""
    return entry.typed is None or not entry.typed.id or entry.seal.stream.startswith("ledger:")


def _take(place: int, record: Record, facts: Facts, state: LogState) -> ReadRecord:
    action_id = facts.ids[place]
    if not action_id or record.data is None:
        try:
            return ReadRecord(record, state.decode(record.data), None)
        except NewerFormatError as error:
            return ReadRecord(record, error, None)
    at = place * HASH_BYTES
    leaf, digest = facts.leaves[at : at + HASH_BYTES], facts.digests[at : at + HASH_BYTES]
    entry = reread_entry(record.data, leaf.hex())
    return ReadRecord(record, entry, facts.roots[place], action_id, digest)


def _ahead(part: Sequence[ReadRecord], state: LogState) -> Ahead:
    rooted = [(item.read, item.root) for item in part if isinstance(item.read, Entry)]
    unverified = state.keys.unverified([e for e, _ in rooted], [root for _, root in rooted])
    return Ahead(part, unverified)
