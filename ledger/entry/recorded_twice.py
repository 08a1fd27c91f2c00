"""Which actions a log holds twice: the one thing that neither links nor signatures show.

The seal is not signed. Whoever may append to the log can put an old action, with its own valid
signature, behind the head once more: every link holds. A writer never does so, because the same id
gives the first answer again.
"""

from __future__ import annotations

from array import array
from hashlib import sha256
from typing import Final

_KEY_BYTES: Final = 16
_SHARDS: Final = 256


class RecordedTwice:
    """Collects action ids with their index, 24 bytes each: a log of ten millions fits memory."""

    def __init__(self) -> None:
        self._keys = [bytearray() for _ in range(_SHARDS)]
        self._indices = [array("Q") for _ in range(_SHARDS)]

    def add(self, action_id: str, index: int) -> None:
        """An entry that is not void records this action; indices come in order."""
        key = sha256(action_id.encode()).digest()[:_KEY_BYTES]
        self._keys[key[0]] += key
        self._indices[key[0]].append(index)

    def repeated(self) -> list[tuple[int, int]]:
        """(index, first index) of each entry whose action was recorded before it, in order."""
        found: list[tuple[int, int]] = []
        for keys, indices in zip(self._keys, self._indices, strict=True):
            first: dict[bytes, int] = {}
            for place, index in enumerate(indices):
                key = bytes(keys[_KEY_BYTES * place : _KEY_BYTES * (place + 1)])
                before = first.setdefault(key, index)
                if before != index:
                    found.append((index, before))
        return sorted(found)
