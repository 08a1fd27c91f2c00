"""Ed25519 signatures over submissions, and the ring of keys that a log's own entries enrol.

A submission of n actions is signed once: the signature covers `pal/actions/v1`, n and the RFC 6962
root of the actions; each action carries its place and inclusion proof and so verifies by itself.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from ledger.core.ed25519 import is_small_order
from ledger.core.merkle import (
    leaf_hash,
    leaf_hashes,
    levels_of,
    prove_all_inclusions,
    root_from_inclusion,
)
from ledger.core.note import Algorithm, SignedNote
from ledger.entry.entry import Entry, Signature
from ledger.entry.note_keys import NoteSigner

KEY_ENROLLED: Final = "ledger.key_enrolled.v1"
KEY_REVOKED: Final = "ledger.key_revoked.v1"

_PREFIX: Final = b"pal/actions/v1\n"
_REMEMBERED_MAX: Final = 8_192
"""Submissions remembered as verified: more than a reader looks ahead."""

Role = Literal["ledger", "source"]


class SignatureError(ValueError):
    """A signature that does not verify, or a key that was not valid there."""


class EnrolledKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key as the log enrols it; `public` is the base64 of its 32 bytes."""

    id: str
    alg: Literal["Ed25519"]
    public: str
    role: Role


def signed_message(size: int, root: bytes) -> bytes:
    """The bytes that a submission's signature covers."""
    return _PREFIX + f"{size}\n".encode() + b64encode(root) + b"\n"


def submission_roots(entries: Sequence[Entry]) -> list[bytes | None]:
    """The root that each entry's signature covers, where its whole submission lies in `entries`.

    One tree for a submission of n costs 2n hashes, n paths followed to their root n log n. None
    where an entry has several signatures, lies apart from its submission, or has a path that is not
    that of the tree: `KeyRing.check` then follows the path itself.
    """
    roots: list[bytes | None] = [None] * len(entries)
    place = 0
    while place < len(entries):
        size = entries[place].seal.sigs[0].size
        together = entries[place : place + size]
        if len(together) == size and _is_whole(together):
            root, paths = submission_tree(leaf_hashes([entry.action_bytes for entry in together]))
            if paths == [joined_path(entry.seal.sigs[0]) for entry in together]:
                roots[place : place + size] = [root] * size
                place += size
                continue
        place += 1
    return roots


def submission_tree(leaves: Sequence[bytes]) -> tuple[bytes, list[str]]:
    """The root over some leaves, and the path of each as it stands between the quotes of a seal:
    `joined_path`.

    Each node is written once for all leaves below it, and each path goes on as that above it.
    """
    levels = levels_of(leaves)
    above = [""]
    for level in levels[-2::-1]:
        texts = [b2a_base64(node, newline=False).decode() for node in level]
        paths = list[str]()
        for at in range(0, len(texts) - 1, 2):
            rest = above[at >> 1]
            if rest:
                rest = f'","{rest}'
            paths += (texts[at + 1] + rest, texts[at] + rest)
        if len(texts) & 1:
            # Carried up: its leaves have nothing at this level.
            paths.append(above[-1])
        above = paths
    return levels[-1][0], above


def joined_path(signature: Signature) -> str:
    """The hashes of a path as they stand between the quotes of a seal; "" where there are none."""
    return '","'.join(signature.path)


def _is_whole(entries: Sequence[Entry]) -> bool:
    """Whether these are the actions 0, 1, 2, … under one signature and no other."""
    first = entries[0].seal.sigs[0]
    for at, entry in enumerate(entries):
        signature = entry.seal.sigs[0]
        if (
            len(entry.seal.sigs) != 1
            or signature.at != at
            or signature.sig != first.sig
            or signature.size != first.size
            or signature.key != first.key
        ):
            return False
    return True


class SigningKey:
    """A private key with the id under which the log knows its public half."""

    def __init__(self, key_id: str, private: Ed25519PrivateKey, role: Role) -> None:
        self.id = key_id
        self.role: Role = role
        self._private = private

    def enrolled(self) -> EnrolledKey:
        """The public half, as an entry enrols it."""
        public = self._private.public_key().public_bytes_raw()
        return EnrolledKey(self.id, "Ed25519", b64encode(public).decode(), self.role)

    def sign_note(self, name: str, text: str) -> SignedNote:
        """`text` as a note that this key signs under a name; raises `NoteError` for no such name.

        The text begins with a label of its own, so that no note is a submission's message.
        """
        signature = NoteSigner(name, self._private, Algorithm.ED25519).sign(text)
        return SignedNote(text, (signature,))

    def sign(self, actions: Sequence[bytes]) -> list[tuple[Signature, ...]]:
        """Sign the actions together; gives the `sigs` of each, in their order."""
        root, paths = prove_all_inclusions(leaf_hashes(actions))
        size = len(actions)
        sig = b64encode(self._private.sign(signed_message(size, root))).decode()
        # A hash stands in the paths of half a tree's leaves or fewer, but is made into text once.
        nodes: set[bytes] = set().union(*paths)
        hashes = {node: b64encode(node).decode() for node in nodes}
        return [
            (Signature(at, self.id, tuple([hashes[node] for node in path]), sig, size),)
            for at, path in enumerate(paths)
        ]


_Submission = tuple[str, str, int, bytes]


def _submission(signature: Signature, root: bytes) -> _Submission:
    return signature.key, signature.sig, signature.size, root


class KeyRing:
    """The keys valid at one place of the log: a fold over genesis, enrolments and revocations."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[EnrolledKey, Ed25519PublicKey]] = {}
        self._revoked: set[str] = set()
        self._verified: dict[_Submission, None] = {}
        self.verifications = 0
        """How many signatures were verified: one for each submission and key."""

    def enrol(self, key: EnrolledKey) -> None:
        """Add a key; raises `SignatureError` for a key that is no key or an id used before."""
        try:
            raw = b64decode(key.public, validate=True)
            public = Ed25519PublicKey.from_public_bytes(raw)
        except ValueError as error:
            msg = f"key {key.id}: {error}"
            raise SignatureError(msg) from error
        if b64encode(raw).decode() != key.public:
            msg = f"key {key.id}: {key.public!r} is no base64 in its one form"
            raise SignatureError(msg)
        if is_small_order(raw):
            msg = f"key {key.id}: a point of small order, with which anybody can sign"
            raise SignatureError(msg)
        known = self._keys.get(key.id)
        if known is not None and known[0] != key:
            msg = f"key id {key.id} was used before: ids are never reused"
            raise SignatureError(msg)
        self._keys[key.id] = (key, public)

    def revoke(self, key_id: str) -> None:
        """From here on the key signs nothing; what it signed before keeps its verdict."""
        self._revoked.add(key_id)

    def __iter__(self) -> Any:
        """The enrolled keys, revoked ones included, in the order of their enrolment."""
        return iter([key for key, _ in self._keys.values()])

    def is_revoked(self, key_id: str) -> bool:
        """Whether the key was revoked before this place of the log."""
        return key_id in self._revoked

    def role_of(self, key_id: str) -> Role | None:
        """The role of a key that is valid here; None for a key unknown or revoked."""
        known = self._keys.get(key_id)
        return None if known is None or key_id in self._revoked else known[0].role

    def valid(self, role: Role) -> set[str]:
        """The ids of the keys of a role that are valid here."""
        return {key.id for key in self if key.role == role and key.id not in self._revoked}

    def unverified(
        self, entries: Iterable[Entry], roots: Iterable[bytes | None]
    ) -> list[tuple[Signature, bytes]]:
        """The submissions with their roots (`submission_roots`) that nobody verified yet, once.

        Only those whose keys are known by now."""
        found: dict[_Submission, tuple[Signature, bytes]] = {}
        for entry, root in zip(entries, roots, strict=True):
            if root is not None:
                signature = entry.seal.sigs[0]
                if signature.key in self._keys and not self.remembers(signature, root):
                    found[_submission(signature, root)] = (signature, root)
        return list(found.values())

    def is_genuine(self, signature: Signature, root: bytes) -> bool:
        """Whether a known key signed `root`; changes nothing, and may be asked from any thread."""
        message = signed_message(signature.size, root)
        try:
            self._keys[signature.key][1].verify(b64decode(signature.sig), message)
        except InvalidSignature:
            return False
        return True

    def remember(self, signature: Signature, root: bytes) -> None:
        """Take a signature for verified that `is_genuine`."""
        self.verifications += 1
        if len(self._verified) >= _REMEMBERED_MAX:
            del self._verified[next(iter(self._verified))]
        self._verified[_submission(signature, root)] = None

    def remembers(self, signature: Signature, root: bytes) -> bool:
        """Whether a signature was verified, not long ago."""
        return _submission(signature, root) in self._verified

    def check(self, action: bytes, sigs: Sequence[Signature], root: bytes | None = None) -> None:
        """Raise `SignatureError` unless every signature on `action` verifies with a valid key.

        A submission is verified once: further actions under the same root cost only hashing, and
        not even that where `root` says where the path of the only signature leads.
        """
        if not sigs:
            msg = "no signature"
            raise SignatureError(msg)
        if root is not None:
            (only,) = sigs
            if self.remembers(only, root) and only.key not in self._revoked:
                return
        leaf = leaf_hash(action) if root is None else b""
        for signature in sigs:
            if signature.key not in self._keys:
                msg = f"key {signature.key!r} is not enrolled in this log"
                raise SignatureError(msg)
            if signature.key in self._revoked:
                msg = f"key {signature.key!r} was revoked"
                raise SignatureError(msg)
            led_to = root or root_from_inclusion(
                signature.at, signature.size, leaf, signature.path_hashes()
            )
            if self.remembers(signature, led_to):
                continue
            if not self.is_genuine(signature, led_to):
                msg = f"the signature of key {signature.key!r} does not fit these bytes"
                raise SignatureError(msg)
            self.remember(signature, led_to)

    def apply(self, type_name: str, data: Mapping[str, Any]) -> None:
        """Fold an entry of the log's own stream; entries of other types change no key."""
        try:
            if type_name == "ledger.genesis.v1":
                for item in data.get("keys", ()):
                    self.enrol(msgspec.convert(item, EnrolledKey))
            elif type_name == KEY_ENROLLED:
                self.enrol(msgspec.convert(data["key"], EnrolledKey))
            elif type_name == KEY_REVOKED:
                self.revoke(str(data["key_id"]))
        except (msgspec.ValidationError, KeyError, TypeError, AttributeError) as error:
            # A seal says the type; what an action of it holds is anything at all.
            msg = f"{type_name}: {error}"
            raise SignatureError(msg) from error
