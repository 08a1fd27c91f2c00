"""`evidence approve`: another than who asks approves that entries stay hidden in evidence."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from cyclopts import Parameter

from consumers.bootstrap import OpenLedger
from consumers.cli.audited import check_inspection, new_entry
from consumers.cli.errors import PASSED, NotFoundError, UsageError
from consumers.cli.options import Common, Reading
from consumers.cli.output import show_value, write
from consumers.cli.session import View, place_of, view
from consumers.cli.terminal import safe_text, say
from consumers.cli.texts import text
from ledger.app.intake import check_action_form
from ledger.app.submission import Place
from ledger.core.action import encode_action, stream_id
from ledger.core.ids import log_number
from ledger.entry.redaction import APPROVAL_TYPE
from projections.queries.timeline import EventFilter, events


def approve(
    *entries: Annotated[str, Parameter(help="INDEX, or LOG/INDEX where there are several logs.")],
    inspection: Annotated[str, Parameter(help="The inspection in which it is recorded (E71).")],
    reason: Annotated[str, Parameter(help="Why; it stands in every bundle that hides them.")],
    requested_by: Annotated[str, Parameter(help="The account that asks for it.")],
    by: Annotated[
        str, Parameter(env_var="PAL_BY", help="Your account; another than the one that asks.")
    ] = "",
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Approve that entries stay hidden in evidence bundles, as somebody else asks.

    It is recorded in the inspection, names each entry with its leaf hash, and stands in each bundle
    that hides one of them. A checkpoint must cover it first: pal seal run.

    Example: pal evidence approve 301 --inspection TT-1 --reason minor --requested-by an --by vu
    """
    if not entries:
        msg = "no entry is named"
        raise UsageError(msg, next_step="pal dossier events shows the indexes")
    if by == requested_by:
        msg = f"{by} cannot approve what {requested_by} asks for: it takes two people"
        raise UsageError(msg, next_step="let somebody else approve it: --by ANOTHER")
    reading = Reading(common.home, common.log, common.format, common.lang)
    with view(reading, "") as shown:
        check_inspection(shown.live, inspection, by)
        data = {
            "requested_by": requested_by,
            "entries": [_named(shown, name) for name in dict.fromkeys(entries)],
            "reason": reason,
        }
        number = log_number(stream_id("inspection", inspection), len(shown.ledger.trust))
        place = _record(shown.ledger, number, inspection, by, data)
        if common.format == "table":
            written = text(
                "approve.recorded", common.language, place=shown.place(number, place.index)
            )
            write(safe_text(written))
        else:
            value = {"log": number, "index": place.index, "leaf": place.leaf, **data}
            show_value("redaction_approval", value, basis=shown.basis(), form=common.format)
        say(
            f"  next  pal seal run, then pal evidence export … --inspection {inspection} --redact …"
        )
    return PASSED


def _named(shown: View, name: str) -> dict[str, Any]:
    """An entry by origin, index and leaf, as the log that was just folded to its end has it."""
    log, index = place_of(shown.live, name, "INDEX")
    chosen = EventFilter(log=log, first_index=index, last_index=index)
    row = next(events(shown.live, chosen), None)
    if row is None:
        msg = f"entry {name} is void, or its stream was set aside: no bundle shows it"
        raise NotFoundError(msg, next_step="pal verify and pal status say why")
    return {"origin": shown.ledger.trust[log].origin, "index": index, "leaf": row.leaf}


def _record(
    ledger: OpenLedger, number: int, inspection: str, by: str, data: dict[str, Any]
) -> Place:
    """Record the approval in its log, signed by this home's source key; gives its place."""
    from consumers.workers.own_entries import record_as  # noqa: PLC0415 - once all is checked

    approval = new_entry(APPROVAL_TYPE, stream_id("inspection", inspection), "auditor", by, data)
    check_action_form(encode_action(approval), ledger.name)
    return asyncio.run(record_as(ledger, number, [approval], "source")).places[0]
