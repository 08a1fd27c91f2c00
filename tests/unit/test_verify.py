"""The verifier over a partition: strays, an overwritten log, voids, and when it cannot know."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import to_builtins
from msgspec.structs import replace

from consumers.cli.errors import finding_lines
from ledger.app.genesis import GenesisError, genesis_entry
from ledger.app.ports import Record
from ledger.core.action import Action, Actor, OccurredAt, encode_action, plain_id
from ledger.core.canonical import encode_canonical
from ledger.core.chain import ZERO_LINK, Head, StreamHead
from ledger.core.findings import Verdict
from ledger.core.ids import uuid7_text
from ledger.core.merkle import leaf_hash
from ledger.core.times import add_seconds
from ledger.entry.entry import Seal, Signature, decode_entry, encode_entry
from ledger.entry.signatures import EnrolledKey, KeyRing, SignatureError, SigningKey
from ledger.entry.verify import FINDINGS_MAX, SeenHead, Verification, Verifier

AT = "2026-03-02T08:00:00.000000Z"
KEY = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(bytes(32)), "ledger")
STRANGER = SigningKey("ledger-1", Ed25519PrivateKey.from_private_bytes(b"\x01" * 32), "ledger")
NAME = "ledger.example/verify"
ORIGIN = f"{NAME}/0"
GENESIS = genesis_entry(NAME, 0, 1, [KEY.enrolled()], KEY, uuid7_text(0, bytes(10)), AT, "0" * 64)
LEAF = leaf_hash(GENESIS).hex()


def entry(
    head: Head, before: StreamHead, seconds: int, *, key: SigningKey = KEY, note: str = ""
) -> bytes:
    action = Action(
        id=uuid7_text(head.size, sha256(note.encode() + b"%d" % head.size).digest()),
        type="dossier.noted.v1",
        stream="dossier:a",
        occurred_at=OccurredAt(AT, "second"),
        actor=Actor(kind="officer", id="C-0092"),
        data={"note": note},
    )
    body = encode_action(action)
    seal = Seal(
        index=head.size,
        origin=ORIGIN,
        prev=head.leaf,
        recorded_at=add_seconds(AT, seconds),
        sigs=key.sign([body])[0],
        stream=action.stream,
        stream_prev=before.leaf,
        type=action.type,
        v=1,
        version=before.version + 1,
    )
    return encode_entry(seal, body)


def chain(count: int, start: Head, before: StreamHead, *, note: str = "") -> list[bytes]:
    """Entries of `count` batches of one entry each."""
    found = []
    head, stream = start, before
    for _ in range(count):
        data = entry(head, stream, head.size, note=note)
        leaf = leaf_hash(data).hex()
        head, stream = Head(head.size + 1, leaf), StreamHead(stream.version + 1, leaf)
        found.append(data)
    return found


def verify(records: list[bytes | None], **options: object) -> Verification:
    verifier = Verifier(ORIGIN, options.pop("genesis_leaf", LEAF), **options)  # type: ignore[arg-type]
    for position, data in enumerate(records):
        verifier.add(Record(position, data))
    return verifier.finish()


LOG = [GENESIS, *chain(6, Head(1, LEAF), StreamHead(0, ZERO_LINK))]
HEAD = Head(len(LOG), leaf_hash(LOG[-1]).hex())


def codes(verification: Verification) -> list[str]:
    return [finding.code for finding in verification.findings]


def test_a_whole_log_passes_with_its_counts() -> None:
    verification = verify(list(LOG), expect=HEAD)
    assert verification.verdict is Verdict.PASSED
    assert (verification.entries, verification.links, verification.signatures) == (7, 7, 7)
    assert verification.findings == ()
    assert {step.verdict for step in verification.steps} == {Verdict.PASSED}
    assert verification.head == HEAD


def own_entry(type_name: str, data: object, index: int, prev: str) -> bytes:
    stream = f"ledger:{ORIGIN}"
    body = encode_canonical({"data": data, "stream": stream, "type": type_name})
    sigs = KEY.sign([body])[0]
    return encode_entry(
        Seal(index, ORIGIN, prev, AT, sigs, stream, prev, type_name, 1, index + 1), body
    )


@pytest.mark.parametrize("data", [{"keys": 5}, {"keys": True}, {"keys": "x"}, {}, "x", [1], 5])
def test_a_genesis_that_holds_anything_is_a_finding(data: object) -> None:
    genesis = own_entry("ledger.genesis.v1", data, 0, ZERO_LINK)
    verification = verify([genesis], genesis_leaf=None)
    assert "signature.invalid" in codes(verification)


@pytest.mark.parametrize("data", [{"key": 5}, {}, {"key": []}, "x", [1], 5])
@pytest.mark.parametrize("change", ["enrolled", "revoked"])
def test_a_change_of_keys_that_holds_anything_is_a_finding(data: object, change: str) -> None:
    verification = verify([GENESIS, own_entry(f"ledger.key_{change}.v1", data, 1, LEAF)])
    assert codes(verification) == ["signature.invalid"]


def test_a_key_has_one_text() -> None:
    key = STRANGER.enrolled()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    odd = letters[letters.index(key.public[-2]) + 1]
    same = EnrolledKey("other", key.alg, f"{key.public[:-2]}{odd}=", key.role)
    assert b64decode(same.public) == b64decode(key.public)
    with pytest.raises(SignatureError, match="base64"):
        KeyRing().enrol(same)


# The neutral point, and a signature by it that nobody made: R is the point itself, S is 0.
ANYBODY = EnrolledKey("anybody", "Ed25519", b64encode(b"\1" + bytes(31)).decode(), "source")
UNMADE = b64encode(b"\1" + bytes(63)).decode()


def test_a_key_with_which_anybody_signs_is_none() -> None:
    """Enrolled by the genesis or later it makes that entry void, and what it signs too."""
    Ed25519PublicKey.from_public_bytes(b64decode(ANYBODY.public)).verify(b64decode(UNMADE), b"any")
    keys = [KEY.enrolled(), ANYBODY]
    with pytest.raises(GenesisError, match="small order"):
        genesis_entry(NAME, 0, 1, keys, KEY, uuid7_text(0, bytes(10)), AT, "0" * 64)
    enrolled = to_builtins(ANYBODY)
    first = own_entry(
        "ledger.genesis.v1", {"keys": [to_builtins(KEY.enrolled()), enrolled]}, 0, ZERO_LINK
    )
    later = own_entry("ledger.key_enrolled.v1", {"key": enrolled}, 1, LEAF)
    for log in ([first], [GENESIS, later]):
        verification = verify(list(log), genesis_leaf=leaf_hash(log[0]).hex())
        assert codes(verification) == ["signature.invalid"]
        head = Head(len(log), leaf_hash(log[-1]).hex())
        signed = decode_entry(entry(head, StreamHead(0, ZERO_LINK), 1))
        forged = replace(signed.seal, sigs=(Signature(0, ANYBODY.id, (), UNMADE, 1),))
        log.append(encode_entry(forged, signed.action_bytes))
        verification = verify(list(log), genesis_leaf=leaf_hash(log[0]).hex())
        assert codes(verification) == ["signature.invalid"] * 2


def test_a_stream_whose_id_is_no_text_is_shown_as_it_stands() -> None:
    stream, type_name = "dossier:%FF", "dossier.noted.v1"
    body = encode_canonical({"data": {}, "stream": stream, "type": type_name})
    sigs = STRANGER.sign([body])[0]
    seal = Seal(1, ORIGIN, LEAF, AT, sigs, stream, ZERO_LINK, type_name, 1, 1)
    (finding,) = verify([GENESIS, encode_entry(seal, body)]).findings
    assert "dossier %FF" in "\n".join(finding_lines(finding))
    assert plain_id("dossier:%C3%A9%20a/1") == "é a/1"


def test_strays_are_reported_and_harm_nothing() -> None:
    late = chain(2, Head(3, leaf_hash(LOG[2]).hex()), StreamHead(2, leaf_hash(LOG[2]).hex()))
    records = [*LOG[:4], None, b"not an entry", LOG[1], LOG[2], *LOG[4:], late[0], GENESIS]
    verification = verify(records)
    assert verification.verdict is Verdict.PASSED
    assert verification.strays == 6
    assert codes(verification) == ["log.stray"] * 6
    assert [finding.offset for finding in verification.findings] == [4, 5, 6, 7, 11, 12]
    assert verification.head == HEAD


def test_an_entry_changed_inside_the_broker_is_an_overwritten_log() -> None:
    for index in range(1, 4):
        changed = bytearray(LOG[index])
        changed[10] ^= 0xFF
        verification = verify([*LOG[:index], bytes(changed), *LOG[index + 1 :]])
        assert verification.verdict is Verdict.FAILED
        assert "log.overwritten" in codes(verification)
        assert verification.first_bad_index == index
        assert verification.entries == index


def test_an_entry_with_a_wrong_signature_is_void_and_keeps_its_index() -> None:
    forged = entry(Head(1, LEAF), StreamHead(0, ZERO_LINK), 1, key=STRANGER)
    leaf = leaf_hash(forged).hex()
    rest = chain(2, Head(2, leaf), StreamHead(0, ZERO_LINK))
    verification = verify([GENESIS, forged, *rest])
    assert verification.verdict is Verdict.FAILED
    assert (verification.entries, verification.voids) == (4, 1)
    assert codes(verification) == ["signature.invalid"]
    assert verification.first_bad_index == 1


def test_what_nothing_pins_is_indeterminate() -> None:
    verification = verify(list(LOG), genesis_leaf=None)
    assert (verification.verdict, codes(verification)) == (
        Verdict.INDETERMINATE,
        ["trust.not_pinned"],
    )
    assert verification.genesis_leaf == LEAF
    assert verify([]).verdict is Verdict.INDETERMINATE
    assert verify([], expect=HEAD).verdict is Verdict.FAILED


def test_heads_named_after_the_records() -> None:
    def finish(seen: SeenHead) -> Verification:
        verifier = Verifier(ORIGIN, LEAF)
        for position, data in enumerate(LOG):
            verifier.add(Record(position, data))
        return verifier.finish([seen])

    assert finish(SeenHead("cursor", *HEAD)).verdict is Verdict.PASSED
    assert codes(finish(SeenHead("cursor", 9, "ab" * 32))) == ["log.truncated"]
    assert codes(finish(SeenHead("cursor", 7, "ab" * 32))) == ["log.overwritten"]
    inside = finish(SeenHead("cursor", 2, leaf_hash(LOG[1]).hex()))
    assert inside.verdict is Verdict.INDETERMINATE


def test_missing_offsets_are_a_finding() -> None:
    verifier = Verifier(ORIGIN, LEAF)
    for position, data in zip((0, 1, 2, 5, 6, 7, 8), LOG, strict=True):
        verifier.add(Record(position, data))
    verification = verifier.finish()
    assert codes(verification) == ["log.offset_gap"]
    assert verification.verdict is Verdict.INDETERMINATE


def test_findings_are_bounded_and_the_rest_is_counted() -> None:
    verification = verify([*LOG, *([b"noise"] * (FINDINGS_MAX + 50))])
    assert len(verification.findings) == FINDINGS_MAX
    assert verification.more_findings == 50
    assert verification.strays == FINDINGS_MAX + 50


def test_what_decides_is_kept_behind_a_thousand_others() -> None:
    noise: list[bytes | None] = [b"noise"] * (FINDINGS_MAX + 50)
    unpinned = verify([*LOG, *noise], genesis_leaf=None)
    assert unpinned.verdict is Verdict.INDETERMINATE
    assert codes(unpinned)[-1] == "trust.not_pinned"
    cut = verify([*LOG, *noise], expect=Head(9, "ab" * 32))
    assert (cut.verdict, codes(cut)[-1]) == (Verdict.FAILED, "log.truncated")


def test_newer_software_is_needed_for_a_newer_format() -> None:
    newer = LOG[1].replace(b'"v":1', b'"v":2', 1)
    verification = verify([GENESIS, newer, *LOG[2:]])
    assert verification.verdict is Verdict.INDETERMINATE
    assert codes(verification) == ["entry.newer_format"]
    assert verification.entries == 1
