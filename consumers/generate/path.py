"""The whole way of one dossier, stage by stage."""

from __future__ import annotations

from typing import Final

from consumers.generate.case import Made
from consumers.generate.intake import accept, check, submit, transfer
from consumers.generate.office_time import DAY, at_local, local_day, local_minute, working_day_after
from consumers.generate.result import (
    acting,
    afterwards,
    deliver,
    electronic,
    extend,
    sign,
    signatory,
    stop,
    withdraw,
)
from consumers.generate.walk import Walk
from consumers.generate.work import appraise

_NEGATIVE: Final = 0.05
_STOPPED: Final = 0.02
_TOO_LATE: Final = 15 * 60 + 30
"""After this an instant dossier is accepted the next morning: it could not be done the same day."""


def follow(walk: Walk, at: int) -> Made:
    """Make one dossier from its submission at a minute to the archive."""
    checked = submit(walk, at)
    accepted = check(walk, checked)
    if accepted < 0:
        last = walk.office.after(walk.case.last, 10)
    elif walk.procedure.kind == "instant":
        last = _instant(walk, accepted)
    else:
        last = _worked(walk, transfer(walk, accept(walk, accepted)))
    afterwards(walk, last)
    return walk.case.made()


def _instant(walk: Walk, at: int) -> int:
    """In and out on one day: desk, signatory, desk."""
    case, desk, signer = walk.case, walk.competent.desk, signatory(walk, at)
    if local_minute(at) >= _TOO_LATE:
        at = at_local(working_day_after(local_day(at), 1), 8 * 60)
    accept(walk, at)
    given = walk.office.after(at, walk.draws.whole(1, 5))
    taken = walk.hand_over(given, desk, signer, "signing", 5, 15)
    case.status(taken, 4)
    signed = walk.office.after(taken, walk.draws.whole(2, 15))
    who, doc = acting(walk, signer), {"doc_ref": f"result-{case.dossier}"}
    case.act(signed, who, "signed", doc, step="signing")
    electronic(walk, signed, signer)
    case.outcome = "granted"
    back = walk.hand_over(signed + 1, signer, desk, "delivery", 4, 10)
    delivered = walk.office.after(back, walk.draws.whole(1, 5))
    proof = {"channel": "direct", "proof": f"receipt-{case.dossier}", "e_result": False}
    case.act(delivered, desk, "result_delivered", proof, step="delivery")
    case.clock.ended = delivered
    case.status(delivered, 10)
    return delivered


def _worked(walk: Walk, at: int) -> int:
    """Through the specialised unit; gives the dossier's end."""
    draws = walk.draws
    if walk.plant == "extension_without_basis" or walk.innocent == "extension_in_order":
        at = walk.office.after(at, 10)
        extend(walk, at)
    if walk.plant == "clock_wash":
        return withdraw(walk, walk.office.after(at, draws.whole(DAY // 2, DAY)))
    is_plain = not walk.plant and not walk.innocent
    if is_plain and draws.chance(_NEGATIVE):
        walk.case.outcome = "negative"
    at = appraise(walk, at)
    is_stopped = walk.plant == "stop_without_decision" or (is_plain and draws.chance(_STOPPED))
    if walk.lapsed or is_stopped:
        return stop(walk, walk.later(at, 60, 200))
    return deliver(walk, sign(walk, at))
