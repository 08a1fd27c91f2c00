"""What an attacker makes of a log's entries: pure functions over their bytes.

A seal is not signed, so whoever can write the log needs no key to seal its end anew; a changed
action needs the key that signed it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ledger.core.action import Action, decode_action, encode_action
from ledger.core.chain import EMPTY_STREAM, ZERO_LINK, StreamHead
from ledger.core.merkle import leaf_hash
from ledger.entry.entry import Seal, decode_entry, encode_entry
from ledger.entry.signatures import SigningKey


def seal_of(data: bytes) -> Seal:
    """The seal of an entry."""
    return decode_entry(data).seal


def sealed_anew(entries: Sequence[bytes], start: int) -> list[bytes]:
    """The entries from `start` on with indexes, versions and links that fit; signatures as they
    were."""
    done = list(entries[:start])
    heads: dict[str, StreamHead] = {}
    for data in done:
        seal = seal_of(data)
        heads[seal.stream] = StreamHead(seal.version, leaf_hash(data).hex())
    for data in entries[start:]:
        entry = decode_entry(data)
        before = heads.get(entry.seal.stream, EMPTY_STREAM)
        seal = replace(
            entry.seal,
            index=len(done),
            prev=leaf_hash(done[-1]).hex() if done else ZERO_LINK,
            version=before.version + 1,
            stream_prev=before.leaf,
        )
        done.append(encode_entry(seal, entry.action_bytes))
        heads[seal.stream] = StreamHead(seal.version, leaf_hash(done[-1]).hex())
    return done


def with_seal(data: bytes, **changes: object) -> bytes:
    """The entry with other values in its seal."""
    entry = decode_entry(data)
    return encode_entry(replace(entry.seal, **changes), entry.action_bytes)


def with_action(
    data: bytes, change: Callable[[Action], Action], key: SigningKey | None = None
) -> bytes:
    """The entry with another action under its seal; signed by `key`, or with the signature that it
    had."""
    entry = decode_entry(data)
    body = encode_action(change(decode_action(entry.action_bytes)))
    seal = entry.seal
    if key is not None:
        ((signature,),) = key.sign([body])
        seal = replace(seal, sigs=(signature,))
    return encode_entry(seal, body)


def by_another_officer(action: Action) -> Action:
    """The action as if somebody else had acted."""
    return replace(action, actor=replace(action.actor, id="somebody.else"))


def sealed_behind(entries: Sequence[bytes], data: bytes) -> bytes:
    """An entry's action once more behind the end, sealed so that every link fits."""
    entry, end = decode_entry(data), seal_of(entries[-1])
    before = EMPTY_STREAM
    for earlier in entries:
        seal = seal_of(earlier)
        if seal.stream == entry.seal.stream:
            before = StreamHead(seal.version, leaf_hash(earlier).hex())
    seal = replace(
        entry.seal,
        index=len(entries),
        prev=leaf_hash(entries[-1]).hex(),
        recorded_at=end.recorded_at,
        version=before.version + 1,
        stream_prev=before.leaf,
    )
    return encode_entry(seal, entry.action_bytes)
