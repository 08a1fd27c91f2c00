"""Which log holds a stream: values worked out by hand, and the log's own stream."""

from __future__ import annotations

import pytest

from ledger.core.ids import log_number

# printf '%s' dossier:A | sha256sum gives a number in base 16; bc gives its remainders.
BY_HAND = [
    ("dossier:A", {1: 0, 3: 1, 8: 2, 10: 6}),
    ("dossier:H26.31.0007", {1: 0, 3: 0, 8: 5, 10: 1}),
    ("officer:o1", {1: 0, 3: 0, 8: 3, 10: 5}),
]


@pytest.mark.parametrize(("stream", "expected"), BY_HAND)
def test_a_stream_belongs_to_the_log_that_its_hash_names(stream: str, expected: dict) -> None:
    assert {logs: log_number(stream, logs) for logs in expected} == expected


def test_the_own_stream_of_a_log_is_in_that_log() -> None:
    assert [log_number(f"ledger:audit/x/{n}", 12) for n in range(12)] == list(range(12))


@pytest.mark.parametrize("stream", ["ledger:audit/8", "ledger:audit/07", "ledger:audit/x"])
def test_the_stream_of_a_log_that_there_is_not_is_refused(stream: str) -> None:
    with pytest.raises(ValueError, match="none of 8 logs"):
        log_number(stream, 8)


def test_a_ledger_has_a_log() -> None:
    with pytest.raises(ValueError, match="at least one"):
        log_number("dossier:A", 0)
