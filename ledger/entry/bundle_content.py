"""Steps 1 to 4 of a bundle's verification: files, entries, signatures, links."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise

import msgspec

from ledger.core.chain import ZERO_LINK
from ledger.core.findings import FindingError, Verdict
from ledger.core.merkle import ProofError
from ledger.entry.archive import ArchiveError, decode_archive
from ledger.entry.bundle import (
    MANIFEST,
    NOT_LISTED,
    REDACTIONS,
    BundleError,
    Counts,
    EvidenceBundle,
    Folder,
    Place,
    entry_place,
    has_place,
    parse_manifest,
    parse_redactions,
)
from ledger.entry.bundle_state import BundleCheck, Node, failed
from ledger.entry.entry import Entry, EntryError, NewerFormatError, decode_entry
from ledger.entry.log_state import GENESIS_TYPE
from ledger.entry.signatures import KeyRing, SignatureError


def check_files(check: BundleCheck) -> None:
    """The archive's form, the manifest, and the hash of each file."""
    try:
        check.files = decode_archive(check.data)
    except ArchiveError as error:
        raise failed("evidence.archive", str(error)) from error
    try:
        manifest = parse_manifest(check.file("evidence.file", MANIFEST))
    except BundleError as error:
        raise failed("evidence.manifest", str(error)) from error
    check.bundle = EvidenceBundle(manifest, check.files)
    for path in NOT_LISTED:
        check.file("evidence.file", path)
    for path in sorted(manifest.files.keys() - check.files.keys()):
        raise failed("evidence.file", f"{path} is in the manifest and not there")
    for path in sorted(check.files.keys() - manifest.files.keys() - NOT_LISTED):
        raise failed("evidence.file", f"{path} is there and not in the manifest")
    for path, expected in sorted(manifest.files.items()):
        actual = sha256(check.files[path]).hexdigest()
        if actual != expected or path in NOT_LISTED:
            raise failed(
                "evidence.file",
                f"{path} is not the file of the manifest",
                expected=expected,
                actual=actual,
            )
        if not has_place(path):
            raise failed("evidence.file", f"{path} has no place in a bundle")
        check.checked += 1


def check_entries(check: BundleCheck) -> None:
    """Each entry by itself and by its file name; the redactions; the counts."""
    for path in sorted(check.files):
        placed = entry_place(path)
        if placed is not None:
            _add_entry(check, path, *placed)
    try:
        check.redactions = parse_redactions(check.file("evidence.redaction", REDACTIONS))
    except BundleError as error:
        raise failed("evidence.redaction", str(error)) from error
    check.nodes = [
        Node(place, entry.leaf, entry.seal.stream, entry.seal.version, entry)
        for place, (_, entry) in check.entries.items()
    ]
    for item in check.redactions:
        place = Place(item.log, item.index)
        node = Node(place, item.leaf, item.stream, item.version, None)
        if place in check.entries:
            raise failed("evidence.redaction", "a redacted entry is shown", node=node)
        check.nodes.append(node)
    check.nodes.sort(key=lambda node: node.place)
    shown = [folder for folder, _ in check.entries.values()].count("entries")
    found = Counts(shown, len(check.redactions), len(check.entries) - shown)
    if found != check.manifest.counts:
        raise failed(
            "evidence.count",
            "there are other numbers of entries than the manifest says",
            expected=check.manifest.counts,
            actual=found,
        )


def _add_entry(check: BundleCheck, path: str, folder: Folder, place: Place) -> None:
    try:
        entry = decode_entry(check.files[path])
    except NewerFormatError as error:
        finding = failed("entry.newer_format", f"{path}: {error}").finding
        raise FindingError(
            msgspec.structs.replace(finding, verdict=Verdict.INDETERMINATE)
        ) from error
    except EntryError as error:
        raise failed("entry.malformed", f"{path}: {error}") from error
    expected = (check.origin(place.log), place.index)
    if (entry.seal.origin, entry.seal.index) != expected:
        raise failed(
            "evidence.entry",
            f"{path} is an entry of another place",
            expected=expected,
            actual=(entry.seal.origin, entry.seal.index),
        )
    if place in check.entries:
        raise failed("evidence.entry", f"{path} stands in both folders")
    check.entries[place] = (folder, entry)
    check.checked += 1


def check_signatures(check: BundleCheck) -> None:
    """Each entry's signatures, by keys that the log had enrolled before it."""
    for log in sorted({node.place.log for node in check.nodes}):
        own = [node for node in check.nodes if node.place.log == log]
        if own[0].place.index != 0 or own[0].entry is None:
            raise failed("evidence.genesis", f"log {log} does not show its genesis")
        check.rings[log] = KeyRing()
        for node in own:
            if node.entry is not None:
                _check_signature(check, node, node.entry, check.rings[log])
        check.checked += check.rings[log].verifications


def _check_signature(check: BundleCheck, node: Node, entry: Entry, ring: KeyRing) -> None:
    seal = entry.seal
    own = seal.stream == f"ledger:{seal.origin}"
    # As in a log: what an action has besides, or is not, makes neither entry nor key another.
    data = entry.action.get("data", {}) if own else {}
    if (seal.index == 0) != (seal.type == GENESIS_TYPE) or (seal.index == 0 and not own):
        raise failed("evidence.genesis", "a log begins with its genesis, only there", node=node)
    if seal.index == 0:
        named = data if isinstance(data, dict) else {}
        said = (named.get("name"), named.get("log"), named.get("logs"))
        expected = (check.manifest.ledger, node.place.log, check.manifest.logs)
        if said != expected:
            raise failed(
                "evidence.genesis",
                "the genesis is that of another ledger or log",
                node=node,
                expected=expected,
                actual=said,
            )
    try:
        if seal.index == 0:
            ring.apply(seal.type, data)
        ring.check(entry.action_bytes, seal.sigs)
        if own and any(ring.role_of(each.key) != "ledger" for each in seal.sigs):
            msg = "an entry of the log's own stream needs a key of role ledger"
            raise SignatureError(msg)  # noqa: TRY301 - one place turns all of these into a finding
        if own and seal.index:
            ring.apply(seal.type, data)
    except (SignatureError, ProofError) as error:
        raise failed(
            "signature.invalid",
            str(error),
            node=node,
            expected="a signature of a key enrolled before this entry",
            actual=", ".join(each.key for each in seal.sigs),
        ) from error


def check_chain(check: BundleCheck) -> None:
    """The links between neighbours of a log and of a stream."""
    for before, node in pairwise(check.nodes):
        if (before.place.log, before.place.index + 1) == (node.place.log, node.place.index):
            _check_link(check, "chain.link_mismatch", "prev", before.leaf, node)
    for node in check.nodes:
        if node.place.index == 0:
            _check_link(check, "chain.link_mismatch", "prev", ZERO_LINK, node)
    streams: dict[tuple[int, str], Node] = {}
    for node in check.nodes:
        last = streams.get((node.place.log, node.stream))
        if last is not None and node.version <= last.version:
            raise failed(
                "chain.version_mismatch",
                "the versions of a stream do not grow with the index",
                node=node,
                expected=f"more than {last.version}",
                actual=node.version,
            )
        if node.version == 1:
            _check_link(check, "chain.stream_link_mismatch", "stream_prev", ZERO_LINK, node)
        elif last is not None and last.version + 1 == node.version:
            _check_link(check, "chain.stream_link_mismatch", "stream_prev", last.leaf, node)
        streams[node.place.log, node.stream] = node


def _check_link(check: BundleCheck, code: str, field: str, expected: str, node: Node) -> None:
    if node.entry is None:
        return
    found = getattr(node.entry.seal, field)
    if found != expected:
        message = f"{field} is not the leaf of the entry before"
        raise failed(code, message, node=node, expected=expected, actual=found)
    check.checked += 1
