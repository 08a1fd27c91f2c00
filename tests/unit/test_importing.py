"""Import rules (DOMAIN.md section 4): ids, order, refusals; and files refused as a whole."""

from __future__ import annotations

import gzip
import json
from datetime import UTC
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.bootstrap import OpenLedger, Settings, utc_now
from consumers.creation import create_ledger
from consumers.workers.importer import ImportOptions, ImportSummary, import_file
from ledger.adapters.source_files import FileRefusedError
from ledger.core.action import Action, Actor, OccurredAt, encode_action
from ledger.core.ids import uuid7_text
from ledger.domain.importing import parse_time
from ledger.entry.entry import Signature, decode_entry
from ledger.entry.signatures import SigningKey

XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xmlns="http://www.xes-standard.org/"><string key="concept:name" value="small"/>{}</log>"""


def trace(name: str, *events: str) -> str:
    head = f'<string key="concept:name" value="{name}"/>' if name else ""
    return f"<trace>{head}{''.join(events)}</trace>"


def event(activity: str, time: str, officer: str = "", extra: str = "") -> str:
    who = f'<string key="org:resource" value="{officer}"/>' if officer else ""
    when = f'<date key="time:timestamp" value="{time}"/>' if time else ""
    return f'<event><string key="concept:name" value="{activity}"/>{who}{when}{extra}</event>'


@pytest.fixture
def opened(tmp_path: Path):
    with create_ledger(Settings(tmp_path / "home")) as ledger:
        yield ledger


def run(opened: OpenLedger, path: Path, **options: object) -> ImportSummary:
    return import_file(
        path,
        opened.logs,
        opened.keys.load_signing_key("source"),
        opened.keys,
        ImportOptions(**options),
        now=utc_now,
    )


def write(tmp_path: Path, name: str, text: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_disorder_is_sorted_and_counted_and_twins_are_kept(opened: OpenLedger, tmp_path: Path):
    late, early = "2026-03-02T09:00:00+07:00", "2026-03-02T08:00:00+07:00"
    text = XES.format(
        trace("a", event("B", late, "o1"), event("A", early, "o2"), event("A", early, "o2"))
    )
    summary = run(opened, write(tmp_path, "small.xes", text))
    assert (summary.recorded, summary.disordered, summary.source) == (3, 3, "small")
    entries = [decode_entry(data) for data in opened.logs[0].stream_entries("dossier:a")]
    assert [e.action["data"]["activity"] for e in entries] == ["A", "A", "B"]
    assert len({e.action["id"] for e in entries}) == 3
    again = run(opened, write(tmp_path, "renamed.xes", text))
    assert (again.recorded, again.known) == (0, 3)


def test_a_bad_event_refuses_its_case_only(opened: OpenLedger, tmp_path: Path):
    good = event("A", "2026-03-02T08:00:00Z", "o1")
    text = XES.format(
        trace("good", good)
        + trace("no time", event("A", ""))
        + trace("no offset", event("A", "2026-03-02T08:00:00"))
        + trace("big", event("A", "2026-03-02T08:00:00Z", "o", _big()))
        + trace("twice", good)
        + trace("twice", good)
        + trace("future", event("A", "2199-03-02T08:00:00Z"))
        + trace("", good)
    )
    summary = run(opened, write(tmp_path, "small.xes", text))
    assert summary.recorded == 1
    reasons = {problem.case: problem for problem in summary.problems}
    assert set(reasons) == {"no time", "no offset", "big", "twice", "future", ""}
    assert "--timezone" in reasons["no offset"].reason
    assert reasons["big"].field == "huge"
    assert all(problem.line > 0 and problem.file == "small.xes" for problem in summary.problems)
    assert opened.logs[0].head().size == 2


def _big() -> str:
    return f'<string key="huge" value="{"x" * 10_000_000}"/>'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.xes", XES.format(trace("a", event("A", "2026-03-02T08:00:00Z")))[:-9].encode()),
        ("bytes.xes", b'<?xml version="1.0" encoding="UTF-8"?><log>\xff\xfe</log>'),
        (
            "bomb.xes",
            b'<!DOCTYPE log [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><log>&b;</log>',
        ),
        ("other.xes", b"<html></html>"),
        ("cut.xes.gz", gzip.compress(b"<log></log>" * 100)[:-12]),
        ("latin.csv", "case_id,activity,timestamp\na,Gửi,2026-03-02".encode("utf-16")),
        ("short.csv", b"case_id,activity,timestamp\na,b\n"),
        ("columns.csv", b"x,y,z\n1,2,3\n"),
        ("bad.jsonl", b'{"id": \n'),
        ("file.txt", b"nothing"),
    ],
)
def test_a_bad_file_is_refused_whole(
    opened: OpenLedger, tmp_path: Path, name: str, content: bytes
) -> None:
    good = XES.format(trace("g", event("A", "2026-03-02T08:00:00Z"))).encode()
    if name == "cut.xes":
        content = good[:-30]
    with pytest.raises(FileRefusedError, match=name):
        run(opened, write(tmp_path, name, content))
    assert opened.logs[0].head().size == 1


def test_a_dossier_that_another_source_owns_needs_a_prefix(opened: OpenLedger, tmp_path: Path):
    path = write(tmp_path, "s.xes", XES.format(trace("a", event("A", "2026-03-02T08:00:00Z"))))
    run(opened, path)
    other = run(opened, path, source="other")
    assert "belongs to small" in other.problems[0].reason
    assert run(opened, path, source="other", prefix="o/").recorded == 1


def test_a_mapping_sharpens_and_seals(opened: OpenLedger, tmp_path: Path):
    mapping = write(
        tmp_path,
        "m.toml",
        'personal = ["name"]\n[activities.Register]\ntype = "dossier.submitted.v1"\n'
        'data = {channel = "online"}\nfields = {applicant_ref = "ref"}\n',
    )
    extra = '<string key="ref" value="p-1"/><string key="name" value="Nguyễn Văn Thử"/>'
    path = write(
        tmp_path,
        "s.xes",
        XES.format(trace("a", event("Register", "2026-03-02T08:00:00Z", "", extra))),
    )
    assert run(opened, path, mapping=mapping).recorded == 1
    assert run(opened, path, mapping=mapping).known == 1
    (data,) = opened.logs[0].stream_entries("dossier:a")
    action = decode_entry(data).action
    assert action["type"] == "dossier.submitted.v1"
    assert action["data"]["applicant_ref"] == "p-1"
    assert "Nguyễn".encode() not in data
    assert ["name", "sealed"] in [row[:2] for row in action["data"]["imported"]["attributes"]]
    without = run(opened, path)
    assert "other bytes" in without.problems[0].reason


def own_action(stream: str = "dossier:j", number: int = 1) -> Action:
    return Action(
        id=uuid7_text(1_700_000_000_000 + number, bytes(10)),
        type="dossier.submitted.v1",
        stream=stream,
        occurred_at=OccurredAt("2026-03-02T08:00:00.000000Z", "second"),
        actor=Actor(kind="officer", id="C-1"),
        data={},
    )


def line(action: Action, sigs: tuple[Signature, ...]) -> str:
    value = {"action": json.loads(encode_action(action)), "sigs": []}
    for s in sigs:
        value["sigs"].append(
            {"at": s.at, "key": s.key, "path": list(s.path), "sig": s.sig, "size": s.size}
        )
    return json.dumps(value, ensure_ascii=False) + "\n"


def test_signed_actions_are_checked_on_intake(opened: OpenLedger, tmp_path: Path):
    key = opened.keys.load_signing_key("source")
    good, other = own_action("dossier:j1", 1), own_action("dossier:j2", 2)
    (sigs,) = key.sign([encode_action(good)])
    forged = SigningKey(key.id, Ed25519PrivateKey.from_private_bytes(bytes(32)), "source")
    (forged_sigs,) = forged.sign([encode_action(own_action("dossier:j3", 3))])
    text = (
        line(good, sigs)
        + line(other, sigs)  # the signature of another dossier's action
        + line(own_action("dossier:j3", 3), forged_sigs)
    )
    summary = run(opened, write(tmp_path, "a.jsonl", text))
    assert summary.recorded == 1
    assert {(p.case, p.field) for p in summary.problems} == {
        ("dossier:j2", "sigs"),
        ("dossier:j3", "sigs"),
    }
    assert opened.logs[0].head().size == 2
    assert run(opened, write(tmp_path, "a.jsonl", line(good, sigs))).known == 1


def test_precision_follows_the_source() -> None:
    assert parse_time("2026-03-02", UTC)[1] == "day"
    assert parse_time("2026-03-02T08:00", UTC)[1] == "minute"
    assert parse_time("2026-03-02T08:00:01+07:00", None)[1] == "second"
    assert parse_time("2026-03-02 08:00:01.5+00:00", None)[1] == "instant"
