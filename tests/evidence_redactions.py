"""Every way in which what is hidden in a bundle is altered, and who approved that it is."""

from __future__ import annotations

import json

import msgspec

from ledger.core.canonical import encode_canonical
from ledger.entry.entry import decode_entry, encode_entry
from ledger.entry.signatures import SigningKey
from tests.evidence_forge import (
    Case,
    Scene,
    approved_by,
    case_of,
    change_redaction,
    count,
    insider,
    private_key,
    proof_of,
    redaction_of,
    reseal,
    without,
)

CASES: list[Case] = []
case = case_of(CASES)


@case(2)
def redaction_of_what_is_shown(scene: Scene) -> bytes:
    entry = decode_entry(scene.dossier[scene.entry(1)])
    item = redaction_of(entry)
    data = encode_canonical({"redactions": [item], "v": 1})
    return insider(scene, count(scene.dossier | {"redactions.json": data}, redacted=1))


@case(4)
def redacted_leaf(scene: Scene) -> bytes:
    return insider(scene, change_redaction(scene.redacted, leaf="cd" * 32))


@case(4)
def redacted_version_twice(scene: Scene) -> bytes:
    return insider(scene, change_redaction(scene.redacted, version=2))


@case(8)
def redaction_of_somebody_else(scene: Scene) -> bytes:
    """A genuine entry of the log, rightly approved to be hidden, among those of an officer whose it
    is not."""
    path = scene.entry(2)
    entry = decode_entry(scene.dossier[path])
    assert entry.action["actor"]["id"] != "land.nguyet"
    (item,) = json.loads(scene.redacted["redactions.json"])["redactions"]
    assert item["leaf"] == entry.leaf
    proof = proof_of(path)
    files = (
        scene.officer
        | scene.approvals["right"]
        | {
            "redactions.json": encode_canonical({"redactions": [item], "v": 1}),
            proof: scene.dossier[proof],
        }
    )
    return insider(scene, count(files, redacted=1, registry=1))


@case(8)
def redaction_without_its_approval(scene: Scene) -> bytes:
    files = without(scene.redacted, *scene.approvals["right"])
    return insider(scene, count(files, registry=-1))


@case(8)
def redaction_approved_by_the_entry_that_is_hidden(scene: Scene) -> bytes:
    (item,) = json.loads(scene.redacted["redactions.json"])["redactions"]
    place = {"index": item["index"], "log": item["log"]}
    return insider(scene, change_redaction(scene.redacted, approval=place))


@case(8)
def redaction_approved_by_the_genesis(scene: Scene) -> bytes:
    place = {"index": 0, "log": 0}
    return insider(scene, change_redaction(scene.redacted, approval=place))


@case(8)
def redaction_for_another_reason(scene: Scene) -> bytes:
    return insider(scene, change_redaction(scene.redacted, reason="state secret"))


@case(8)
def approval_of_another_entry(scene: Scene) -> bytes:
    return insider(scene, approved_by(scene, "another-entry"))


@case(8)
def approval_of_another_leaf(scene: Scene) -> bytes:
    return insider(scene, approved_by(scene, "another-leaf"))


@case(8)
def approval_for_another_ledger(scene: Scene) -> bytes:
    return insider(scene, approved_by(scene, "another-ledger"))


@case(8)
def approval_by_who_asked(scene: Scene) -> bytes:
    return insider(scene, approved_by(scene, "who-asked"))


@case(8)
def approval_for_who_asked(scene: Scene) -> bytes:
    return insider(scene, approved_by(scene, "for-who-asked"))


@case(8)
def approval_by_a_system(scene: Scene) -> bytes:
    return insider(scene, approved_by(scene, "a-system"))


@case(8)
def approval_of_another_type(scene: Scene) -> bytes:
    return insider(scene, approved_by(scene, "another-type"))


@case(2)
def redaction_that_names_no_approval(scene: Scene) -> bytes:
    value = json.loads(scene.redacted["redactions.json"])
    del value["redactions"][0]["approval"]
    return insider(scene, scene.redacted | {"redactions.json": encode_canonical(value)})


@case(2)
def approval_with_a_key_more(scene: Scene) -> bytes:
    (item,) = json.loads(scene.redacted["redactions.json"])["redactions"]
    place = item["approval"] | {"origin": "demo/0"}
    return insider(scene, change_redaction(scene.redacted, approval=place))


@case(2)
def approval_in_the_log_of_another_ledger(scene: Scene) -> bytes:
    path, _ = scene.approvals["right"]
    data = reseal(scene.redacted[path], origin="other/0")
    return insider(scene, scene.redacted | {path: data})


@case(3)
def approval_that_is_void(scene: Scene) -> bytes:
    """Signed by a key that nobody enrolled: in the log it would count for no fold."""
    path, _ = scene.approvals["who-asked"]
    files = approved_by(scene, "who-asked")
    entry = decode_entry(files[path])
    action = entry.action_bytes.replace(b'"requested_by":"tt.vu"', b'"requested_by":"tt.an"')
    sigs = SigningKey("mine", private_key("mine"), "source").sign([action])[0]
    seal = msgspec.structs.replace(entry.seal, sigs=sigs)
    return insider(scene, files | {path: encode_entry(seal, action)})


@case(5)
def approval_made_afterwards(scene: Scene) -> bytes:
    """Signed by the source's key and in no log: the exporter has both keys, and no time machine."""
    path, _ = scene.approvals["who-asked"]
    files = approved_by(scene, "who-asked")
    entry = decode_entry(files[path])
    action = entry.action_bytes.replace(b'"requested_by":"tt.vu"', b'"requested_by":"tt.an"')
    seal = msgspec.structs.replace(entry.seal, sigs=scene.source.sign([action])[0])
    return insider(scene, files | {path: encode_entry(seal, action)})
