"""Signatures of what arrives together, verified on other threads than the writer's event loop.

Verifying Ed25519 takes about as long as all else that an append costs the loop, but needs no
interpreter lock: on a free core it costs the writer nothing. Only the arithmetic moves; what a
signature means is decided by the same `check_signatures` as everywhere, which then finds the
submission verified already.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, NamedTuple

from ledger.app.limits import SIGNATURES_TOGETHER_MAX
from ledger.core.merkle import leaf_hash, root_from_inclusion
from ledger.entry.entry import Signature
from ledger.entry.signatures import KeyRing

_THREADS: Final = os.cpu_count() or 1


class _Wanted(NamedTuple):
    signature: Signature
    root: bytes
    keys: KeyRing
    done: asyncio.Future[None]


class SignatureChecks:
    """Verifies ahead of `check_signatures` what the callers of one event loop ask for."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: list[_Wanted] = []

    async def verify_ahead(self, data: bytes, sigs: Sequence[Signature], keys: KeyRing) -> None:
        """Wait until each signature that may be genuine is verified, and remembered by `keys`.

        Says nothing about the others: `check_signatures` names what is wrong with them.
        """
        loop = asyncio.get_running_loop()
        asked = []
        for signature in sigs:
            try:
                leaf = leaf_hash(data)
                hashes = signature.path_hashes()
                root = root_from_inclusion(signature.at, signature.size, leaf, hashes)
            except ValueError:
                return
            if keys.role_of(signature.key) is None or keys.remembers(signature, root):
                continue
            if not self._waiting:
                # Whoever else asks in this turn of the loop shares a thread's wake-up.
                loop.call_soon(self._dispatch, loop)
            wanted = _Wanted(signature, root, keys, loop.create_future())
            self._waiting.append(wanted)
            asked.append(wanted.done)
        for done in asked:
            await done

    def close(self) -> None:
        """Give the threads back; safe to call again."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=False)

    def _dispatch(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, "pal-signatures")
        for first in range(0, len(waiting), SIGNATURES_TOGETHER_MAX):
            part = waiting[first : first + SIGNATURES_TOGETHER_MAX]
            self._pool.submit(_verify, loop, part)


def _verify(loop: asyncio.AbstractEventLoop, part: Sequence[_Wanted]) -> None:
    genuine = [_is_genuine(item) for item in part]
    # Where the loop has ended meanwhile, nobody waits.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(_settle, part, genuine)


def _is_genuine(item: _Wanted) -> bool:
    try:
        return item.keys.is_genuine(item.signature, item.root)
    except (KeyError, ValueError):
        return False


def _settle(part: Sequence[_Wanted], genuine: Sequence[bool]) -> None:
    for item, good in zip(part, genuine, strict=True):
        if good:
            item.keys.remember(item.signature, item.root)
        if not item.done.done():
            item.done.set_result(None)
