"""The judgement of a fault run: each way to break the invariant is counted, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts.faults.__main__ import MUST_BE_ZERO, compare, is_broken
from scripts.faults.callers import Book
from scripts.faults.chain_rule import Partition

NOTE = "dossier.note_added.v1"


def sound() -> tuple[Book, Partition]:
    """Acknowledged, unknown (one counts, one does not), denied, and a session of the writer."""
    book = Book()
    book.acknowledged = {"a": (2, "leaf-a"), "b": (3, "leaf-b")}
    book.unknown = {"landed", "lost on the way"}
    book.denied = {"refused"}
    partition = Partition("ledger/0", size=5)
    partition.places = {
        "genesis": [(0, "leaf-0")],
        "session": [(1, "leaf-1")],
        "a": [(2, "leaf-a")],
        "b": [(3, "leaf-b")],
        "landed": [(4, "leaf-l")],
    }
    partition.types = dict.fromkeys(partition.places, NOTE)
    partition.types |= {"genesis": "ledger.genesis.v1", "session": "ledger.writer_opened.v1"}
    partition.strays = [(5, "too late")]
    return book, partition


def test_a_sound_run_breaks_nothing() -> None:
    row = compare(*sound())
    assert (row["acknowledged"], row["unknown"], row["unknown_counted"]) == (2, 2, 1)
    assert (row["stray"], row["sessions"], row["not_recorded"]) == (1, 1, 1)
    assert not is_broken({**row, "alarms": {}, "recovered": True})


def lose(_book: Book, partition: Partition) -> None:
    del partition.places["a"], partition.types["a"]


def double(_book: Book, partition: Partition) -> None:
    partition.places["landed"].append((5, "leaf-again"))


def misplace(_book: Book, partition: Partition) -> None:
    partition.places["b"] = [(3, "leaf-of-other-bytes")]


def answer_twice(book: Book, _partition: Partition) -> None:
    book.changed = 1


def count_denied(_book: Book, partition: Partition) -> None:
    partition.places["refused"] = [(5, "leaf-r")]
    partition.types["refused"] = NOTE


def count_foreign(_book: Book, partition: Partition) -> None:
    partition.places["nobody's"] = [(5, "leaf-n")]
    partition.types["nobody's"] = NOTE


def count_void(_book: Book, partition: Partition) -> None:
    partition.faults.append("index 5 does not continue its stream")


@pytest.mark.parametrize(
    ("breaks", "name"),
    [
        (lose, "lost"),
        (double, "doubled"),
        (misplace, "misplaced"),
        (answer_twice, "misplaced"),
        (count_denied, "denied_counted"),
        (count_foreign, "foreign"),
        (count_void, "void"),
    ],
)
def test_each_breach_is_counted_where_it_belongs(
    breaks: Callable[[Book, Partition], None], name: str
) -> None:
    book, partition = sound()
    breaks(book, partition)
    row = compare(book, partition)
    assert {key: row[key] for key in MUST_BE_ZERO if row[key]} == {name: 1}
    assert is_broken({**row, "alarms": {}, "recovered": True})


def test_a_false_alarm_or_a_writer_that_never_came_back_breaks_a_run_too() -> None:
    row = compare(*sound())
    assert is_broken({**row, "alarms": {"log.overwritten": 1}, "recovered": True})
    assert is_broken({**row, "alarms": {}, "recovered": False})
