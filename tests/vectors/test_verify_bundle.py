"""verify.py by itself: RFC 8032, the C2SP texts and the vectors of other programs.

The vectors of RFC 8032 section 7.1; ML-DSA-44, policies, notes and trees as for the library.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import random
import sys
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.core.merkle import leaf_hash, prove_all_inclusions
from ledger.core.policy import PolicyError, parse_policy
from ledger.entry.entry import EntryError, NewerFormatError, decode_entry
from tests.policy_cases import LOG, READ, REFUSED

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


def load():
    spec = importlib.util.spec_from_file_location("verify_py", ROOT / "scripts/verify_bundle.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


verify_py = load()

SMALL_ORDER = [
    bytes.fromhex(line)
    for line in (HERE / "ed25519_small_order.txt").read_text("ascii").splitlines()
]

RFC_8032 = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
            "3dca179c138ac17ad9bef1177331a704"
        ),
    ),
)
"""Public key, message, signature (tests 1, 2, 3 and SHA(abc) of section 7.1)."""


def read_key(text: str):
    """The key of a policy's line."""
    (key,), _, _, _ = verify_py.read_policy(f"log {text}\nquorum none\n".encode())
    return key


def refused(key, text: str, blob: bytes) -> None:
    with pytest.raises((verify_py.Refused, InvalidSignature, ValueError)):
        key.verify(text, blob)


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_rfc_8032(public: str, message: str, signature: str):
    key, text, signed = map(bytes.fromhex, (public, message, signature))
    assert verify_py.ed25519_by_hand(key, signed, text)
    for bit in range(0, 512, 3):
        changed = bytearray(signed)
        changed[bit // 8] ^= 1 << bit % 8
        assert not verify_py.ed25519_by_hand(key, bytes(changed), text)
    assert not verify_py.ed25519_by_hand(key, signed, text + b"x")


def test_a_signature_has_one_form():
    """S beyond the order of the group is the same number, and refused (RFC 8032 section 5.1.7)."""
    key, text, signed = map(bytes.fromhex, RFC_8032[1])
    s = int.from_bytes(signed[32:], "little") + verify_py.ORDER
    assert not verify_py.ed25519_by_hand(key, signed[:32] + s.to_bytes(32, "little"), text)


def test_points_that_are_none():
    for data in (b"\xff" * 32, (2).to_bytes(32, "little"), b"\x01" + b"\0" * 30 + b"\x80"):
        with pytest.raises(verify_py.Refused):
            verify_py.doubled(data, 1)


def test_by_hand_as_the_library():
    numbers = random.Random(8032)
    for _ in range(50):
        private = Ed25519PrivateKey.from_private_bytes(numbers.randbytes(32))
        message = numbers.randbytes(numbers.randrange(200))
        public, signature = private.public_key().public_bytes_raw(), private.sign(message)
        assert verify_py.ed25519_by_hand(public, signature, message)
        assert not verify_py.ed25519_by_hand(public, signature, message + b"!")


@pytest.mark.parametrize("by_hand", [False, True])
def test_what_has_no_library_is_not_checked(monkeypatch: pytest.MonkeyPatch, by_hand: bool):
    public, text, signed = map(bytes.fromhex, RFC_8032[1])
    if by_hand:
        monkeypatch.setattr(verify_py, "Ed25519PublicKey", None)
        monkeypatch.setattr(verify_py, "MLDSA44PublicKey", None)
    key = verify_py.Key("k", b"\1" + public)
    assert key.verify(text.decode(), signed) is True
    for blob in (signed[:-1], signed + b"\0", signed[:-1] + bytes([signed[-1] ^ 1]), b""):
        refused(key, text.decode(), blob)
    key = verify_py.Key("k", b"\6" + bytes(1312))
    text = f"demo/0\n1\n{b64encode(bytes(32)).decode()}\n"
    if by_hand:
        assert key.verify(text, bytes(2428)) is False
    refused(key, text, bytes(2427))
    refused(key, text + "extension\n", bytes(2428))


@pytest.mark.parametrize("public", SMALL_ORDER, ids=bytes.hex)
def test_a_key_with_which_anybody_signs_is_none(public: bytes):
    for kind in (1, 4):
        with pytest.raises(verify_py.Refused, match="of large order"):
            verify_py.Key("k", bytes([kind]) + public)


def test_note_of_signed_note_c2sp():
    text = "This is an example message.\n"
    line = (
        "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFX"
        "mRKuwHjG1Yu72IneyaQM=\n"
    )
    key = read_key("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    read, ((label, blob),) = verify_py.read_note(f"{text}\n{line}".encode())
    assert (read, label) == (text, key.label)
    assert key.verify(text, blob)
    refused(key, text + "x\n", blob)


def test_cosignature_of_another_program():
    """Accepted by torchwood's verifier over Tessera's checkpoint of size 15."""
    vkey = "witness.example/w1+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    _, (key,), _, _ = verify_py.read_policy(f"witness w {vkey}\nquorum w\n".encode())
    text = "example.com/log/testdata\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n"
    blob = b64decode(
        "519lMgAAAABkGFDLo0vvaVMnQBetpNUCKKILroiWxoSAyyV9iB/cgczFo9ONQdSuKdatX9+k2ggtjAKaVSHrTWaVvipK5HiR"
        "qnepAA=="
    )
    assert blob[:4] == key.label[1]
    assert key.verify(text, blob[4:])
    refused(key, text.replace("15", "16"), blob[4:])


def test_ml_dsa_checkpoint_of_another_program():
    value = json.loads((HERE / "ml_dsa_checkpoint.json").read_text("utf-8"))
    texts = [text for text in value.values() if isinstance(text, str)]
    key = next(read_key(text) for text in texts if text.count("+") >= 2 and "\n" not in text)
    note = next(text for text in texts if "\u2014" in text)
    text, signatures = verify_py.read_note(note.encode())
    blobs = [blob for label, blob in signatures if label == key.label]
    assert key.kind == 6
    assert key.verify(text, blobs[0]) is True
    refused(key, text, blobs[0][:-1] + bytes([blobs[0][-1] ^ 1]))


def test_trees_of_rfc_6962():
    leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    hashes = [leaf_hash(bytes.fromhex(leaf)) for leaf in leaves]
    assert verify_py.root_of([]).hex().startswith("e3b0c442")
    assert verify_py.root_of(hashes[:2]).hex() == (
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    )
    assert verify_py.root_of(hashes).hex() == (
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"
    )


def test_inclusion_of_every_leaf_in_small_trees():
    for size in range(1, 40):
        leaves = [leaf_hash(bytes([n])) for n in range(size)]
        root, proofs = prove_all_inclusions(leaves)
        for at, path in enumerate(proofs):
            assert verify_py.root_by_path(at, size, leaves[at], path) == root
            for wrong in {path[1:], (*path, root)} - {path}:
                with pytest.raises(verify_py.Refused):
                    verify_py.root_by_path(at, size, leaves[at], wrong)


@pytest.mark.parametrize(
    "text",
    ["{}", '{"a":1}', '{"a":"ệ\\u0001\\n","b":[true,false,-9007199254740991]}'],
)
def test_canonical_json_is_read(text: str):
    verify_py.read_json(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}', '{"b":1,"a":1}', '{"a":1,"a":1}', "1.0", "1e2", "-0", "null", '{"a":null}',
        "NaN", "9007199254740992", '"\\u00e9"', '"\\/"', '"\\ud800"', '{"é":1}',
        "[" * 40 + "]" * 40, "", '\ufeff{}', "[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_not_canonical_is_refused(text: str):
    with pytest.raises((ValueError, RecursionError)):
        verify_py.read_json(text.encode())


def test_it_is_one_file_of_python_3_9_and_the_standard_library():
    source = (ROOT / "scripts/verify_bundle.py").read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    assert imported - sys.stdlib_module_names == {"cryptography"}


def test_a_quorum_is_counted_as_the_policy_says():
    from tests.sealed_ledger import make_sealing

    sealing = make_sealing("demo", 1, has_ml_dsa=False)
    data = sealing.policy.encode()
    logs, witnesses, groups, quorum = verify_py.read_policy(data)
    assert (len(logs), len(witnesses), quorum) == (2, 2, "both")
    assert groups["both"] == (2, ["w0", "w1"])
    assert parse_policy(data) == sealing.policy
    for wrong in (
        data.replace(b"quorum both\n", b""),
        data + b"quorum w0\n",
        data + b"quorum\n",
        data.replace(b"group both", b"grp both"),
        data.replace(b"w0 w1", b"w0 w9"),
        data[:-1],
    ):
        with pytest.raises((verify_py.Refused, ValueError, IndexError)):
            verify_py.read_policy(wrong)


@pytest.mark.parametrize("name", REFUSED)
def test_a_policy_that_the_library_refuses_is_refused(name: str):
    data = (LOG + REFUSED[name]).encode()
    with pytest.raises(PolicyError):
        parse_policy(data)
    with pytest.raises((verify_py.Refused, ValueError, KeyError)):
        verify_py.read_policy(data)


@pytest.mark.parametrize("name", READ)
def test_a_policy_that_the_library_reads_is_read(name: str):
    data = (LOG + READ[name]).encode()
    policy, read = parse_policy(data), verify_py.read_policy(data)
    assert [key.public for key in read[0]] == [line.key.public for line in policy.log_lines]
    assert [key.label for key in read[1]] == [(key.name, key.id) for key in policy.cosigners]
    names = {witness.name: (1, [witness.key.public]) for witness in policy.witnesses}
    assert names.items() <= read[2].items()
    assert read[3] == policy.quorum


def test_a_newer_format_comes_before_what_cannot_be_read():
    newer = b'{"v":2}\n\xff'
    with pytest.raises(NewerFormatError):
        decode_entry(newer)
    with pytest.raises(verify_py.Refused) as told:
        verify_py.read_entry(newer)
    assert told.value.args[3] == "indeterminate"
    for other in (newer + bytes(65_536), newer.partition(b"\n")[0]):
        with pytest.raises(EntryError):
            decode_entry(other)
        with pytest.raises(verify_py.Refused, match="an entry of two lines"):
            verify_py.read_entry(other)


@pytest.mark.parametrize("name", ["release-0.1.zip"])
def test_bundles_of_earlier_releases_still_verify(name: str):
    from hashlib import sha256

    from ledger.entry.bundle_state import Pins
    from ledger.entry.bundle_verify import verify_bundle

    data = (HERE / "evidence" / name).read_bytes()
    pin = (HERE / "evidence" / "policy.sha256").read_text("ascii").split()[0]
    assert verify_bundle(data, Pins(pin)).verdict == "passed"
    assert verify_py.Bundle(data, pin).run() == "passed"
    policy = verify_py.read_archive(data)["proofs/policy.txt"]
    assert sha256(policy).hexdigest() == pin


def test_the_verifier_inside_an_earlier_bundle_verifies_one_of_today(tmp_path: Path):
    """And the reverse: nothing that this release writes is beyond the last one's verify.py."""
    from hashlib import sha256

    from consumers.bootstrap import Settings, open_ledger
    from ledger.entry.archive import encode_archive
    from ledger.entry.bundle import OfficerScope, Place
    from tests.evidence_approvals import approved_home, hidden_row
    from tests.evidence_forge import export, files_of

    old = verify_py.read_archive((HERE / "evidence" / "release-0.1.zip").read_bytes())["verify.py"]
    (tmp_path / "verify_old.py").write_bytes(old)
    spec = importlib.util.spec_from_file_location("verify_old", tmp_path / "verify_old.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    home = tmp_path / "home"
    pin = sha256(approved_home(home).policy.encode()).hexdigest()
    with open_ledger(Settings(home)) as ledger:
        row = hidden_row(ledger)
    for hidden in ([], [Place(row.log, row.index)]):
        data = encode_archive(files_of(export(home, OfficerScope(row.actor), hidden)))
        assert module.Bundle(data, pin).run() == "passed"


def test_a_signature_counts_for_the_key_of_its_own_log_alone():
    """Two logs may call different keys by one id: what one signed is nothing in the other."""
    keys = [Ed25519PrivateKey.from_private_bytes(bytes([log]) * 32) for log in range(2)]
    signed = [("k", "text", keys[0].sign(b"text"))]
    bundle = verify_py.Bundle(b"")
    bundle.ledger, bundle.logs = "demo", 2
    for log, key in enumerate(keys):
        public = b64encode(key.public_key().public_bytes_raw()).decode()
        enrolled = {"alg": "Ed25519", "id": "k", "public": public, "role": "ledger"}
        data = {"keys": [enrolled], "log": log, "logs": 2, "name": "demo"}
        genesis = {"type": "ledger.genesis.v1", "action": {"data": data}, "signed": signed}
        named = {"origin": f"demo/{log}", "stream": f"ledger:demo/{log}"}
        bundle.nodes[log, 0] = {**named, **genesis}
    with pytest.raises(InvalidSignature):
        bundle.check_signatures()
    assert bundle.where == "log 1 index 0"


def test_a_manifest_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from ledger.entry.archive import encode_archive

    path = tmp_path / "bundle.zip"
    path.write_bytes(encode_archive({"manifest.json": b"[]"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["verify.py", str(path)])
        assert verify_py.main() == 1
    assert capsys.readouterr().out.startswith("FAILED")
