"""The state of every dossier, folded anew from a log that was verified in full before.

Up to the head of that verification links alone say that these are the same bytes, so no signature
is verified and no seal decoded again; states are folded in memory, and what was not touched for
long lies in a temporary file. So this is several times faster than a rebuild, and says less: no
timeline, no custody intervals, no counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from operator import itemgetter
from typing import Final

import msgspec

from ledger.app.ports import LogReader
from ledger.core.action import Action, plain_id
from ledger.core.chain import Head
from ledger.core.findings import Finding, FindingError, Verdict
from ledger.core.merkle import leaf_hash
from ledger.domain.upcasting import upcast
from ledger.entry.follow import LinkFollower, recorded_until
from projections.folds.dossier import EMPTY_FOLD, DossierFold, fold_dossier
from projections.runtime.folding import (
    DossierRow,
    dossier_row,
    read_known_action,
    read_known_actions,
)
from projections.runtime.older_folds import TemporaryFolds

STEP_RECORDS: Final = 2_000
"""Records of one step: large enough to be quick, small enough to bound memory."""

FOLDS_REMEMBERED_MAX: Final = 50_000
"""Folds of all logs that were touched lately, of some 3 kB each; as many lie beside them that were
touched before: 300 MB in all."""

_DOSSIER: Final = "dossier:"
_NO_ACTION: Final = (ValueError, RecursionError, msgspec.MsgspecError)


class Extent(msgspec.Struct, frozen=True):
    """How much of a log to replay. `verified` is a head up to which it was verified in full and
    passed; entries are folded up to `shown`, which lies at or before it, and of those only what was
    recorded up to `until` ("": all).
    """

    verified: Head
    shown: Head
    until: str = ""


class StateReplay:
    """Replays one log; `step` until it `is_done`, then `rows` gives the dossiers.

    `share` is the number of replays that share the memory set aside for folds. Raises
    `FindingError` where the log does not lead to the verified head, and once it does where the
    shown head is another log's or an action cannot be read.
    Close after use.
    """

    def __init__(self, reader: LogReader, extent: Extent, *, share: int = 1) -> None:
        self._reader = reader
        self._extent = extent
        self._most = FOLDS_REMEMBERED_MAX // share
        self._begin(careful=False)

    def _begin(self, *, careful: bool) -> None:
        self._careful = careful
        self._follower = LinkFollower(self._reader.origin, self._extent.verified, careful=careful)
        self._states = _States(self._most)
        self._position = self.followed = self.folded = 0
        """`followed` counts the entries so far, `folded` those of them that are in the states."""
        self._past = False
        self._error: FindingError | None = None
        """What was found on the way: true only where the way leads to the verified head."""

    @property
    def is_done(self) -> bool:
        """Whether the verified head is reached; before that nothing of it may be believed."""
        return self._follower.has_arrived

    def step(self) -> None:
        """Read on."""
        try:
            entries = self._follow()
        except FindingError:
            if self._careful:
                raise
            # A record that begins like an entry and is none may have led astray.
            self.close()
            self._begin(careful=True)
            return
        shown = self._shown(entries)
        if self._error is None:
            self._fold(shown)
        if self.is_done and self._error is not None:
            raise self._error

    def rows(self) -> Iterator[DossierRow]:
        """The row of every dossier, by its id."""
        return self._states.rows()

    def close(self) -> None:
        """Give everything back."""
        self._states.close()

    def _follow(self) -> list[bytes]:
        records = self._reader.read(self._position, STEP_RECORDS)
        if not records:
            self._follower.finish()
            return []
        entries = self._follower.follow([record.data for record in records])
        self._position = records[-1].position + 1
        return entries

    def _shown(self, entries: list[bytes]) -> Sequence[bytes]:
        """Those of the next entries that are to be folded."""
        first, shown = self.followed, self._extent.shown
        self.followed += len(entries)
        if first < shown.size <= self.followed:
            entries = entries[: shown.size - first]
            leaf = leaf_hash(entries[-1]).hex()
            if leaf != shown.leaf:
                self._error = self._found(
                    "projection.other_log",
                    "the read store was made from other entries than this log holds",
                    index=shown.size - 1,
                    expected=leaf,
                    actual=shown.leaf,
                )
        elif first >= shown.size or self._past:
            return ()
        if self._extent.until:
            count = recorded_until(entries, self._extent.until)
            self._past = count < len(entries)
            entries = entries[:count]
        return entries

    def _fold(self, entries: Sequence[bytes]) -> None:
        values = [data[data.find(b"\n") + 1 :] for data in entries]
        self._states.fold(read_known_actions(values) or self._read_each(values))
        self.folded += len(entries)

    def _read_each(self, values: Sequence[bytes]) -> list[Action]:
        """The actions before the first that cannot be read: which it is has to be said."""
        found: list[Action] = []
        for data in values:
            try:
                found.append(read_known_action(data))
            except _NO_ACTION as error:
                # On a way that leads astray anything may lie.
                index = self.folded + len(found)
                self._error = self._found("projection.unreadable", str(error), index=index)
                break
        return found

    def _found(
        self, code: str, message: str, *, index: int, expected: str = "", actual: str = ""
    ) -> FindingError:
        finding = Finding(
            code=code,
            verdict=Verdict.FAILED,
            message=message,
            origin=self._reader.origin,
            index=index,
            expected=expected,
            actual=actual,
            next_step="pal verify --projections, which says what is wrong with which",
        )
        return FindingError(finding)


class _States:
    """Folds by stream: those touched lately, those touched before, and the others in a file."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lately: dict[str, DossierFold] = {}
        self._before: dict[str, DossierFold] = {}
        self._older: TemporaryFolds | None = None

    def fold(self, actions: Iterable[Action]) -> None:
        """Fold the next actions of a log."""
        lately = self._lately
        for action in actions:
            stream = action.stream
            if not stream.startswith(_DOSSIER):
                continue
            fold = lately.get(stream)
            if fold is None:
                fold = self._not_lately(stream)
                lately = self._lately
            lately[stream], _ = fold_dossier(fold, upcast(action), fold.state.version + 1)

    def _not_lately(self, stream: str) -> DossierFold:
        """The fold of a stream that was not touched lately; makes room for it."""
        if len(self._lately) >= self._most:
            if self._before:
                self._older = self._older or TemporaryFolds()
                self._older.keep(self._before.values())
            self._before, self._lately = self._lately, {}
        fold = self._before.pop(stream, None)
        if fold is None and self._older is not None:
            fold = self._older.fold(plain_id(stream))
        return EMPTY_FOLD if fold is None else fold

    def rows(self) -> Iterator[DossierRow]:
        """The row of every dossier, by its id."""
        memory = {
            fold.state.dossier_id: fold for fold in (*self._before.values(), *self._lately.values())
        }
        newest = (dossier_row(memory[dossier]) for dossier in sorted(memory))
        if self._older is None:
            return newest
        older = (row for row in self._older.rows() if row[0] not in memory)
        return merge(older, newest, key=itemgetter(0))

    def close(self) -> None:
        """Give the file back."""
        if self._older is not None:
            self._older.close()
