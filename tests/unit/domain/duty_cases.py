"""Dossiers for the tests of duties: what is done, a registry, and the table of plain cases.

Rules that the duties hold: L2 is D5, L3 and L4 are D6, L17 is D11, L20 is D12.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ledger.adapters.rule_files import DEFAULT_RULES
from ledger.core.action import Action, Actor, OccurredAt, ProcedureRef
from ledger.domain.dossier import EMPTY_DOSSIER, Possible, decide, evolve
from ledger.domain.duties import check_duties
from ledger.domain.duty import DutyResult
from ledger.domain.registry import Registry, build_registry
from tests.unit.domain.actions import act, action_id
from tests.unit.domain.test_registry import say

RULE = {"procedure": "1.004227", "unit": "committee", "post": "chair"}
REGISTRY = build_registry(
    [
        say(901, "officer.registered", "hoa", "2026-01-01", unit="committee", post="chair"),
        say(902, "officer.registered", "an", "2026-01-01", unit="land", post="head"),
        say(
            903,
            "officer.delegation_granted",
            "an",
            "2026-01-01",
            delegation_id="d1",
            on_behalf_of="hoa",
            capacity="KT",
            from_on="2026-03-01",
            to_on="2026-03-31",
        ),
        say(
            904,
            "authority.matrix_published",
            "H29",
            "2026-01-01",
            version=1,
            rules=[{**RULE, "may": "sign"}],
        ),
        say(
            905,
            "procedure.version_published",
            "1.004227",
            "2026-01-01",
            version=2,
            name="P",
            duration_days=10,
            components=["deed", "identity"],
            fees=[{"kind": "fee", "amount": 50_000}],
        ),
        say(
            906,
            "procedure.internal_process_version_published",
            "1.004227",
            "2026-01-01",
            version=1,
            steps=[{"step": "appraisal", "budget_hours": 16}],
        ),
        say(
            907,
            "system.outage_declared",
            "portal",
            "2026-05-01",
            systems=["portal"],
            from_at="2026-05-04T00:00:00.000000Z",
            to_at="2026-05-08T00:00:00.000000Z",
        ),
    ]
)
EMPTY = build_registry([])
AT = "2026-06-30T00:00:00.000000Z"
LAW = "Decree 118/2025"


def whole(actions: list[Action]) -> list[tuple[int, Action]]:
    """The actions as the ledger records them: with what it derives, and their versions."""
    state, found = EMPTY_DOSSIER, []
    for sent in actions:
        action = replace(sent, procedure=ProcedureRef("1.004227", "H29", 2))
        decision = decide(state, action, DEFAULT_RULES)
        assert isinstance(decision, Possible), decision
        ledger = Actor("system", "ledger")
        derived = [
            replace(action, type=d.type, data=d.data, actor=ledger, id=f"{action.id}/{n}")
            for n, d in enumerate(decision.derived)
        ]
        for item in (action, *derived):
            found.append((len(found) + 1, item))
            state = evolve(state, item, len(found))
    return found


def results(
    actions: list[Action], registry: Registry = REGISTRY, at: str = AT
) -> dict[str, DutyResult]:
    return {r.duty: r for r in check_duties(whole(actions), registry, DEFAULT_RULES, at)}


def said(
    duty: str, actions: list[Action], registry: Registry = REGISTRY, at: str = AT
) -> tuple[str, ...]:
    """The result and its reasons."""
    found = results(actions, registry, at)[duty]
    return (found.result, *found.reasons)


def moment(day: int, hour: int = 9, month: int = 3) -> str:
    """An hour of the local clock, 7 to 23."""
    return f"2026-{month:02d}-{day:02d}T{hour - 7:02d}:00:00.000000Z"


def by(name: str, number: int, day: int, who: str, hour: int = 9, /, **data: Any) -> Action:
    return act(number, name, moment(day, hour), data, who=who)


SENT = act(1, "submitted", moment(2), {"channel": "online"}, kind="applicant", who="a-1")
TAKEN = by("accepted", 2, 2, "lan", 10, duration_days=10, ruleset="VN-2025", slip_ref="s-1")
BEGUN = [SENT, TAKEN]
GIVEN = by("custody_offered", 3, 2, "lan", 11, to_unit="land", to_officer="minh")
HELD = by("custody_accepted", 4, 3, "minh", 8, offer_id=action_id(3))
ISSUED = [
    by("draft_submitted", 40, 6, "minh"),
    by("signed", 41, 6, "hoa"),
    by("result_numbered", 42, 6, "clerk"),
    by("result_issued", 43, 6, "clerk"),
    by("returned_to_result_desk", 44, 9, "minh"),
]
GIVEN_OUT = by("result_delivered", 45, 10, "lan", proof="RR1")
WHOLE = [*BEGUN, GIVEN, HELD, *ISSUED, GIVEN_OUT]
ITEM = {"doc_type": "identity", "basis": "expired"}


def ask(number: int, day: int, *items: dict[str, str], **data: Any) -> Action:
    return by("supplement_requested", number, day, "minh", items=list(items or (ITEM,)), **data)


def got(number: int, day: int, **data: Any) -> Action:
    return by("supplement_received", number, day, "lan", **data)


def on_behalf(action: Action, capacity: str, principal: str, who: str = "an") -> Action:
    actor = Actor("officer", who, capacity=capacity, on_behalf_of=principal)  # type: ignore[arg-type]
    return replace(action, actor=actor)


INTAKE_ASK = by("supplement_requested", 10, 2, "lan", stage="intake", items=[ITEM])
LAST_GUIDANCE = OccurredAt(moment(5), "second")
TOO_LATE = OccurredAt(moment(6), "second")
INTAKE_GOT = got(11, 3)
LOOK = {"doc_type": "identity"}

CASES: list[tuple[str, list[Action], tuple[str, ...]]] = [
    ("L1", BEGUN, ("kept", "slip_issued")),
    ("L1", [SENT, by("accepted", 2, 2, "lan")], ("broken", "slip_missing")),
    ("L1", [SENT], ("not_applicable", "nothing_to_check")),
    ("L2", BEGUN, ("kept", "in_time")),
    ("L2", [SENT, by("accepted", 2, 3, "lan", 16)], ("kept", "in_time")),
    ("L2", [SENT, by("accepted", 2, 4, "lan")], ("broken", "decided_late")),
    ("L2", [SENT], ("broken", "decided_late")),
    ("L2", [SENT, replace(INTAKE_ASK, occurred_at=LAST_GUIDANCE)], ("kept", "in_time")),
    ("L2", [SENT, replace(INTAKE_ASK, occurred_at=TOO_LATE)], ("broken", "decided_late")),
    (
        "L2",
        [SENT, by("intake_checked", 2, 3, "lan", result="out_of_scope")],
        ("kept", "in_time"),
    ),
    ("L2", [SENT, INTAKE_ASK, INTAKE_GOT, by("accepted", 2, 4, "lan")], ("kept", "in_time")),
    (
        "L2",
        [SENT, INTAKE_ASK, INTAKE_GOT, by("accepted", 2, 5, "lan")],
        ("broken", "decided_late"),
    ),
    ("L3", [*BEGUN, ask(10, 4)], ("kept", "items_with_basis", "items_in_list")),
    ("L3", [*BEGUN, by("supplement_requested", 10, 4, "minh")], ("broken", "no_items")),
    (
        "L3",
        [*BEGUN, ask(10, 4, {"doc_type": "identity"})],
        ("broken", "item_without_basis"),
    ),
    (
        "L3",
        [*BEGUN, ask(10, 4, {"doc_type": "photo", "basis": "clarification_in_appraisal"})],
        ("broken", "item_outside_list"),
    ),
    (
        "L3",
        [*BEGUN, ask(10, 4, {"doc_type": "photo", "basis": "sector_law(art. 5)"})],
        ("kept", "items_with_basis", "items_in_list"),
    ),
    (
        "L3",
        [
            SENT,
            by("intake_checked", 5, 2, "lan", result="incomplete", missing=["deed", "identity"]),
            INTAKE_ASK,
        ],
        ("broken", "missing_not_named"),
    ),
    (
        "L3",
        [
            *BEGUN,
            ask(10, 4),
            by("document_attached", 11, 5, "a-1", doc_type="identity"),
            got(12, 5),
            ask(13, 6, {"doc_type": "deed", "basis": "expired"}, round=2),
        ],
        ("broken", "new_item_later"),
    ),
    (
        "L3",
        [
            *BEGUN,
            ask(10, 4),
            by("document_replaced", 11, 5, "a-1", doc_type="drawings"),
            got(12, 5),
            ask(13, 6, {"doc_type": "deed", "basis": "expired"}, round=2),
        ],
        ("kept", "items_with_basis", "items_in_list"),
    ),
    ("L4", [*BEGUN, ask(10, 4)], ("kept", "asked_once")),
    ("L4", [*BEGUN, ask(10, 4), got(11, 5), ask(12, 6, round=2)], ("broken", "asked_again")),
    (
        "L4",
        [SENT, INTAKE_ASK, INTAKE_GOT, TAKEN, ask(12, 6)],
        ("kept", "asked_once"),
    ),
    ("L5", [*BEGUN, ask(10, 4)], ("kept", "through_one_stop")),
    ("L5", [*BEGUN, ask(10, 4, via_one_stop=False)], ("broken", "asked_directly")),
    (
        "L6",
        [SENT, replace(by("refused", 2, 2, "lan", ground="x"), legal_basis=(LAW,))],
        ("kept", "grounded"),
    ),
    ("L6", [SENT, by("refused", 2, 2, "lan", ground="x")], ("broken", "no_legal_ground")),
    ("L7", [*BEGUN, GIVEN], ("kept", "in_time")),
    ("L7", [*BEGUN, by("custody_offered", 3, 3, "lan")], ("broken", "transferred_late")),
    ("L7", BEGUN, ("broken", "transferred_late")),
    ("L7", [*BEGUN, by("assigned", 3, 2, "head", 16, officer="minh")], ("kept", "in_time")),
    (
        "L7",
        [
            SENT,
            by("accepted", 2, 2, "lan", 15, duration_days=10, ruleset="VN-2018"),
            by("custody_offered", 3, 3, "lan", 11),
        ],
        ("kept", "in_time"),
    ),
    (
        "L7",
        [
            SENT,
            by("accepted", 2, 2, "lan", 15, duration_days=10, ruleset="VN-2018"),
            by("custody_offered", 3, 3, "lan", 14),
        ],
        ("broken", "transferred_late"),
    ),
    ("L8", [*BEGUN, GIVEN, HELD], ("not_applicable", "nothing_to_check")),
    ("L9", WHOLE, ("kept", "both_sides")),
    (
        "L9",
        [*BEGUN, GIVEN, by("signed", 5, 3, "hoa"), by("result_delivered", 6, 3, "lan")],
        ("broken", "offer_unanswered"),
    ),
    ("L9", [*BEGUN, GIVEN], ("not_applicable", "nothing_to_check")),
    (
        "L9",
        [*BEGUN, by("appraisal_recorded", 3, 3, "minh"), by("signed", 4, 3, "hoa")],
        ("broken", "no_handover"),
    ),
    ("L13", WHOLE, ("not_applicable", "nothing_to_check")),
    ("L13", [*BEGUN, by("deadline_extended", 5, 4, "hoa")], ("broken", "extended_without_basis")),
    (
        "L13",
        [*BEGUN, by("deadline_extended", 5, 4, "hoa", basis=LAW)],
        ("kept", "extended_with_basis"),
    ),
    ("L14", [*BEGUN, ask(10, 4)], ("indeterminate", "nobody_looked")),
    *(
        (
            "L14",
            [*BEGUN, by("document_reuse_checked", 9, 3, "lan", **LOOK, result=result), ask(10, 4)],
            expected,
        )
        for result, expected in (
            ("found_valid", ("broken", "asked_despite_hit")),
            ("found_expired", ("kept", "looked_before")),
            ("source_down", ("kept", "looked_before")),
        )
    ),
    ("L15", WHOLE[:-1], ("not_applicable", "nothing_to_check")),
    ("L15", WHOLE, ("broken", "result_not_digitised")),
    (
        "L15",
        [
            *WHOLE,
            by("electronic_result_issued", 50, 10, "clerk", sha256="0" * 64, signature_ref="s"),
        ],
        ("kept", "result_digitised"),
    ),
    *(
        (
            "L16",
            [*BEGUN, by("financial_obligation_issued", 5, 4, "minh", **data)],
            expected,
        )
        for data, expected in (
            ({"kind": "fee", "amount": 50_000}, ("kept", "fee_as_published")),
            ({"kind": "fee", "amount": 60_000}, ("broken", "fee_differs")),
            ({"kind": "tax", "amount": 60_000}, ("not_applicable", "nothing_to_check")),
            ({"kind": "fee"}, ("indeterminate", "no_fee_table")),
        )
    ),
    (
        "L17",
        [*BEGUN, by("processing_stopped", 5, 4, "hoa", ground="dispute", decision_ref="7")],
        ("kept", "stopped_by_decision"),
    ),
    (
        "L17",
        [*BEGUN, by("processing_stopped", 5, 4, "hoa", ground="dispute")],
        ("broken", "stopped_without_basis"),
    ),
    ("L17", [*BEGUN, by("withdrawn", 5, 4, "lan")], ("broken", "withdrawn_without_request")),
    (
        "L17",
        [*BEGUN, by("withdrawal_requested", 5, 4, "a-1"), by("withdrawn", 6, 4, "lan")],
        ("kept", "withdrawn_on_request"),
    ),
    ("L18", [*BEGUN, by("signed", 5, 4, "hoa")], ("kept", "with_authority")),
    ("L18", [*BEGUN, by("signed", 5, 4, "an")], ("broken", "no_power")),
    ("L18", [*BEGUN, by("approved", 5, 4, "hoa")], ("kept", "with_authority")),
    ("L18", [*BEGUN, by("signed", 5, 4, "stranger")], ("indeterminate", "officer_unknown")),
    (
        "L18",
        [*BEGUN, on_behalf(by("signed", 5, 4, "an"), "KT", "hoa")],
        ("kept", "with_authority"),
    ),
    (
        "L18",
        [*BEGUN, on_behalf(by("signed", 5, 4, "an"), "TL", "hoa")],
        ("broken", "no_delegation"),
    ),
    (
        "L18",
        [*BEGUN, on_behalf(act(5, "signed", moment(2, month=4)), "KT", "hoa")],
        ("broken", "no_delegation"),
    ),
    ("L19", WHOLE, ("kept", "issued_by_clerk")),
    (
        "L19",
        [*BEGUN, ISSUED[0], by("result_issued", 5, 6, "minh")],
        ("broken", "issued_by_case_officer"),
    ),
    ("L20", WHOLE, ("kept", "delivery_proved")),
    ("L20", [*WHOLE[:-1], by("result_delivered", 45, 10, "lan")], ("broken", "no_proof")),
]
