"""The one writer of a SQLite log within a process: a queue, a thread, one transaction a group."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from time import monotonic
from typing import Final

from ledger.adapters.sqlite_checks import check_ends, checked_data, log_refusal, to_place
from ledger.adapters.sqlite_table import connect, insert_entries, read_head_row, read_row
from ledger.app.admission import refusal, together
from ledger.app.group import Group, next_recorded_at, seal_group
from ledger.app.limits import (
    APPEND_TIMEOUT_SECONDS,
    CLOCK_AHEAD_SECONDS_MAX,
    GROUP_ENTRIES_MAX,
    QUEUE_SUBMISSIONS_MAX,
)
from ledger.app.submission import (
    Answer,
    LedgerError,
    OutcomeUnknownError,
    Place,
    Submission,
    UnavailableError,
)
from ledger.core.chain import EMPTY_HEAD, EMPTY_STREAM, Head, StreamHead
from ledger.core.findings import FindingError
from ledger.core.times import format_instant
from ledger.entry.entry import decode_entry
from ledger.entry.log_state import LogState
from ledger.entry.signatures import SignatureError

_STREAMS_REMEMBERED_MAX: Final = 50_000
_CLOSE_SECONDS: Final = 5.0
_UNKNOWN: Final = "the answer did not come in time: the outcome is unknown"
_ASK_AGAIN: Final = "send the same action id again to learn the outcome"


class _Ticket:
    """Who waits for the answers to one call, and how they are given."""

    __slots__ = ("answers", "done", "error", "future", "left", "loop")

    def __init__(self, count: int) -> None:
        self.answers: list[Answer | None] = [None] * count
        self.left = count
        self.error: LedgerError | None = None
        self.done: Event | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.future: asyncio.Future[Answer] | None = None


class _Queued:
    __slots__ = ("place", "submission", "ticket")

    def __init__(self, submission: Submission, ticket: _Ticket, place: int) -> None:
        self.submission = submission
        self.ticket = ticket
        self.place = place


def _resolve(tickets: Sequence[_Ticket]) -> None:
    for ticket in tickets:
        future = ticket.future
        if future is None or future.done():
            continue
        answer = ticket.answers[0]
        if ticket.error is not None:
            future.set_exception(ticket.error)
        elif answer is not None:
            future.set_result(answer)


def _wake(waiters: Sequence[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)


class _Session:
    """The writer's connection with what it knows: a `LogIndex` within the write lock."""

    def __init__(self, path: Path, origin: str, genesis_leaf: str, now: datetime) -> None:
        self.connection = connect(path)
        self.origin = origin
        self.state = LogState(origin)
        """Which keys count, and how many logs there are; its heads are not kept."""
        self._own_version = 0
        try:
            _, last = check_ends(self.connection, origin, genesis_leaf)
            self._read_own()
        except BaseException:
            self.connection.close()
            raise
        self.head = Head(last.seal.index + 1, last.leaf)
        self.recorded_at = last.seal.recorded_at
        self._streams: dict[str, StreamHead] = {}
        self._places: dict[str, Place] = {}
        latest = format_instant(now + timedelta(seconds=CLOCK_AHEAD_SECONDS_MAX))
        if self.recorded_at > latest:
            self.connection.close()
            msg = (
                f"the last entry was recorded at {self.recorded_at}, this clock says "
                f"{format_instant(now)}"
            )
            raise UnavailableError(msg, next_step="set this machine's clock, then try again")

    def holds(self, stream: str) -> bool:
        """Whether the stream belongs into this log; see `LogState.holds`."""
        return self.state.holds(stream)

    def _read_own(self) -> None:
        """Fold what is new in the log's own stream: keys enrolled and revoked."""
        rows = self.connection.execute(
            "SELECT idx, leaf, data, version FROM entry WHERE stream = ? AND version > ?"
            " ORDER BY version",
            (self.state.own_stream, self._own_version),
        )
        for index, leaf, data, version in rows.fetchall():
            entry = decode_entry(checked_data((index, leaf, data)))
            self._own_version = version
            # What enrols no key is void, and changes none.
            with suppress(SignatureError):
                self.state.apply_own(entry.seal.type, entry.action.get("data", {}))

    def begin(self) -> None:
        """Take the write lock and catch up with what another process has written."""
        self.connection.execute("BEGIN IMMEDIATE")
        head = read_head_row(self.connection) or EMPTY_HEAD
        if head == self.head:
            return
        row = read_row(self.connection, self.head.size - 1)
        if row is None or row.leaf.hex() != self.head.leaf or head.size < self.head.size:
            raise log_refusal(
                "log.overwritten",
                "the file no longer holds what this process has recorded or read",
                index=self.head.size - 1,
                expected=self.head.leaf,
                actual="" if row is None else row.leaf.hex(),
            )
        _, last = check_ends(self.connection, self.origin, None)
        self.head = head
        self.recorded_at = last.seal.recorded_at
        self._streams.clear()
        self._read_own()

    def look_up(self, submissions: Sequence[Submission]) -> None:
        """Find the action ids of the group that are recorded already, in one query."""
        ids = [action.id for submission in submissions for action in submission.actions]
        if len(ids) == 1:
            where, argument = "= ?", ids[0]
        else:
            where, argument = "IN (SELECT value FROM json_each(?))", json.dumps(ids)
        rows = self.connection.execute(
            f"SELECT action_id, idx, version, leaf, data FROM entry WHERE action_id {where}",  # noqa: S608 - one of two constants
            (argument,),
        )
        self._places = {row[0]: to_place(row[1:]) for row in rows}

    def stream_head(self, stream: str) -> StreamHead:
        known = self._streams.get(stream)
        if known is not None:
            return known
        row = self.connection.execute(
            "SELECT version, leaf FROM entry WHERE stream = ? ORDER BY version DESC LIMIT 1",
            (stream,),
        ).fetchone()
        return EMPTY_STREAM if row is None else StreamHead(row[0], row[1].hex())

    def place_of(self, action_id: str) -> Place | None:
        return self._places.get(action_id)

    def commit(self, group: Group) -> None:
        """Write the group; what this session knows moves on only after the commit."""
        if not group.entries:
            self.connection.execute("ROLLBACK")
            return
        insert_entries(self.connection, group.entries, group.head)
        try:
            self.connection.execute("COMMIT")
        except sqlite3.Error as error:
            msg = f"the commit failed: {error}"
            raise OutcomeUnknownError(msg, next_step=_ASK_AGAIN) from error
        self.head = group.head
        self.recorded_at = group.recorded_at
        if self.state.own_stream in group.streams:
            self._read_own()
        streams = self._streams
        streams.update(group.streams)
        while len(streams) > _STREAMS_REMEMBERED_MAX:
            del streams[next(iter(streams))]

    def roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")


def _seal(session: _Session, submissions: Sequence[Submission], now: datetime) -> Group:
    """As many submissions, from the first on, as share a group; or that the first is refused."""
    refused = refusal(submissions[0], session.state, session.head.size)
    if refused is not None:
        return Group((), (refused,), session.head, {}, session.recorded_at)
    taken = submissions[: together(submissions, session.state)]
    session.look_up(taken)
    recorded_at = next_recorded_at(now, session.recorded_at)
    return seal_group(session.origin, session, taken, recorded_at)


class SqliteWriter:
    """Takes submissions from any thread or event loop; its thread starts with the first."""

    def __init__(
        self,
        path: Path,
        origin: str,
        genesis_leaf: str,
        now: Callable[[], datetime],
        announce: Callable[[], None],
    ) -> None:
        self._path = path
        self._origin = origin
        self._genesis_leaf = genesis_leaf
        self._now = now
        self._announce = announce
        self._queue: deque[_Queued] = deque()
        lock = Lock()
        self._changed = Condition(lock)
        self._room = Condition(lock)
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._closing = False
        self._thread: Thread | None = None
        self._session: _Session | None = None

    # The callers' side

    def submit(self, submissions: Sequence[Submission]) -> Sequence[Answer]:
        """Queue the submissions and wait for all answers; see `EntryLog.submit`."""
        if not submissions:
            return []
        ticket = _Ticket(len(submissions))
        ticket.done = Event()
        deadline = monotonic() + APPEND_TIMEOUT_SECONDS
        for place, submission in enumerate(submissions):
            queued = _Queued(submission, ticket, place)
            with self._changed:
                while len(self._queue) >= QUEUE_SUBMISSIONS_MAX and not self._closing:
                    if not self._room.wait(max(deadline - monotonic(), 0.0)):
                        raise OutcomeUnknownError(_UNKNOWN, next_step=_ASK_AGAIN)
                self._put(queued)
        if not ticket.done.wait(APPEND_TIMEOUT_SECONDS):
            raise OutcomeUnknownError(_UNKNOWN, next_step=_ASK_AGAIN)
        if ticket.error is not None:
            raise ticket.error
        return [answer for answer in ticket.answers if answer is not None]

    async def append(self, submission: Submission) -> Answer:
        """Queue one submission; see `EntryLog.append`."""
        loop = asyncio.get_running_loop()
        ticket = _Ticket(1)
        ticket.loop, ticket.future = loop, loop.create_future()
        queued = _Queued(submission, ticket, 0)
        try:
            async with asyncio.timeout(APPEND_TIMEOUT_SECONDS):
                while (waiter := self._put_or_wait(queued, loop)) is not None:
                    await waiter
                return await ticket.future
        except TimeoutError as error:
            raise OutcomeUnknownError(_UNKNOWN, next_step=_ASK_AGAIN) from error

    def _put_or_wait(
        self, queued: _Queued, loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[None] | None:
        with self._changed:
            if len(self._queue) < QUEUE_SUBMISSIONS_MAX or self._closing:
                self._put(queued)
                return None
            waiter = loop.create_future()
            self._waiters.append((loop, waiter))
            return waiter

    def _put(self, queued: _Queued) -> None:
        """Queue one submission; the caller holds the lock."""
        if self._closing:
            msg = f"the log {self._path} is closed"
            raise UnavailableError(msg, next_step="open it again")
        if self._thread is None:
            self._thread = Thread(target=self._run, name="ledger-sqlite-writer", daemon=True)
            self._thread.start()
        self._queue.append(queued)
        if len(self._queue) == 1:
            self._changed.notify()

    def close(self) -> None:
        """Answer what is queued and end the thread; safe to call again."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._room.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(_CLOSE_SECONDS)

    # The thread's side

    def _run(self) -> None:
        while batch := self._take():
            try:
                group = self._record([queued.submission for queued in batch])
            except LedgerError as error:
                self._drop(len(batch))
                self._fail(batch, error)
            else:
                self._drop(len(group.answers))
                self._announce()
                self._answer(batch, group.answers)
        if self._session is not None:
            self._session.connection.close()
            self._session = None

    def _take(self) -> list[_Queued]:
        """What one group may hold, left in the queue until it is answered; empty at the end."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            batch: list[_Queued] = []
            entries = 0
            for queued in self._queue:
                batch.append(queued)
                entries += len(queued.submission.actions)
                if entries >= GROUP_ENTRIES_MAX:
                    break
            return batch

    def _drop(self, count: int) -> None:
        with self._changed:
            full = len(self._queue) >= QUEUE_SUBMISSIONS_MAX
            for _ in range(count):
                self._queue.popleft()
            if full:
                self._room.notify_all()
            waiters, self._waiters = self._waiters, []
        for loop, waiter in waiters:
            with suppress(RuntimeError):  # that loop was closed: nobody waits there
                loop.call_soon_threadsafe(_wake, [waiter])

    def _record(self, submissions: Sequence[Submission]) -> Group:
        now = self._now()
        try:
            if self._session is None:
                self._session = _Session(self._path, self._origin, self._genesis_leaf, now)
            session = self._session
            session.begin()
            group = _seal(session, submissions, now)
            session.commit(group)
        except FindingError as error:
            self._end_session()
            raise UnavailableError(str(error), next_step=error.finding.next_step) from error
        except sqlite3.Error as error:
            self._end_session()
            msg = f"{self._path}: {error}; nothing was recorded"
            raise UnavailableError(msg, next_step="free the file or the disk, try again") from error
        except LedgerError:
            self._end_session()
            raise
        except Exception as error:
            # Callers wait: whatever it is, they must hear of it.
            self._end_session()
            msg = f"the writer failed: {error!r}; nothing was recorded"
            raise UnavailableError(msg, next_step="report this with its traceback") from error
        return group

    def _end_session(self) -> None:
        """The next group opens the file anew and settles what is in it."""
        session, self._session = self._session, None
        if session is not None:
            session.roll_back()
            session.connection.close()

    def _answer(self, batch: Sequence[_Queued], answers: Sequence[Answer]) -> None:
        ready: list[_Ticket] = []
        for queued, answer in zip(batch, answers, strict=False):
            ticket = queued.ticket
            ticket.answers[queued.place] = answer
            ticket.left -= 1
            if ticket.left == 0:
                ready.append(ticket)
        self._give(ready)

    def _fail(self, batch: Sequence[_Queued], error: LedgerError) -> None:
        ready: list[_Ticket] = []
        for queued in batch:
            ticket = queued.ticket
            ticket.error = error
            ticket.left -= 1
            if ticket.left == 0:
                ready.append(ticket)
        self._give(ready)

    def _give(self, tickets: Sequence[_Ticket]) -> None:
        """Wake threads one by one, each event loop once."""
        loops: dict[asyncio.AbstractEventLoop, list[_Ticket]] = {}
        for ticket in tickets:
            if ticket.done is not None:
                ticket.done.set()
            elif ticket.loop is not None:
                loops.setdefault(ticket.loop, []).append(ticket)
        for loop, waiting in loops.items():
            with suppress(RuntimeError):  # that loop was closed: nobody waits there
                loop.call_soon_threadsafe(_resolve, waiting)
