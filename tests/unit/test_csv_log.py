"""The CSV reader: columns, cases whose rows lie apart, limits, files refused as a whole."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ledger.adapters import csv_log, source_files
from ledger.adapters.source_files import FileRefusedError
from ledger.domain.importing import Columns, SourceCase

GUESSED = Columns()


def cases(path: Path, columns: Columns = GUESSED) -> list[SourceCase]:
    return list(csv_log.read_cases(path, csv_log.summarise(path, columns)))


def write(tmp_path: Path, text: str, name: str = "l.csv") -> Path:
    path = tmp_path / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def test_usual_columns_are_found_and_case_columns_belong_to_the_case(tmp_path: Path) -> None:
    text = (
        "\ufeffCase ID,Activity,Resource,Timestamp,case_deadline,note\r\n"
        'D-1,"Nhận, kiểm",cb-01,2026-03-02T08:00:00Z,2026-03-09T00:00:00Z,"hai\r\ndòng"\r\n'
        "\r\n"
        "D-1,Ký,cb-02,2026-03-02T09:00:00Z,2026-03-09T00:00:00Z,\r\n"
    )
    (case,) = cases(write(tmp_path, text, "l.csv.gz"))
    assert (case.name, case.line) == ("D-1", 3)
    assert case.attributes == (("case_deadline", "string", "2026-03-09T00:00:00Z"),)
    first, second = case.events
    assert (first.activity, first.resource, first.line) == ("Nhận, kiểm", "cb-01", 3)
    assert ("note", "string", "hai\r\ndòng") in first.attributes
    assert [name for name, _, _ in second.attributes] == ["Activity", "Resource", "Timestamp"]


def test_rows_of_a_case_may_lie_apart_and_what_changes_stays_with_its_event(
    tmp_path: Path,
) -> None:
    text = (
        "case_id,activity,timestamp,case_status\n"
        "a,A,2026-03-02,open\nb,B,2026-03-02,open\na,C,2026-03-03,shut\n"
    )
    b, a = cases(write(tmp_path, text))
    assert (a.name, b.name) == ("a", "b")
    assert [event.position for event in a.events] == [0, 2]
    assert a.attributes == (("case_status", "string", "open"),)
    assert ("case_status", "string", "shut") in a.events[1].attributes


def test_a_mapping_names_columns(tmp_path: Path) -> None:
    columns = Columns(case="MaHS", activity="Viec", time="Luc")
    (case,) = cases(write(tmp_path, "MaHS,Viec,Luc\n1,A,2026-03-02\n"), columns)
    assert case.events[0].activity == "A"
    with pytest.raises(FileRefusedError, match="'MaHS' of the mapping"):
        cases(write(tmp_path, "x,Viec,Luc\n1,A,2026-03-02\n"), columns)


def test_a_long_field_is_a_fault_of_its_event(tmp_path: Path) -> None:
    text = f"case_id,activity,timestamp,note\na,A,2026-03-02,{'x' * 10_000_000}\nb,B,2026-03-02,\n"
    a, b = cases(write(tmp_path, text))
    assert a.events[0].fault is not None
    assert (a.events[0].fault.field, b.events[0].fault) == ("note", None)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", 1),
        (b"case_id,activity,timestamp\na,\xff,2026-03-02\n", 2),
        (b"case_id,activity,timestamp\na,b,c\na,b\n", 3),
        (b'case_id,activity,timestamp\na,"b,c\n', 2),
        (b"case_id,timestamp\na,2026-03-02\n", 1),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, data: bytes, line: int) -> None:
    path = tmp_path / "l.csv"
    path.write_bytes(data)
    with pytest.raises(FileRefusedError) as refused:
        cases(path)
    assert refused.value.line == line


def test_limits_end_absurd_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = "case_id,activity,timestamp\n"
    together = head + "a,A,2026-03-02\n" * 500
    apart = head + "a,A,2026-03-02\nb,B,2026-03-02\n" * 250
    monkeypatch.setattr(source_files, "APART_CHARACTERS_MAX", 1_000)
    assert len(cases(write(tmp_path, together))) == 1
    with pytest.raises(FileRefusedError, match="lie apart"):
        cases(write(tmp_path, apart))
    monkeypatch.setattr(source_files, "FILE_BYTES_MAX", 5_000)
    with pytest.raises(FileRefusedError, match="more than 5000 bytes"):
        cases(write(tmp_path, together, "bomb.csv.gz"))
    monkeypatch.setattr(csv_log, "TOKEN_BYTES_MAX", 100)
    with pytest.raises(FileRefusedError, match="longer than 100 bytes"):
        cases(write(tmp_path, head + "a," + "x" * 200 + ",2026-03-02\n"))
