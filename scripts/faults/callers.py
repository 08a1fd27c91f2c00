"""Sixty-four callers of a writer process, and the book of what each of them was told."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO

import msgspec

from ledger.app.submission import SignedAction
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import uuid7_text
from scripts.faults.writer import KEY, Answer, Request

SCRIPT = Path(__file__).with_name("writer.py")
LEFT_UNKNOWN = 0.3
"""The share of unknown outcomes that a caller does not ask for again: they must stay harmless."""


SAMPLED = 0.02
SAMPLES_MAX = 200


class NotSentError(Exception):
    """The writer could not be reached: nothing was submitted."""


class LostError(Exception):
    """The connection ended before the answer came."""


class WriterProcess:
    """A writer's process, started again whenever it ends, as a service manager does."""

    def __init__(self, arguments: Sequence[str], socket: Path, log: IO[bytes]) -> None:
        self.has_come_up = asyncio.Event()
        index = socket.with_suffix(".sqlite")
        self._command = [sys.executable, str(SCRIPT), *arguments, str(index), str(socket)]
        self._socket = socket
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._number = 0
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            self._socket.unlink(missing_ok=True)
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdout=self._log, stderr=self._log
            )
            ended = asyncio.create_task(self._process.wait())
            while not ended.done():
                await self._serve_connection()
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)

    async def _serve_connection(self) -> None:
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            return
        self.has_come_up.set()
        decoder = msgspec.json.Decoder(Answer)
        try:
            while line := await reader.readline():
                answer = decoder.decode(line)
                future = self._waiting.pop(answer.number)
                if not future.done():
                    future.set_result(answer)
        except OSError:
            pass
        finally:
            self._writer.close()
            self._writer = None
            waiting, self._waiting = self._waiting, {}
            for future in waiting.values():
                if not future.done():
                    future.set_exception(LostError())

    async def submit(self, action: SignedAction, patience_seconds: float) -> Answer:
        """One submission; raises `NotSentError`, or `LostError` where no answer comes in time."""
        if self._writer is None or self._writer.is_closing():
            raise NotSentError
        self._number += 1
        future = self._waiting[self._number] = asyncio.get_running_loop().create_future()
        self._writer.write(msgspec.json.encode(Request(self._number, action)) + b"\n")
        try:
            return await asyncio.wait_for(future, patience_seconds)
        except TimeoutError as error:
            raise LostError from error

    def send_signal(self, number: signal.Signals) -> None:
        """kill -9 and the like: the process has no time to tell anybody anything."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def stop(self) -> None:
        """End the process for good."""
        self._keeping.cancel()
        await asyncio.wait({self._keeping})
        self.send_signal(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()


class Book:
    """What the callers know: acknowledged places, ids that are unknown, ids said not recorded."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, tuple[int, str]] = {}
        self.unknown: set[str] = set()
        self.denied: set[str] = set()
        self.alarms: Counter[str] = Counter()
        self.samples: deque[SignedAction] = deque(maxlen=SAMPLES_MAX)
        """Some of the acknowledged actions, to be sent once more at the end."""
        self.changed = 0
        """Ids that were acknowledged twice, with different places."""

    def acknowledge(self, action_id: str, answer: Answer) -> None:
        """An answer of `recorded`; the first one counts, every later one must be the same."""
        place = (answer.index, answer.leaf)
        if self.acknowledged.setdefault(action_id, place) != place:
            self.changed += 1
        self.unknown.discard(action_id)


class Callers:
    """A steady load: each caller sends, waits for its answer, pauses, and sends the next."""

    def __init__(
        self, count: int, pace_seconds: float, patience_seconds: float, seed: int, run: str
    ) -> None:
        self.book = Book()
        self.writers: list[WriterProcess] = []
        self.is_over = False
        self._chance = random.Random(seed)  # noqa: S311 - a repeatable load, no secret
        self._pace = pace_seconds
        self._patience = patience_seconds
        self._run = run
        now = time.monotonic()
        self._route = [0] * count
        self._last = [now] * count
        self._pause = [0.0] * count
        self._tasks = [asyncio.create_task(self._call(caller)) for caller in range(count)]

    @property
    def longest_pause(self) -> float:
        """Seconds that some caller went without an acknowledgement."""
        return max(self._pause)

    def have_all_heard(self, since: float) -> bool:
        """Whether every caller was acknowledged after the monotonic time `since`."""
        return min(self._last) > since

    def reset_pauses(self) -> None:
        """Count pauses from now on: the start of the writer is behind."""
        now = time.monotonic()
        self._last = [now for _ in self._last]
        self._pause = [0.0 for _ in self._pause]

    async def finish(self, timeout_seconds: float) -> None:
        """No more actions; wait for the answers that are due."""
        self.is_over = True
        done, _ = await asyncio.wait(self._tasks, timeout=timeout_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for task in done:
            task.result()

    def _make(self, caller: int, number: int) -> SignedAction:
        stream = f"dossier:{self._run}-{caller}"
        milliseconds = int(time.time() * 1000)
        action = Action(
            id=uuid7_text(milliseconds, sha256(f"{stream} {number}".encode()).digest()),
            type="dossier.note_added.v1",
            stream=stream,
            occurred_at=OccurredAt("2026-03-02T08:00:00.000000Z", "second"),
            actor=Actor(kind="officer", id="C-0092"),
            data={"note": f"note {number} of caller {caller}, as long as notes are: {'x' * 80}"},
        )
        data = encode_action(action)
        return SignedAction(action.id, stream, action.type, data, KEY.sign([data])[0])

    async def _call(self, caller: int) -> None:
        await asyncio.sleep(self._pace * self._chance.random())
        number = 0
        while not self.is_over:
            number += 1
            if await self._record(caller, self._make(caller, number)):
                now = time.monotonic()
                self._pause[caller] = max(self._pause[caller], now - self._last[caller])
                self._last[caller] = now
            await asyncio.sleep(self._pace)

    async def _record(self, caller: int, action: SignedAction) -> bool:
        """Whether it was acknowledged; sends it again, under its id, while that is unknown."""
        book = self.book
        while True:
            try:
                answer = await self._submit(caller, action)
            except NotSentError:
                if self.is_over:
                    return False
                await asyncio.sleep(0.05)
                continue
            except LostError:
                answer = Answer(0, "unknown")
            if answer.state == "recorded":
                book.acknowledge(action.id, answer)
                if self._chance.random() < SAMPLED:
                    book.samples.append(action)
                return True
            if answer.state in ("alarm", "refused"):
                book.alarms[answer.message] += 1
                await asyncio.sleep(1.0)
                return False
            if answer.state == "not_recorded" and action.id not in book.unknown:
                # Final, because no earlier submission of this id is outstanding; never sent again.
                book.denied.add(action.id)
                return False
            book.unknown.add(action.id)
            if self.is_over or self._chance.random() < LEFT_UNKNOWN:
                return False
            await asyncio.sleep(0.2)

    async def _submit(self, caller: int, action: SignedAction) -> Answer:
        """One submission to the writer of this caller; where it does not serve, to the next."""
        if not self.writers:
            raise NotSentError
        try:
            writer = self.writers[self._route[caller] % len(self.writers)]
            answer = await writer.submit(action, self._patience)
        except (NotSentError, LostError):
            self._route[caller] += 1
            raise
        except asyncio.CancelledError:
            self.book.unknown.add(action.id)
            raise
        if answer.state == "not_served":
            self._route[caller] += 1
            raise NotSentError
        return answer

    def serving_writer(self) -> WriterProcess:
        """The writer that most callers are with."""
        ((at, _),) = Counter(route % len(self.writers) for route in self._route).most_common(1)
        return self.writers[at]

    def divide(self) -> None:
        """Spread the callers evenly over the writers."""
        self._route = list(range(len(self._route)))

    async def ask_again(self) -> int:
        """Send acknowledged actions once more; gives how many got an answer: their first one."""
        answered = 0
        for action in list(self.book.samples):
            try:
                answer = await self._submit(0, action)
            except (NotSentError, LostError):
                continue
            if answer.state == "recorded":
                self.book.acknowledge(action.id, answer)
                answered += 1
        return answered
