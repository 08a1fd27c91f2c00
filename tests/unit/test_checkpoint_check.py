"""Checkpoints in the one verifier: roots, signatures, witnesses, time; nothing missing passes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.app.ports import Record
from ledger.core.chain import Head, StreamHead
from ledger.core.checkpoint import Checkpoint
from ledger.core.findings import Finding, Verdict
from ledger.core.merkle import leaf_hash, root_of
from ledger.core.note import Algorithm, NoteSignature, SignedNote
from ledger.core.policy import Policy, PolicyLog, PolicyWitness
from ledger.entry.checkpoint_check import CheckpointCheck, CheckTime, GivenCheckpoint
from ledger.entry.note_keys import NoteSigner
from ledger.entry.verify import Verification, Verifier
from tests.unit.test_verify import LEAF, LOG, ORIGIN, chain, codes

AT_SECONDS = 1_772_000_000


def signer(seed: int, name: str, algorithm: Algorithm = Algorithm.ED25519) -> NoteSigner:
    return NoteSigner(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32), algorithm)


LOG_KEY = signer(1, ORIGIN)
THIEF = signer(2, ORIGIN)
WITNESS = signer(3, "witness.example/w", Algorithm.COSIGNATURE_ED25519)
STRANGER = signer(4, "stranger.example/s", Algorithm.COSIGNATURE_ED25519)
POLICY = Policy("w", (PolicyLog(LOG_KEY.key),), (PolicyWitness("w", WITNESS.key),))
UNWITNESSED = Policy("none", (PolicyLog(LOG_KEY.key),))
LEAVES = [leaf_hash(data) for data in LOG]


def note(size: int, *signers: NoteSigner, root: bytes | None = None, origin: str = ORIGIN) -> bytes:
    text = Checkpoint(origin, size, root_of(LEAVES[:size]) if root is None else root).text()
    made = [each.sign(text, AT_SECONDS) for each in signers or (LOG_KEY, WITNESS)]
    return SignedNote(text, tuple(made)).encode()


def verify(
    *notes: bytes,
    policy: Policy = POLICY,
    records: Sequence[bytes] = LOG,
    leaf: str | None = LEAF,
    token: bytes | None = None,
    check_time: CheckTime | None = None,
) -> Verification:
    given = [GivenCheckpoint(f"note {n}", data, token) for n, data in enumerate(notes)]
    checks = CheckpointCheck(ORIGIN, policy, given, check_time=check_time)
    verifier = Verifier(ORIGIN, leaf, every_record_counts=True, checkpoints=checks)
    for position, data in enumerate(records):
        verifier.add(Record(position, data))
    return verifier.finish()


def judge(data: bytes) -> list[Finding]:
    """What one checkpoint gives beside a log whose roots are right."""
    checks = CheckpointCheck(ORIGIN, POLICY, [GivenCheckpoint("note", data)])
    for size in checks.sizes:
        if size <= len(LOG):
            checks.compare(size, root_of(LEAVES[:size]))
    checks.finish(len(LOG))
    return checks.findings


@pytest.mark.parametrize("size", range(1, len(LOG) + 1))
def test_a_witnessed_checkpoint_of_any_size_holds_and_covers(size: int) -> None:
    found = verify(note(size))
    assert (found.verdict, found.findings) == (Verdict.PASSED, ())
    assert found.checkpoints is not None
    summary = found.checkpoints
    assert (summary.signed, summary.compared, summary.witnessed, summary.covered) == (1, 1, 1, size)
    titles = [step.title for step in found.steps]
    assert titles[-3:] == [
        "checkpoints signed by the log's keys",
        "roots of the log at its checkpoints",
        "witnesses of the checkpoints",
    ]
    assert [step.number for step in found.steps] == list(range(1, len(titles) + 1))


def test_it_pins_a_log_that_nothing_else_pins() -> None:
    assert verify(note(len(LOG)), leaf=None).verdict is Verdict.PASSED
    unwitnessed = verify(note(len(LOG), LOG_KEY), leaf=None)
    assert unwitnessed.verdict is Verdict.INDETERMINATE
    assert set(codes(unwitnessed)) == {"checkpoint.unwitnessed", "trust.not_pinned"}


def test_what_is_missing_never_passes() -> None:
    none = verify()
    assert (none.verdict, codes(none)) == (Verdict.INDETERMINATE, ["checkpoint.missing"])
    alone = verify(note(5, LOG_KEY))
    assert (alone.verdict, codes(alone)) == (Verdict.INDETERMINATE, ["checkpoint.unwitnessed"])
    stranger = verify(note(5, LOG_KEY, STRANGER))
    assert codes(stranger) == ["checkpoint.unwitnessed"]
    unsigned = verify(note(5, WITNESS))
    assert (unsigned.verdict, codes(unsigned)) == (
        Verdict.FAILED,
        ["checkpoint.signature_invalid"],
    )
    empty = verify(note(0))
    assert (empty.verdict, codes(empty)) == (Verdict.INDETERMINATE, ["checkpoint.missing"])
    other = verify(note(5), policy=Policy("none", (PolicyLog(signer(5, "other/0").key),)))
    assert (other.verdict, codes(other)) == (Verdict.INDETERMINATE, ["checkpoint.unknown_log"])
    assert verify(note(5, LOG_KEY), policy=UNWITNESSED).verdict is Verdict.PASSED


@pytest.mark.parametrize("signers", [(THIEF, WITNESS), (THIEF,), (STRANGER,)])
def test_only_the_logs_own_keys_sign(signers: tuple[NoteSigner, ...]) -> None:
    found = verify(note(5, *signers))
    assert (found.verdict, codes(found)) == (Verdict.FAILED, ["checkpoint.signature_invalid"])


def test_a_tail_cut_behind_a_checkpoint_is_found_and_one_before_it_is_not() -> None:
    found = verify(note(6), records=LOG[:5])
    assert (found.verdict, codes(found)) == (Verdict.FAILED, ["log.truncated"])
    assert found.first_bad_index == 5
    behind = verify(note(5), records=LOG[:5])
    assert behind.verdict is Verdict.PASSED
    assert behind.checkpoints is not None
    assert behind.checkpoints.covered == 5
    emptied = verify(note(5), records=[])
    assert emptied.verdict is Verdict.FAILED
    assert "log.truncated" in codes(emptied)


def test_a_log_written_anew_with_its_own_keys_is_found() -> None:
    before = leaf_hash(LOG[3]).hex()
    other = [*LOG[:4], *chain(3, Head(4, before), StreamHead(3, before), note="other")]
    assert verify(records=other, policy=POLICY).verdict is Verdict.INDETERMINATE
    for size in range(1, len(LOG) + 1):
        found = verify(note(size), records=other)
        if size <= 4:
            assert found.verdict is Verdict.PASSED
        else:
            assert codes(found) == ["checkpoint.root_mismatch"]
            assert (found.verdict, found.first_bad_index) == (Verdict.FAILED, size - 1)


def test_a_checkpoint_that_could_not_be_compared_does_not_cover() -> None:
    checks = CheckpointCheck(ORIGIN, POLICY, [GivenCheckpoint("note", note(4))])
    verifier = Verifier(ORIGIN, LEAF, every_record_counts=True, checkpoints=checks)
    for position, data in enumerate(LOG):
        if position != 3:
            verifier.add(Record(position, data))
    found = verifier.finish()
    assert "checkpoint.not_compared" in codes(found)
    assert found.checkpoints is not None
    assert (found.checkpoints.compared, found.checkpoints.covered) == (0, 0)


def test_several_checkpoints_are_all_compared() -> None:
    found = verify(note(3), note(7), note(5, root=bytes(32)))
    assert codes(found) == ["checkpoint.root_mismatch"]
    assert found.checkpoints is not None
    assert (found.checkpoints.compared, found.checkpoints.covered) == (3, 7)
    assert found.first_bad_index == 4


@pytest.mark.parametrize("size", [1, 4, 7])
def test_every_flipped_byte_of_a_checkpoint_is_refused(size: int) -> None:
    data = note(size)
    for at in range(len(data)):
        for mask in (1, 0x20, 0x80):
            flipped = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
            verdicts = {finding.verdict for finding in judge(flipped)}
            assert verdicts & {Verdict.FAILED, Verdict.INDETERMINATE}, (at, mask)


def test_a_flipped_byte_of_an_unknown_signature_is_without_meaning_or_refused() -> None:
    data = note(4, LOG_KEY, WITNESS, STRANGER)
    start = data.rindex("\u2014".encode())
    allowed = {(), ("checkpoint.malformed",), ("checkpoint.signature_invalid",)}
    passed = 0
    for at in range(start, len(data)):
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        found = tuple(finding.code for finding in judge(flipped))
        assert found in allowed
        passed += not found
    # The key's name, its id and the signature: whoever does not know the key cannot care.
    assert passed > 100


def test_too_many_signatures_or_bytes_are_refused() -> None:
    whole = note(4)
    line = NoteSignature("x", bytes(4), b"y").line().encode()
    assert codes(verify(whole + line * 200)) == ["checkpoint.malformed"]
    assert codes(verify(b"")) == ["checkpoint.malformed"]


def test_a_time_stamp_counts_only_where_an_authority_is_pinned() -> None:
    def check(text: str, token: bytes) -> str:
        if token != b"token" or not text.startswith(ORIGIN):
            msg = "not by this authority"
            raise ValueError(msg)
        return "2026-03-02T08:00:00.000000Z"

    good = verify(note(4), token=b"token", check_time=check)
    assert good.verdict is Verdict.PASSED
    assert good.checkpoints is not None
    assert good.checkpoints.timed == 1
    bad = verify(note(4), token=b"other", check_time=check)
    assert (bad.verdict, codes(bad)) == (Verdict.FAILED, ["timestamp.invalid"])
    unpinned = verify(note(4), token=b"token")
    assert (unpinned.verdict, codes(unpinned)) == (
        Verdict.INDETERMINATE,
        ["timestamp.not_checked"],
    )
