"""A demo office whose log approves that one entry stays hidden, rightly and in each wrong way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.demo.run import DemoClock, run_demo
from ledger.app.submission import SignedAction, Submission
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import log_number
from ledger.core.times import format_instant
from projections.queries.timeline import TimelineRow, dossier_events
from tests.sealed_ledger import Sealing, seal

DOSSIER: Final = "H26.31.0007"
REASON: Final = "a third party is named"
AFTER: Final = datetime.fromisoformat("2026-09-20T08:00:00+00:00")
"""When it was approved: after everything that the demo office did."""

TYPE: Final = "inspection.redaction_approved.v1"
_WHO: Final = Actor(kind="auditor", id="tt.vu")

Change = Callable[[Action], Action]


def _data(**values: Any) -> Change:
    return lambda action: replace(action, data=action.data | values)


def _actor(**values: str) -> Change:
    return lambda action: replace(action, actor=replace(action.actor, **values))


def _entry(**values: Any) -> Change:
    def change(action: Action) -> Action:
        (entry,) = action.data["entries"]
        return replace(action, data=action.data | {"entries": [entry | values]})

    return change


def _another_type(action: Action) -> Action:
    """All that an approval says, in a request: no intake lets it in, and no fold reads it."""
    return replace(action, type="inspection.evidence_requested.v1")


WRONG: Final[Mapping[str, tuple[Change, str]]] = {
    "another-entry": (_entry(index=29), "does not name index"),
    "another-leaf": (_entry(leaf="ab" * 32), "does not name index"),
    "another-ledger": (_entry(origin="other/0"), "does not name index"),
    "who-asked": (_data(requested_by=_WHO.id), "who asked for it"),
    "for-who-asked": (_actor(on_behalf_of="tt.an"), "who asked for it"),
    "a-system": (_actor(kind="system"), "an act of a system"),
    "another-type": (_another_type, "none is recorded"),
}
"""Each way in which an entry approves nothing, and what is said of it at export."""


def approved_home(home: Path) -> Sealing:
    """The demo office, sealed behind the approvals; see `inspection_of`."""
    run_demo(home, StringIO())
    with open_ledger(Settings(home), now=DemoClock(AFTER)) as ledger:
        record_approvals(ledger)
        return seal(ledger)


def inspection_of(name: str) -> str:
    """The inspection in which an approval is: `right`, or one of `WRONG`."""
    return f"TT-{name}"


def hidden_row(ledger: OpenLedger) -> TimelineRow:
    """The entry that is approved to be hidden."""
    return dossier_events(ledger.store(), DOSSIER)[2]


def approval_of(ledger: OpenLedger, row: TimelineRow, name: str) -> Action:
    """An approval of an entry, as it must be, for the inspection of that name."""
    entry = {"origin": ledger.trust[row.log].origin, "index": row.index, "leaf": row.leaf}
    return Action(
        id=f"01996400-0000-7000-8000-{sha256(name.encode()).hexdigest()[:12]}",
        type=TYPE,
        stream=f"inspection:{inspection_of(name)}",
        occurred_at=OccurredAt(format_instant(AFTER), "instant"),
        actor=_WHO,
        data={"requested_by": "tt.an", "entries": [entry], "reason": REASON},
    )


def record_approvals(ledger: OpenLedger) -> None:
    """Each approval in an inspection of its own."""
    row, key = hidden_row(ledger), ledger.keys.load_signing_key("source")
    changes = {"right": _data(), **{name: change for name, (change, _) in WRONG.items()}}
    for name, change in changes.items():
        action = change(approval_of(ledger, row, name))
        body = encode_action(action)
        (sigs,) = key.sign([body])
        signed = SignedAction(action.id, action.stream, action.type, body, sigs)
        log = ledger.logs[log_number(action.stream, len(ledger.trust))]
        log.submit([Submission((signed,))])
