"""What may be hidden in a bundle: what another than who asked approved, in the log and sealed."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from io import StringIO
from pathlib import Path
from shutil import rmtree

import msgspec
import pytest
from msgspec.structs import replace

from consumers.bootstrap import OpenLedger, Settings, open_ledger
from consumers.demo.run import DemoClock, run_demo
from consumers.evidence.approvals import UnapprovedError
from consumers.evidence.export import Request, export_bundle
from consumers.evidence.trees import NotSealedError
from ledger.core.findings import Verdict
from ledger.entry.archive import encode_archive
from ledger.entry.bundle import DossierScope, Place, QueryScope, Redaction, parse_redactions
from ledger.entry.bundle_state import Pins
from ledger.entry.bundle_verify import verify_bundle
from ledger.entry.redaction import Approval
from projections.queries.timeline import EventFilter, TimelineRow, events
from tests.evidence_approvals import (
    AFTER,
    DOSSIER,
    WRONG,
    approval_of,
    approved_home,
    hidden_row,
    inspection_of,
    record_approvals,
)
from tests.evidence_forge import export, files_of, sealed_ledger
from tests.sealed_ledger import Sealing, seal, several_logs_home


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("home")
    approved_home(home)
    return home


@pytest.fixture(scope="module")
def row(home: Path) -> TimelineRow:
    with open_ledger(Settings(home)) as ledger:
        return hidden_row(ledger)


def place_of(row: TimelineRow) -> Place:
    return Place(row.log, row.index)


def approvals(ledger: OpenLedger, name: str) -> Sequence[TimelineRow]:
    return list(events(ledger.store(), EventFilter(stream=f"inspection:{inspection_of(name)}")))


def verified(data: bytes, sealing: Sealing) -> Verdict:
    return verify_bundle(data, Pins(sha256(sealing.policy.encode()).hexdigest())).verdict


@pytest.mark.parametrize("name", WRONG)
def test_what_approves_nothing_lets_nothing_be_hidden(home: Path, row: TimelineRow, name: str):
    with pytest.raises(UnapprovedError, match=WRONG[name][1]) as caught:
        export(home, DossierScope(DOSSIER), [place_of(row)], name)
    assert f"entry 0/{row.index} " in str(caught.value)
    assert f"pal evidence approve 0/{row.index} --inspection TT-{name}" in caught.value.next_step


def test_an_approval_is_looked_for_in_its_inspection(home: Path, row: TimelineRow):
    with pytest.raises(UnapprovedError, match="TT-nowhere: none is recorded there"):
        export(home, DossierScope(DOSSIER), [place_of(row)], "nowhere")


def test_one_entry_without_approval_refuses_the_whole(home: Path, row: TimelineRow):
    both = [place_of(row), Place(row.log, row.index + 1)]
    with pytest.raises(UnapprovedError, match=f"entry 0/{row.index + 1} "):
        export(home, DossierScope(DOSSIER), both)


def test_a_void_approval_is_none(tmp_path: Path, row: TimelineRow):
    """A void entry has a finding in the read store and no row."""
    approved_home(tmp_path)
    with open_ledger(Settings(tmp_path)) as ledger:
        store = ledger.store()
        (approval,) = approvals(ledger, "right")
        with store.connection as connection:
            connection.execute("DELETE FROM timeline WHERE idx = ?", (approval.index,))
        store.close()
    with pytest.raises(UnapprovedError, match="none is recorded there"):
        export(tmp_path, DossierScope(DOSSIER), [place_of(row)])


def test_rot_where_an_approval_is_published_is_no_approval(tmp_path: Path, row: TimelineRow):
    approved_home(tmp_path)
    with open_ledger(Settings(tmp_path)) as ledger:
        (approval,) = approvals(ledger, "right")
    (path,) = (tmp_path / "tiles" / "0" / "tile" / "entries").glob("002.p/*")
    data = path.read_bytes()
    where = data.index(approval.action.id.encode())
    path.write_bytes(data[:where] + b"\xff" + data[where + 1 :])
    with pytest.raises(NotSealedError, match="leads to root"):
        export(tmp_path, DossierScope(DOSSIER), [place_of(row)])


def test_an_approval_counts_once_a_checkpoint_covers_it(tmp_path: Path, row: TimelineRow):
    run_demo(tmp_path, StringIO())
    with open_ledger(Settings(tmp_path), now=DemoClock(AFTER)) as ledger:
        record_approvals(ledger)
        (approval,) = approvals(ledger, "right")
        seal(ledger, size=approval.index)
    with pytest.raises(UnapprovedError, match=f"0/{approval.index} lies behind") as caught:
        export(tmp_path, DossierScope(DOSSIER), [place_of(row)])
    assert caught.value.next_step == "pal seal run, then export again"


def test_an_approval_that_is_hidden_itself_is_none(tmp_path: Path, row: TimelineRow):
    """The second of three entries approves the first, the third the second: one can be hidden."""
    run_demo(tmp_path, StringIO())
    with open_ledger(Settings(tmp_path), now=DemoClock(AFTER)) as ledger:
        application, hidden = ledger.application(), row
        for number in range(2):
            approval = approval_of(ledger, hidden, "chain")
            application.record(replace(approval, id=f"{approval.id[:-1]}{number}"))
            hidden = approvals(ledger, "chain")[-1]
        sealing = seal(ledger)
        first, last = approvals(ledger, "chain")
        key, policy = ledger.keys.load_signing_key("ledger"), sealing.policy.encode()

        def made(*places: Place) -> bytes:
            request = Request(
                QueryScope("x"), "y", redact=frozenset(places), inspection=inspection_of("chain")
            )
            rows, sealed = [row, first, last], sealed_ledger(ledger)
            bundle = export_bundle(request, rows, ledger.store(), sealed, key, policy)
            return encode_archive(files_of(bundle))

        assert verified(made(place_of(row)), sealing) == Verdict.PASSED
        assert verified(made(place_of(first)), sealing) == Verdict.PASSED
        with pytest.raises(UnapprovedError, match=f"entry 0/{row.index} "):
            made(place_of(row), place_of(first))


def test_an_approval_in_another_log_is_shown_with_the_keys_of_that_log(tmp_path: Path):
    several_logs_home(tmp_path, 3)
    with open_ledger(Settings(tmp_path), now=DemoClock(AFTER)) as ledger:
        row = hidden_row(ledger)
        record_approvals(ledger)
        (approval,) = approvals(ledger, "right")
        rmtree(ledger.settings.tiles_path)
        sealing = seal(ledger)
    assert approval.log != row.log
    bundle = export(tmp_path, DossierScope(DOSSIER), [place_of(row)])
    (item,) = parse_redactions(bundle.files["redactions.json"])
    assert item.approval == place_of(approval)
    assert {f"registry/{approval.log}/0", item.approval.path("registry")} <= bundle.files.keys()
    assert verified(encode_archive(files_of(bundle)), sealing) == Verdict.PASSED


@pytest.mark.parametrize(("index", "fault"), [(1, ""), (True, "does not name index 1")])
def test_an_index_is_a_number_and_no_truth_value(index: object, fault: str) -> None:
    """No intake lets such an approval in, but what is signed elsewhere may say so."""
    redaction = Redaction(Place(0, 9), 1, "ab" * 32, 0, "why", "dossier:A", 1)
    entry = {"index": index, "leaf": redaction.leaf, "origin": "office/0"}
    data = {"entries": [entry], "reason": "why", "requested_by": "an"}
    approval = msgspec.convert({"actor": {"id": "binh", "kind": "officer"}, "data": data}, Approval)
    assert approval.fault("office/0", redaction).startswith(fault)
    assert bool(approval.fault("office/0", redaction)) == bool(fault)
