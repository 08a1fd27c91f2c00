"""Many actions looked over together are refused exactly where one of them alone would be."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.core.action import Action, ActionError, OccurredAt, are_in_form, check_action
from ledger.core.times import are_instants, parse_instant
from tests.unit.projections_logs import act

GOOD = act("note_added", "A", "lan")
MOMENT = "2026-03-02T01:00:00.000000Z"
INSTANTS = [
    MOMENT,
    "2024-02-29T23:59:59.999999Z",
    "2026-02-29T00:00:00.000000Z",
    "2026-W10-1T08:00:00.000000Z",
    "2026-03-02T24:00:00.000000Z",
    "2026-03-02T23:59:60.000000Z",
    "2026-03-02T23:60:00.000000Z",
    "0000-01-01T00:00:00.000000Z",
    "0001-01-01T00:00:00.000000Z",
    "2026-13-01T00:00:00.000000Z",
    "2026-03-02T01:00:00,000000Z",
    "2026-03-02 01:00:00.000000Z",
    "2026-03-02T01:00:00.000000z",
    "2026-03-02T01:00:00.00000Z",
    "2026-03-02T01:00:00.0000000Z",
    "٢٠٢٦-03-02T01:00:00.000000Z",
    "2026-03-02T٠١:00:00.000000Z",
    f"{MOMENT}\n",
    f"\n{MOMENT}",
    "",
]
IDS = [
    GOOD.id,
    GOOD.id.upper(),
    GOOD.id[:-1],
    f"{GOOD.id}0",
    f"{GOOD.id}\n",
    GOOD.id.replace("-7", "-4", 1),
    GOOD.id[:-1] + "g",
    GOOD.id[:-1] + "٣",
    "",
]
NAMES = [
    (GOOD.type, GOOD.stream),
    ("officer.moved.v1", "officer:lan"),
    ("officer.moved.v1", "dossier:A"),
    ("dossier.note_added.v0", "dossier:A"),
    ("dossier.note_added.v1\n", "dossier:A"),
    ("dossier.note_added.v1", "dossier:%41"),
    ("dossier.note_added.v1", "dossier:H%E1%BB%93"),
    ("dossier.note_added.v1", "dossier:h%e1"),
    ("dossier.note_added.v1", "dossier:"),
    ("dossier.note_added.v1", f"dossier:{'x' * 400}"),
    ("dossier.note_added.v1", f"officer:{'x' * 400}"),
    ("unknown.note_added.v1", "unknown:A"),
    ("ledger.stored_event.v1", "system:A"),
    ("ledger.stored_event.v1", "dossier:A"),
]
OTHERS = [(), (GOOD.id,), (GOOD.id, "no id"), (f"{GOOD.id}\n",)]


def accepted(action: Action) -> bool:
    try:
        check_action(action)
    except ActionError:
        return False
    return True


@st.composite
def actions(draw: st.DrawFn) -> Action:
    """Most fields are right most of the time: one wrong one has to be found among many."""

    def one_of(values: list) -> object:
        return values[0] if draw(st.integers(0, 3)) else draw(st.sampled_from(values))

    type_name, stream = one_of(NAMES)
    return replace(
        GOOD,
        id=one_of(IDS),
        type=type_name,
        stream=stream,
        occurred_at=OccurredAt(one_of(INSTANTS), "second"),
        corrects=one_of(OTHERS),
        causes=one_of(OTHERS),
    )


@given(st.lists(actions(), max_size=6))
@example([replace(GOOD, id=GOOD.id[:-1]), replace(GOOD, id=f"{GOOD.id}0")])
@example([])
def test_actions(many: list[Action]) -> None:
    assert are_in_form(many) == all(map(accepted, many))


def test_each_fault_alone_among_good_ones() -> None:
    faults = [
        *(replace(GOOD, id=text) for text in IDS),
        *(replace(GOOD, occurred_at=OccurredAt(text, "second")) for text in INSTANTS),
        *(replace(GOOD, type=name, stream=stream) for name, stream in NAMES),
        *(replace(GOOD, corrects=ids) for ids in OTHERS),
        *(replace(GOOD, causes=ids) for ids in OTHERS),
    ]
    assert 10 < sum(map(accepted, faults)) < len(faults) - 20
    for fault in faults:
        for place in range(3):
            among = [GOOD, GOOD]
            among.insert(place, fault)
            assert are_in_form(among) == accepted(fault), fault


def is_instant(text: str) -> bool:
    try:
        parse_instant(text)
    except ValueError:
        return False
    return True


@given(st.lists(st.sampled_from(INSTANTS) | st.text("0123456789-:.TZW", max_size=28), max_size=6))
@example(["2026-03-02T01:00:00.00000Z", "2026-03-02T01:00:00.0000000Z"])
def test_instants(texts: list[str]) -> None:
    assert are_instants(texts) == all(map(is_instant, texts))
