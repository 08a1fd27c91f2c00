"""Which actions a log holds twice: the one thing that neither links nor signatures show.

The seal is not signed. Whoever may append to the log can put an old action, with its own valid
signature, behind the head once more: every link holds. A writer never does so, because the same id
gives the first answer again.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

_KEY_BYTES: Final = 16
_INDEX_BYTES: Final = 8
_ITEM_BYTES: Final = _KEY_BYTES + _INDEX_BYTES
_SHARDS: Final = 256


class RecordedTwice:
    """Collects action ids with their index, 24 bytes each: a log of ten millions fits memory.

    Its shards, by the first byte of an id's hash, can be made in several places and joined.
    """

    def __init__(self) -> None:
        self._shards = [bytearray() for _ in range(_SHARDS)]

    def add(self, action_id: str, index: int) -> None:
        """An entry that is not void records this action; indices come in order."""
        key = sha256(action_id.encode()).digest()[:_KEY_BYTES]
        self._shards[key[0]] += key + index.to_bytes(_INDEX_BYTES)

    def shards(self) -> list[bytes]:
        """All that was added, for `join`."""
        return [bytes(shard) for shard in self._shards]

    def join(self, shards: Sequence[bytes]) -> None:
        """What another one collected of the entries behind those that were added here."""
        for own, other in zip(self._shards, shards, strict=True):
            own.extend(other)

    def repeated(self) -> list[tuple[int, int]]:
        """(index, first index) of each entry whose action was recorded before it, in order."""
        found: list[tuple[int, int]] = []
        for shard in self._shards:
            data = bytes(shard)
            keys = [data[at : at + _KEY_BYTES] for at in range(0, len(data), _ITEM_BYTES)]
            if len(set(keys)) == len(keys):
                continue
            first: dict[bytes, int] = {}
            for place, key in enumerate(keys):
                at = place * _ITEM_BYTES + _KEY_BYTES
                index = int.from_bytes(data[at : at + _INDEX_BYTES])
                before = first.setdefault(key, index)
                if before != index:
                    found.append((index, before))
        return sorted(found)
