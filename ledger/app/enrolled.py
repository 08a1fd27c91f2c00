"""The keys that a log has enrolled, as its own stream says."""

from __future__ import annotations

from ledger.app.ports import EntryLog
from ledger.entry.entry import decode_entry
from ledger.entry.signatures import KeyRing


def enrolled_keys(log: EntryLog) -> KeyRing:
    """The keys of a log as recorded now, revoked ones included."""
    ring = KeyRing()
    for item in log.stream_entries(f"ledger:{log.origin}"):
        entry = decode_entry(item)
        ring.apply(entry.seal.type, entry.action["data"])
    return ring
