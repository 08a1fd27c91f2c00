"""The figures of 1.11: numerator, denominator and the entries behind both; points by weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from consumers.generate.run import generate
from ledger.core.action import Action, decode_action
from projections.folds.figures import FIGURES, Counted, Figure, count_dossier, figures
from projections.queries.as_of import AsOf
from projections.queries.figures import get_figures
from projections.reports.scores import (
    Score,
    ScoreSetError,
    decode_score_set,
    score,
    shipped_score_set,
)
from projections.runtime.runner import project
from projections.store.sqlite import ReadStore
from tests.unit.projections_logs import Log, act, at

DAY = 24 * 60
AT = at(40 * DAY)
HASH = "ab" * 32


def found(*dossiers: Iterable[Action], when: str = AT) -> dict[str, Figure]:
    parts = [part for actions in dossiers for part in count_dossier(list(actions), when)]
    return {figure.name: figure for figure in figures(parts)}


def numbers(figure: Figure) -> tuple[int, int]:
    return figure.numerator, figure.denominator


GOOD = [
    act("submitted", "good", "a", 0, kind="applicant", channel="online"),
    act("document_reuse_checked", "good", "s", 1, doc_type="deed", result="found_valid"),
    act("accepted", "good", "lan", 20, due_at=at(10 * DAY)),
    act("synchronised_to_portal", "good", "p", 25, kind="system", portal_status=2),
    act("signed", "good", "hoa", 2 * DAY),
    act("result_issued", "good", "clerk", 2 * DAY + 1),
    act("electronic_result_issued", "good", "clerk", 2 * DAY + 2, sha256=HASH, signature_ref="x"),
    act("result_delivered", "good", "lan", 2 * DAY + 3),
    act(
        "satisfaction_rated",
        "good",
        "a",
        3 * DAY,
        kind="applicant",
        ratings=[{"question": "time", "score": 5}, {"question": "cost", "score": 2}],
    ),
]
BAD = [
    act(
        "submitted",
        "bad",
        "b",
        0,
        kind="applicant",
        channel="direct",
        components=[{"doc_type": "deed", "doc_id": "d1"}, {"doc_type": "id", "copy_kind": 2}],
    ),
    act("document_reuse_checked", "bad", "s", 1, doc_type="deed", result="found_valid"),
    act("document_reuse_checked", "bad", "s", 2, doc_type="id", result="source_down"),
    act("accepted", "bad", "lan", 20, due_at=at(5 * DAY)),
    act("supplement_requested", "bad", "lan", 30, items=[{"doc_type": "deed"}]),
    act("complaint_filed", "bad", "b", 4 * DAY, kind="applicant"),
    act("result_issued", "bad", "clerk", 6 * DAY),
    act("result_delivered", "bad", "lan", 6 * DAY + 5),
]


def test_each_figure_counts_what_it_says():
    got = found(GOOD, BAD)
    assert {name: numbers(figure) for name, figure in got.items()} == {
        "on_time": (1, 2),
        "early": (1, 2),
        "overdue": (1, 2),
        "overdue_open": (0, 0),
        "apologised": (0, 1),
        "online": (1, 2),
        "full_online": (0, 2),
        "digitised": (1, 2),
        "e_results": (1, 2),
        "reused": (1, 2),
        "paid_online": (0, 0),
        "satisfied": (1, 2),
        "answered": (0, 1),
        "synchronised": (1, 2),
    }
    assert got["on_time"].counted == got["overdue"].others == (GOOD[7].id,)
    assert got["digitised"].others == (BAD[3].id,)
    assert got["reused"].counted == (GOOD[1].id,)
    assert got["satisfied"].counted == got["satisfied"].others == (GOOD[8].id,)
    assert got["paid_online"].share is None
    assert got["on_time"].share == 0.5


def test_online_from_end_to_end_is_more_than_handed_in_online():
    def way(handed: str, **delivered: object) -> list[Action]:
        return [
            act("submitted", "w", "a", 0, kind="applicant", channel=handed),
            act("result_delivered", "w", "lan", DAY, **delivered),
        ]

    ways = [
        way("online", channel="online"),
        way("online", channel="direct", e_result=True),
        way("online", channel="direct"),
        way("direct", channel="online"),
        way("", channel="online"),
        way("online")[:1],
    ]
    assert numbers(found(*ways)["full_online"]) == (2, 4)
    assert numbers(found(*ways)["online"]) == (4, 5)


def test_what_was_mended_counts():
    scanned = act("document_digitised", "bad", "lan", 15, doc_id="d1")
    apology = act("apology_issued", "bad", "hoa", 3 * DAY)
    answer = act("answered", "bad", "hoa", 5 * DAY, filing_id=BAD[5].id)
    got = found([*BAD[:3], scanned, *BAD[3:5], apology, BAD[5], answer, *BAD[6:]])
    assert [numbers(got[n]) for n in ("digitised", "apologised", "answered")] == [(1, 1)] * 3


def test_an_open_dossier_is_judged_at_the_moment_asked_for():
    before, after = found(BAD[:4], when=at(4 * DAY)), found(BAD[:4], when=at(6 * DAY))
    assert numbers(before["overdue_open"]) == (0, 1)
    assert numbers(after["overdue_open"]) == (1, 1)
    assert numbers(after["overdue"]) == (0, 0)


def test_paid_with_a_transaction_number_is_paid_online():
    owed = act("financial_obligation_issued", "p", "lan", 10, kind="fee", amount=1)
    paid = act("payment_confirmed", "p", "bank", 20, kind="system", obligation_id=owed.id)
    online = act("payment_confirmed", "p", "b", 21, obligation_id=owed.id, txn_ref="t")
    assert numbers(found([owed, paid, online])["paid_online"]) == (1, 2)


def test_a_period_counts_what_happened_in_it():
    parts = [*count_dossier(GOOD, AT), *count_dossier(BAD, AT)]
    early = {f.name: numbers(f) for f in figures(parts, at(0), at(3 * DAY))}
    late = {f.name: numbers(f) for f in figures(parts, at(3 * DAY + 1), at(9 * DAY))}
    whole = {f.name: numbers(f) for f in figures(parts)}
    for name in FIGURES:
        added = tuple(a + b for a, b in zip(early[name], late[name], strict=True))
        assert added == whole[name], name
    assert late["on_time"] == (0, 1)


def test_figures_of_the_generated_province_are_those_of_its_truth():
    parts: list[Counted] = []
    plants: Counter[str] = Counter()
    ids: set[str] = set()
    channels: Counter[str] = Counter()
    for part in generate(10_000, "figures"):
        if part.made is None:
            continue
        actions = [decode_action(line) for line in part.lines]
        ids |= {action.id for action in actions}
        channels[actions[0].data["channel"]] += 1
        plants.update({label.name for label in part.made.truth.behaviours})
        parts += count_dossier(actions, AT)
    got = {figure.name: figure for figure in figures(parts)}
    assert got["overdue"].numerator == plants["missing_apology"] + plants["late_apology"] > 0
    assert numbers(got["apologised"]) == (plants["late_apology"], got["overdue"].numerator)
    assert got["digitised"].denominator - got["digitised"].numerator == plants["not_digitised"]
    assert numbers(got["online"]) == (channels["online"], channels.total())
    assert got["e_results"].share == 1
    assert got["answered"].share == 1
    for figure in got.values():
        assert set(figure.counted) | set(figure.others) <= ids
        assert len(figure.counted) + len(figure.others) == figure.denominator


def test_the_store_gives_the_same_and_an_earlier_moment_knows_less(tmp_path: Path):
    log = Log()
    log.append(*GOOD)
    log.append(*BAD)
    store = ReadStore.open(tmp_path / "read.sqlite")
    project([log], store, genesis_leaves={log.origin: log.genesis_leaf}, strict_rows=True)
    assert get_figures(store, at=AT) == tuple(found(BAD, GOOD).values())
    then = AsOf("occurred", at(DAY))
    known = {figure.name: figure for figure in get_figures(store, at=at(DAY), as_of=then)}
    assert numbers(known["on_time"]) == (0, 0)
    assert numbers(known["overdue_open"]) == (0, 2)
    store.close()


def scored(**shares: tuple[int, int]) -> Score:
    made = [Figure(name, *shares.get(name, (0, 0)), (), ()) for name in FIGURES]
    return score(made, shipped_score_set())


def test_points_by_weights_and_what_was_not_measured_is_said():
    whole = scored(**dict.fromkeys(FIGURES, (3, 4)))
    assert (whole.points, whole.of, whole.whole) == (75.0, 100, 100)
    part = scored(on_time=(9, 10), apologised=(1, 2), full_online=(1, 4))
    assert (part.points, part.of) == (20 * 0.7 + 12 * 0.25, 32)
    groups = {group.name: group for group in part.groups}
    assert groups["progress"].points == 20 * 0.7
    assert groups["payment"].points is None
    assert groups["payment"].missing == ("paid_online",)
    assert scored().of == 0


@pytest.mark.parametrize(
    "text",
    [
        "name = 1",
        'name="a"\nlegal_basis=["b"]\ncertainty="low"\ngroups=[{name="g",points=1,figures=["none"]}]',
    ],
)
def test_weights_that_are_none_are_refused(text: str):
    with pytest.raises(ScoreSetError):
        decode_score_set(text)
