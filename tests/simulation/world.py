"""A small model of one partition with several writers, every step of which can go wrong.

The writers are real sequencers. The model is what lies between them: the leader's log and its high
watermark, batches under way, answers under way, reads, callers, crashes. A world is a value: `take`
gives the world after one step. Faults are counted, and so are opening entries: with both bounded,
the number of states is finite.

Steps without a fault: a command is submitted; a read comes back with everything; a batch lands; its
echo arrives; back-off ends; an idle writer sees that the log has grown; a batch that was appended
is replicated; the leader moves, and what was not replicated is cut off.
Faults: an answer is lost or its writer gave up, before or after the batch landed (it may still
land, at any time); the answer is -1; a batch lands again behind itself; it lands at a leader that
has not replicated it; a read lags, or fails; a foreign record; a caller's time runs out; a writer
dies, and a new one starts; a writer is closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ledger.app.effects import Deliver, Effect, Moment, NewProducer, Phase, ReadFrom, SendBatch
from ledger.app.log_index import MemoryIndex
from ledger.app.ports import Record
from ledger.app.sequencer import Sequencer
from ledger.app.submission import Submission
from tests.simulation.fork import fork
from tests.simulation.oracle import LOST, Fold, check
from tests.simulation.small_log import GENESIS, KEY, NOW, ORIGIN, an_id

SOON, AFTER_BACKOFF, TOO_LATE = (Moment(NOW, seconds) for seconds in (0.0, 1e9, 1e15))
FOREIGN = b"written by somebody else"


class Command(NamedTuple):
    """A submission and the writer that it goes to."""

    writer: int
    submission: Submission


class Rules(NamedTuple):
    """What is true of writers and broker; the defaults are the protocol."""

    machine: type[Sequencer] = Sequencer
    index: type[MemoryIndex] = MemoryIndex
    acks_all: bool = True
    check_prev: bool = True
    whole_batches: bool = True


class Batch(NamedTuple):
    """A batch under way. `base` is where it lies, -1 before it landed."""

    writer: int
    session: int
    entries: tuple[bytes, ...]
    waiting: bool = True
    """Its session still wants the answer."""
    base: int = -1
    part_of: int = 0
    """Only of a broker that splits batches: entries that came before these."""

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.base + len(self.entries)


class Step(NamedTuple):
    """Something that happens: to a command, a writer or a batch; `at` is an offset."""

    kind: str
    number: int = 0
    at: int = 0


FAULTS = frozenset(
    {
        "answer lost",
        "answer is -1",
        "lands again",
        "lands, not replicated",
        "read lags",
        "read fails",
        "foreign record",
        "time is up",
        "dies",
        "is closed",
    }
)


class World:
    """Partition, network and writers at one moment. Only `take` of a fresh copy changes one."""

    __slots__ = (
        "batches",
        "commands",
        "faults",
        "fold",
        "incarnations",
        "log",
        "openings",
        "outcomes",
        "owned",
        "reads",
        "rules",
        "seams",
        "submitted",
        "watermark",
        "writers",
    )

    def __init__(
        self, rules: Rules, commands: Sequence[Command], faults: int, openings: int
    ) -> None:
        self.rules = rules
        self.commands = tuple(commands)
        self.faults = faults
        self.openings = openings
        self.log: tuple[bytes, ...] = (GENESIS,)
        self.watermark = 1
        self.seams: tuple[int, ...] = ()
        """Where what was appended at once begins: a leader that moves cuts off nothing less."""
        self.fold = Fold(check_prev=rules.check_prev).take(self.log)
        self.batches: list[Batch] = []
        count = 1 + max(command.writer for command in commands)
        self.incarnations = [0] * count
        self.reads: list[ReadFrom | None] = [None] * count
        self.submitted = [False] * len(commands)
        self.outcomes: list[Any] = [None] * len(commands)
        self.writers = [self._start(number) for number in range(count)]
        self.owned: set[int] = set()

    def _start(self, number: int) -> Sequencer:
        software = f"writer {number}"
        index = self.rules.index(ORIGIN)
        return self.rules.machine(index, KEY, software=software, timeout_seconds=1e12)

    def _copy(self) -> World:
        twin = object.__new__(World)
        for name in World.__slots__:
            value = getattr(self, name)
            setattr(twin, name, value[:] if type(value) is list else value)
        twin.owned = set()
        return twin

    # What can happen

    def steps(self) -> Iterator[Step]:
        """Every step possible here, faults only while some are left.

        Once everybody is answered no writer sends another action: only what is under way matters.
        """
        if None not in self.outcomes:
            yield from self._steps_of_log()
            yield from (Step("lands", n) for n, batch in enumerate(self.batches) if batch.base < 0)
            return
        for number, sent in enumerate(self.submitted):
            if not sent:
                yield Step("submitted", number)
        for number in range(len(self.writers)):
            yield from self._steps_of_writer(number)
        for number in range(len(self.batches)):
            yield from self._steps_of_batch(number)
        yield from self._steps_of_log()
        if self.faults:
            yield Step("foreign record")

    def _steps_of_log(self) -> Iterator[Step]:
        if self.watermark < len(self.log):
            yield Step("replicated", 0, len(self.log))
        for end in self.seams:
            if end >= self.watermark:
                yield Step("leader moves", 0, end)

    def _steps_of_writer(self, number: int) -> Iterator[Step]:
        writer, read = self.writers[number], self.reads[number]
        if writer.phase is Phase.WAITING:
            yield Step("back-off ends", number)
        idle = writer.phase is Phase.SERVING and writer.backlog == 0
        if idle and self.watermark > writer.index.position:
            yield Step("sees the log grow", number)
        if read is not None and self.watermark >= writer.index.position:
            yield Step("reads", number, self.watermark)
        if not self.faults:
            return
        if read is not None:
            yield Step("read fails", number)
            for end in range(writer.index.position, self.watermark):
                yield Step("read lags", number, end)
        if writer._queue:
            yield Step("time is up", number)
        if writer.backlog or writer.phase is not Phase.CLOSED:
            yield Step("dies", number)
            yield Step("is closed", number)

    def _steps_of_batch(self, number: int) -> Iterator[Step]:
        batch = self.batches[number]
        landed = batch.base >= 0
        if not landed:
            yield Step("lands", number)
        answered = landed and (batch.end <= self.watermark or not self.rules.acks_all)
        if answered and batch.waiting:
            yield Step("echo", number)
        if not self.faults:
            return
        if not landed:
            yield Step("lands, not replicated", number)
        else:
            yield Step("lands again", number)
        if batch.waiting:
            yield Step("answer lost", number)
        if answered and batch.waiting:
            yield Step("answer is -1", number)

    # What happens

    def take(self, step: Step) -> World:
        """The world after `step`; raises `ViolationError` where the invariant breaks."""
        twin = self._copy()
        if step.kind in FAULTS:
            twin.faults -= 1
        twin._take(step)
        twin._settle()
        if (twin.log, twin.watermark, twin.outcomes) != (self.log, self.watermark, self.outcomes):
            twin.check()
        return twin

    def _take(self, step: Step) -> None:
        kind, number, at = step
        if kind in ("submitted", "reads", "read lags", "read fails"):
            self._take_of_writer(kind, number, at)
        elif kind in ("back-off ends", "time is up"):
            moment = TOO_LATE if kind == "time is up" else AFTER_BACKOFF
            self._apply(number, self._own(number).tick(moment))
        elif kind == "sees the log grow":
            writer = self._own(number)
            self._apply(number, writer.displaced())
            for offset in range(writer.index.position, self.watermark):
                writer.index.add(Record(offset, self.log[offset]))
        elif kind == "is closed":
            self._apply(number, self._own(number).close())
        elif kind == "dies":
            self._die(number)
        elif kind == "replicated":
            self.watermark = at
        elif kind == "leader moves":
            self._cut(at)
        elif kind == "foreign record":
            self._append((FOREIGN,))
        else:
            self._take_of_batch(kind, number)

    def _take_of_writer(self, kind: str, number: int, at: int) -> None:
        if kind == "submitted":
            command = self.commands[number]
            self.submitted[number] = True
            writer = self._own(command.writer)
            self._apply(command.writer, writer.submit(number, command.submission, SOON))
            self._apply(command.writer, writer.flush(SOON))
            return
        writer, read = self._own(number), self.reads[number]
        self.reads[number] = None
        assert read is not None
        if kind == "read fails":
            self._apply(number, writer.failed(read.session, "read failed", SOON))
            return
        records = [Record(offset, self.log[offset]) for offset in range(read.offset, at)]
        self._apply(number, writer.records(read.session, records, at, SOON))
        session_id = an_id(f"session {number} {self.incarnations[number]} {read.session}")
        self._apply(number, writer.end_reached(read.session, at, session_id, SOON))

    def _take_of_batch(self, kind: str, number: int) -> None:
        batch = self.batches[number]
        if kind in ("lands", "lands, not replicated"):
            self.batches[number] = batch._replace(base=len(self.log))
            self._append(batch.entries, replicated=kind == "lands")
            return
        if kind == "lands again":
            self._append(batch.entries)
            return
        self.batches[number] = batch._replace(waiting=False)
        writer = self._own(batch.writer)
        if kind == "answer lost":
            effects = writer.batch_unknown(batch.session, "no answer", SOON)
        else:
            base = -1 if kind == "answer is -1" else batch.base - batch.part_of
            effects = writer.echoed(batch.session, base, SOON)
        self._apply(batch.writer, effects)

    def _append(self, entries: tuple[bytes, ...], *, replicated: bool = True) -> None:
        # The watermark moves in order: behind what is not replicated yet, nothing is.
        if replicated and self.watermark == len(self.log) and self.rules.acks_all:
            self.watermark += len(entries)
        self.seams = (*(seam for seam in self.seams if seam >= self.watermark), len(self.log))
        self.log += entries
        self.fold = self.fold.take(entries)

    def _cut(self, end: int) -> None:
        """A new leader has the log up to `end`; what is cut off may be sent or arrive again."""
        self.log = self.log[:end]
        self.fold = Fold(check_prev=self.rules.check_prev).take(self.log)
        self.seams = tuple(seam for seam in self.seams if seam < end)
        for number, batch in enumerate(self.batches):
            if batch.base >= end:
                self.batches[number] = batch._replace(base=-1)

    def _die(self, number: int) -> None:
        self.writers[number] = self._start(number)
        self.owned.add(number)
        self.incarnations[number] += 1
        self.reads[number] = None
        for place, batch in enumerate(self.batches):
            if batch.writer == number:
                self.batches[place] = batch._replace(waiting=False)
        for place, command in enumerate(self.commands):
            if command.writer == number and self.submitted[place] and self.outcomes[place] is None:
                self.outcomes[place] = LOST

    # Writers

    def _own(self, number: int) -> Sequencer:
        """The writer, as a copy of this world's own."""
        if number not in self.owned:
            self.owned.add(number)
            self.writers[number] = fork(self.writers[number])
        return self.writers[number]

    def _apply(self, number: int, effects: Sequence[Effect]) -> None:
        writer = self.writers[number]
        for effect in effects:
            if isinstance(effect, Deliver):
                assert self.outcomes[effect.token] is None, "answered twice"
                self.outcomes[effect.token] = effect.outcome
            elif isinstance(effect, NewProducer):
                self._apply(number, writer.producer_ready(effect.session))
            elif isinstance(effect, ReadFrom):
                self.reads[number] = effect
            elif isinstance(effect, SendBatch):
                self._send(number, effect)

    def _send(self, number: int, effect: SendBatch) -> None:
        if self.writers[number].phase is Phase.OPENING:
            self.openings -= 1
        whole = Batch(number, effect.session, effect.entries)
        if self.rules.whole_batches:
            self.batches.append(whole)
            return
        # A broker, or a producer, that splits: the last part's answer is taken for the whole.
        for at, entry in enumerate(effect.entries):
            last = at == len(effect.entries) - 1
            self.batches.append(whole._replace(entries=(entry,), waiting=last, part_of=at))

    def _settle(self) -> None:
        """Forget what can do nothing any more."""
        for number, batch in enumerate(self.batches):
            if batch.waiting and batch.session != self.writers[batch.writer].session:
                self.batches[number] = batch._replace(waiting=False)
        self.batches = [
            batch
            for batch in self.batches
            if batch.waiting or batch.base < 0 or batch.end > self.watermark
        ]
        for number, read in enumerate(self.reads):
            if read is not None and read.session != self.writers[number].session:
                self.reads[number] = None

    def check(self) -> None:
        """The invariant (oracle.py)."""
        submissions = [command.submission for command in self.commands]
        check(self.fold, self.watermark, submissions, self.outcomes)

    def describe(self, step: Step) -> str:
        """The step in words, as seen from this world."""
        kind, number, at = step
        if kind == "submitted":
            names = ", ".join(
                _note(action.data) for action in self.commands[number].submission.actions
            )
            return f"{names} is submitted to writer {self.commands[number].writer}"
        if kind in ("replicated", "leader moves", "foreign record"):
            return f"{kind}: the log ends at {at}" if kind == "leader moves" else kind
        if kind in ("lands", "lands again", "lands, not replicated", "echo") or "answer" in kind:
            batch = self.batches[number]
            what = ", ".join(_note(entry) for entry in batch.entries)
            where = f" at {batch.base}" if kind == "echo" else ""
            return f"writer {batch.writer}'s batch ({what}): {kind}{where}"
        where = f" to {at}" if kind in ("reads", "read lags") else ""
        return f"writer {number} {kind}{where}"


def _note(data: bytes) -> str:
    """What an entry or action is called in a trace."""
    if b"writer_opened" in data:
        return "opening"
    return data.partition(b'"note":"')[2].partition(b'"')[0].decode()
