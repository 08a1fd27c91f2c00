"""The entries of the log of checkpoints: one form, every flipped byte another entry or none."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ledger.core.merkle import EMPTY_ROOT
from ledger.entry.checkpoint_log import LoggedTree, Round, RoundError, parse_round

HASH = EMPTY_ROOT.hex()
LOGS = (LoggedTree(2, HASH, "office/0", HASH, 304), LoggedTree(0, HASH, "office/1", HASH, 0))
ROUND = Round(LOGS, "2026-03-02T08:00:00.000000Z")
BYTES = (
    '{"logs":['
    f'{{"officers":2,"officers_root":"{HASH}","origin":"office/0","root":"{HASH}","size":304}},'
    f'{{"officers":0,"officers_root":"{HASH}","origin":"office/1","root":"{HASH}","size":0}}'
    '],"sealed_at":"2026-03-02T08:00:00.000000Z","v":1}'
).encode()


def test_it_has_the_bytes_that_the_format_names() -> None:
    assert ROUND.encode() == BYTES
    assert parse_round(BYTES) == ROUND
    assert ROUND.of("office/1") == LOGS[1]
    assert ROUND.of("office/2") is None


def test_no_flipped_byte_reads_as_the_same_entry() -> None:
    for at in range(len(BYTES)):
        for bit in (1, 32, 128):
            flipped = BYTES[:at] + bytes([BYTES[at] ^ bit]) + BYTES[at + 1 :]
            try:
                assert parse_round(flipped) != ROUND
            except RoundError:
                continue


@pytest.mark.parametrize(
    "wrong",
    [
        BYTES + b"\n",
        BYTES.replace(b'"v":1', b'"v":2'),
        BYTES.replace(b',"v":1', b""),
        BYTES.replace(b'"v":1', b'"v":1,"x":1'),
        BYTES.replace(b'"size":304', b'"size":-1'),
        BYTES.replace(b"08:00:00.000000Z", b"08:00:00Z"),
        BYTES.replace(HASH.encode(), HASH.upper().encode()),
        b'{"logs":[],"sealed_at":"2026-03-02T08:00:00.000000Z","v":1}',
        b"null",
        b"",
    ],
)
def test_every_other_form_is_refused(wrong: bytes) -> None:
    with pytest.raises(RoundError):
        parse_round(wrong)


def test_parts_that_make_no_entry_are_not_encoded() -> None:
    for wrong in (replace(ROUND, sealed_at="today"), replace(ROUND, logs=()), replace(ROUND, v=2)):
        with pytest.raises(RoundError):
            wrong.encode()
