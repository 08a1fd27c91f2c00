"""Sealing one tree: reading on, growing the published files, signing, keeping, publishing.

The order is what makes a crash harmless: bundles, tiles, read back and hashed again, then the
signature, which counts once the store has taken it in the place of the one before, then the
checkpoint file. Whatever stops in between is done again with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from ledger.adapters.checkpoint_store import CheckpointStore, SignedCheckpoint
from ledger.adapters.tile_folder import TileFolder
from ledger.app.growth import grow, prove_growth
from ledger.app.limits import SEAL_ENTRIES_MAX
from ledger.app.sealing import Counted, TreeState
from ledger.core.checkpoint import Checkpoint
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.note import NoteError, SignedNote, parse_note
from ledger.core.tiles import WIDTH_MAX, grown_tiles
from ledger.core.times import format_instant
from ledger.entry.note_keys import NoteSignatureError, NoteSigner, verify_checkpoint
from ledger.entry.officer_index import OfficerIndex
from ledger.entry.officer_proof import encode_officer_map


class Follower(Protocol):
    """The entries of one log from where its tree stands; `position` is what is read next."""

    position: int

    def check_last(self) -> None:
        """Raises `FindingError` where what was read before is not there any more."""

    def entries(self, limit: int) -> Iterator[Counted]:
        """The next entries, at most `limit`; raises `FindingError` for a broken log."""


class TreeSealer:
    """One tree of a ledger. `follow` gives the log's entries behind a state.

    `indexes_officers` is False for the log of checkpoints, which has none. After an error the next
    call begins again from the store.
    """

    def __init__(
        self,
        store: CheckpointStore,
        folder: TileFolder,
        origin: str,
        signers: Sequence[NoteSigner],
        follow: Callable[[TreeState], Follower],
        now: Callable[[], datetime],
        *,
        indexes_officers: bool = True,
    ) -> None:
        self.origin = origin
        self.folder = folder
        self.state = store.state(origin)
        self._store = store
        self._signers = tuple(signers)
        self._follow = follow
        self._now = now
        self._indexes_officers = indexes_officers
        self._follower: Follower | None = None
        self._officers = OfficerIndex()
        folder.clear_unfinished()

    def grow(self) -> bool:
        """Sign what the log has grown by, up to `SEAL_ENTRIES_MAX` entries; False where it has not.

        Raises `FindingError` where log or published tree cannot be relied on (then nothing was
        signed), `SealerDisplacedError` where another sealer signed meanwhile.
        """
        try:
            follower = self._open()
            self._check_published()
            follower.check_last()
            return self._grow(follower)
        except BaseException:
            self._follower = None
            raise

    def _open(self) -> Follower:
        if self._follower is None:
            self.state = self._store.state(self.origin)
            self._follower = self._follow(self.state)
            rows = self._store.officer_rows(self.origin) if self._indexes_officers else ()
            self._officers = OfficerIndex(rows)
            self._publish_officers()
        return self._follower

    def _grow(self, follower: Follower) -> bool:
        before, last = self.state, Counted(self.state.last_position, b"", b"")

        def new_entries() -> Iterator[tuple[bytes, bytes]]:
            nonlocal last
            for last in follower.entries(SEAL_ENTRIES_MAX):
                if last.entry is not None:
                    self._officers.add(last.entry)
                yield last.data, last.leaf

        size, root = grow(self.folder, self.origin, before.size, before.root, new_entries())
        if size == before.size:
            return False
        moment = self._now()
        text = Checkpoint(self.origin, size, root).text()
        seconds = int(moment.timestamp())
        note = SignedNote(text, tuple(signer.sign(text, seconds) for signer in self._signers))
        officers = self._officers.map()
        state = TreeState(
            self.origin,
            size,
            root,
            note.encode(),
            follower.position,
            last.leaf.hex(),
            last.position,
            len(officers),
            officers.root(),
        )
        rows = self._officers.take_changed_rows()
        self._store.swap(before, state, format_instant(moment), rows)
        self.state = state
        self._publish_officers()
        return True

    def prove_from(self, size: int) -> tuple[bytes, ...]:
        """The consistency proof from a tree of `size` to what was signed last.

        Raises `FindingError` where the published tree gives none.
        """
        return prove_growth(self.folder, self.origin, size, self.state.size)

    def signed(self) -> SignedCheckpoint | None:
        """What was signed last, with the cosignatures that came; None where nothing was."""
        return self._store.checkpoint(self.origin, self.state.size)

    def publish(self) -> None:
        """Publish what was signed last, then remove what its full tiles took the place of."""
        signed = self.signed()
        if signed is None:
            return
        if signed.token and self.folder.read_timestamp(signed.size) is None:
            self.folder.write_timestamp(signed.size, signed.token)
        if self.folder.read_checkpoint() == signed.note:
            return
        self.folder.write_checkpoint(signed.note)
        before = self._store.size_before(self.origin, signed.size)
        for tile in grown_tiles(before, signed.size):
            if tile.width == WIDTH_MAX:
                self.folder.drop_partials(tile)
        if self._indexes_officers:
            self.folder.forget_officers(but=(before, signed.size))

    def _publish_officers(self) -> None:
        size = self.state.size
        if self._indexes_officers and size and self.folder.read_officers(size) is None:
            data = encode_officer_map(self._officers.map(), self.origin, size)
            self.folder.write_officers(size, data)

    def _check_published(self) -> None:
        """What is published is what was signed last, or what was signed before: a crash came before
        it was published. Anything else stops the sealer."""
        data, signed = self.folder.read_checkpoint(), self.signed()
        ours = b"" if signed is None else signed.note
        if data is None or data == ours:
            return
        try:
            note = parse_note(data)
            found = verify_checkpoint(note, self.origin, [signer.key for signer in self._signers])
        except NoteSignatureError as error:
            raise self._failed("checkpoint.signature_invalid", str(error)) from error
        except NoteError as error:
            raise self._failed("checkpoint.malformed", str(error)) from error
        size = found.checkpoint.size
        kept = self._store.checkpoint(self.origin, size)
        if kept is not None and parse_note(kept.note).text == note.text:
            return
        moment = format_instant(self._now())
        theirs, ours = data, ours if kept is None else kept.note
        self._store.keep_evidence(self.origin, ours, theirs, moment)
        if size > self.state.size:
            raise self.rolled_back("what is published", size)
        msg = f"two checkpoints of size {size} with different roots, both signed"
        raise self._failed("checkpoint.forked", msg, actual=note.text.split("\n")[2])

    def rolled_back(self, who: str, size: int) -> FindingError:
        """Somebody has a later checkpoint of this log than its store has."""
        return self._failed(
            "sealer.rolled_back",
            f"{who} has a signed checkpoint that this store does not know: it is an older copy, or "
            "another sealer signs with these keys",
            actual=f"size {size}",
        )

    def forked(self, who: str, said: str) -> FindingError:
        """Somebody has seen another tree under this origin."""
        return self._failed(
            "checkpoint.forked", f"{who} has seen another tree of this log", actual=said
        )

    def _failed(self, code: str, message: str, *, actual: str = "") -> FindingError:
        state = self.state
        return FindingError(
            Finding(
                code=code,
                verdict=Verdict.FAILED,
                message=message,
                origin=self.origin,
                expected=f"size {state.size}, root {state.root.hex()}",
                actual=actual,
                next_step="nothing more is signed of this log; keep both checkpoints: they are the "
                "evidence",
            )
        )
