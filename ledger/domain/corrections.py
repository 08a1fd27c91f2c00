"""Corrections (E47): beside what they correct, with before and after; never in its place.

A correction names an action of the same dossier, a field of its data, and the hash of what stood
there. What is corrected twice is compared with what the first correction put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from hashlib import sha256
from typing import Any, Final

import msgspec

from ledger.core.action import Action
from ledger.core.canonical import CanonicalError, decode_canonical, encode_canonical
from ledger.core.findings import Finding, Verdict

CORRECTED: Final = "dossier.event_corrected.v1"
_NOTHING: Final = b""


class Correction(msgspec.Struct, frozen=True):
    """One correction: the entry of `version` corrects `field` of the entry of `target_version`.

    `before` and `after` are canonical JSON, "" where nothing stood there. `target_version` is 0
    where the dossier has no such action before it; `matches` says that the hash is that of before.
    """

    version: int
    target: str
    target_version: int
    field: str
    before: str
    after: str
    matches: bool
    approver: str


def corrections(actions: Iterable[tuple[int, Action]]) -> tuple[Correction, ...]:
    """The corrections among the actions of one dossier, which come with and by their versions."""
    versions: dict[str, int] = {}
    data: dict[str, dict[str, Any]] = {}
    found = []
    for version, action in actions:
        if action.type == CORRECTED:
            found.append(_correction(action, version, versions, data))
        versions[action.id] = version
        data[action.id] = action.data
    return tuple(found)


def _correction(
    action: Action, version: int, versions: Mapping[str, int], data: dict[str, dict[str, Any]]
) -> Correction:
    target, field = action.data["correction_of"], action.data["field"]
    after = _after(action.data["after"])
    before, matches = _NOTHING, False
    if target in data:
        corrected = deepcopy(data[target])
        parent, key = _place(corrected, field)
        if parent is not None:
            if key in parent:
                before = encode_canonical(parent[key])
            parent[key] = after
            matches = sha256(before).hexdigest() == action.data["before_hash"]
        data[target] = corrected
    return Correction(
        version,
        target,
        versions.get(target, 0),
        field,
        before.decode(),
        encode_canonical(after).decode(),
        matches,
        action.data.get("approver", ""),
    )


def _after(value: Any) -> Any:
    """The value that the canonical JSON in `after` says; a text that is none stands for itself."""
    if not isinstance(value, str):
        return value
    try:
        return decode_canonical(value.encode())
    except CanonicalError:
        return value


def _place(data: dict[str, Any], path: str) -> tuple[dict[str, Any] | None, str]:
    """The object that holds the last name of a dotted path, or None where there is none."""
    *parents, key = path.split(".")
    place: Any = data
    for name in parents:
        place = place.get(name) if isinstance(place, dict) else None
    return (place, key) if isinstance(place, dict) else (None, key)


def correction_findings(stream: str, found: Sequence[Correction]) -> tuple[Finding, ...]:
    """A finding for each correction of something that does not stand where it says."""
    return tuple(
        Finding(
            code="dossier.correction_unmatched",
            verdict=Verdict.FAILED,
            message=f"a correction of {item.field!r} does not fit what it corrects",
            stream=stream,
            version=item.version,
            expected=f"the hash of what stands in {item.field!r} of action {item.target}",
            actual="something else, or no such place"
            if item.target_version
            else "no such action before it",
            next_step="correct again, with the hash of what stands there now",
        )
        for item in found
        if not item.matches
    )
