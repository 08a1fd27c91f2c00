"""Every way in which a bundle's keys are altered: each bundle holds entries of the log's own stream
that an insider made who has the ledger's key, so that only what they say of keys can be wrong.

No tree holds them: a verifier that reads them over refuses the bundle at a later step.
"""

from __future__ import annotations

from base64 import b64encode

import msgspec

from ledger.core.canonical import encode_canonical
from ledger.entry.entry import decode_entry, encode_entry
from ledger.entry.signatures import SigningKey
from tests.evidence_forge import (
    Case,
    Files,
    Scene,
    case_of,
    count,
    insider,
    private_key,
    reseal,
    source_key,
)

CASES: list[Case] = []
case = case_of(CASES)

LAST = 90_000
"""An index behind all that are shown."""

MINE = SigningKey("mine", private_key("mine"), "source")


def with_own(
    scene: Scene, index: int, event: str, data: object, files: Files | None = None
) -> Files:
    """A bundle, the dossier's where none is given, with an entry more of the log's own stream."""
    files = scene.dossier if files is None else files
    path, genesis = f"registry/0/{index}", decode_entry(scene.dossier["registry/0/0"])
    assert not {path, f"entries/0/{index}"} & files.keys()
    type_name, stream = f"ledger.{event}.v1", genesis.seal.stream
    action = encode_canonical({"data": data, "stream": stream, "type": type_name})
    sigs = scene.key.sign([action])[0]
    seal = msgspec.structs.replace(
        genesis.seal, index=index, version=index + 1, type=type_name, sigs=sigs
    )
    return count(files | {path: encode_entry(seal, action)}, registry=1)


def free_places(scene: Scene) -> list[int]:
    """Indexes between entries of the dossier that are not shown, nor the one behind each."""
    shown = [path.split("/") for path in scene.dossier if not path.startswith("proofs/")]
    taken = {int(parts[2]) for parts in shown if len(parts) == 3}
    first, last = (int(scene.entry(at).rpartition("/")[2]) for at in (0, -1))
    return [at for at in range(first, last) if not {at, at + 1} & taken]


def signed_anew(scene: Scene, files: Files, path: str, key: SigningKey) -> bytes:
    """The bundle, its entry at `path` signed by another key."""
    sigs = key.sign([decode_entry(files[path]).action_bytes])[0]
    return insider(scene, files | {path: reseal(files[path], sigs=sigs)})


def enrolled(key: SigningKey, **changes: str) -> dict[str, object]:
    """What enrols a key, or another in its place."""
    return {"key": msgspec.to_builtins(key.enrolled()) | changes}


@case(3)
def another_key_under_the_id_of_one_in_force(scene: Scene) -> bytes:
    data = enrolled(MINE, id=source_key(scene))
    return insider(scene, with_own(scene, LAST, "key_enrolled", data))


@case(3)
def another_key_under_the_id_of_one_revoked(scene: Scene) -> bytes:
    """An id is one key's for ever: what was signed under it has one reading."""
    name = source_key(scene)
    files = with_own(scene, LAST, "key_revoked", {"key_id": name})
    return insider(scene, with_own(scene, LAST + 1, "key_enrolled", enrolled(MINE, id=name), files))


@case(3)
def a_key_in_another_role(scene: Scene) -> bytes:
    data = enrolled(scene.source, role="ledger")
    return insider(scene, with_own(scene, LAST, "key_enrolled", data))


@case(3)
def signed_by_a_key_that_was_revoked(scene: Scene) -> bytes:
    data = {"key_id": source_key(scene)}
    return insider(scene, with_own(scene, free_places(scene)[0], "key_revoked", data))


@case(3)
def signed_by_a_key_that_was_revoked_and_enrolled_again(scene: Scene) -> bytes:
    data = {"key_id": source_key(scene)}
    files = with_own(scene, free_places(scene)[0], "key_revoked", data)
    again = enrolled(scene.source)
    return insider(scene, with_own(scene, free_places(scene)[0] + 1, "key_enrolled", again, files))


@case(3)
def signed_by_a_key_that_was_enrolled_afterwards(scene: Scene) -> bytes:
    files = with_own(scene, LAST, "key_enrolled", enrolled(MINE))
    return signed_anew(scene, files, scene.entry(1), MINE)


@case(3)
def enrolment_that_the_new_key_signs_itself(scene: Scene) -> bytes:
    mine = SigningKey("mine", private_key("mine"), "ledger")
    files = with_own(scene, LAST, "key_enrolled", enrolled(mine))
    return signed_anew(scene, files, f"registry/0/{LAST}", mine)


@case(3)
def enrolment_by_a_key_of_a_source(scene: Scene) -> bytes:
    files = with_own(scene, LAST, "key_enrolled", enrolled(MINE))
    return signed_anew(scene, files, f"registry/0/{LAST}", scene.source)


@case(3)
def key_with_which_anybody_signs(scene: Scene) -> bytes:
    """The neutral point: R = A and S = 0 is a signature by it over whatever text."""
    public = b64encode(b"\1" + bytes(31)).decode()
    return insider(scene, with_own(scene, LAST, "key_enrolled", enrolled(MINE, public=public)))


@case(3)
def key_of_another_algorithm(scene: Scene) -> bytes:
    data = enrolled(MINE, alg="Ed448")
    return insider(scene, with_own(scene, LAST, "key_enrolled", data))


@case(5)
def key_that_nothing_is_wrong_with(scene: Scene) -> bytes:
    """What it signs is well signed: the entry that enrols it is in no tree."""
    files = with_own(scene, free_places(scene)[-1], "key_enrolled", enrolled(MINE))
    return signed_anew(scene, files, scene.entry(-1), MINE)


@case(5)
def key_revoked_by_an_entry_that_it_signs(scene: Scene) -> bytes:
    """It signs until then, that entry included."""
    data = {"key_id": scene.key.id}
    return insider(scene, with_own(scene, free_places(scene)[-1], "key_revoked", data))
