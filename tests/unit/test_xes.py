"""The XES reader: nesting, structure, limits, and files refused as a whole."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from ledger.adapters import source_files, xes
from ledger.adapters.source_files import FileRefusedError
from ledger.domain.importing import SourceCase

EVENT = (
    '<event><string key="concept:name" value="Nhận hồ sơ"/>'
    '<string key="org:resource" value="cb-01"/>'
    '<date key="time:timestamp" value="2026-03-02T08:00:00.000+07:00"/>{}</event>'
)
TRACE = '<trace><string key="concept:name" value="{}"/>{}</trace>'


def write(tmp_path: Path, body: str, *, name: str = "l.xes", head: str = "", to: str = "") -> Path:
    path = tmp_path / name
    data = f"{head}<log>{body}</log>".encode(to or "utf-8")
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def cases(path: Path) -> list[SourceCase]:
    overview = xes.summarise(path)
    found = list(xes.read_cases(path))
    assert len(found) == overview.cases
    return found


def test_nested_names_are_joined_in_file_order(tmp_path: Path) -> None:
    extra = (
        '<string key="a" value="1"><int key="b" value="2"><float key="c" value="3.50"/></int>'
        '</string><list key="l"><values><id key="x" value="4"/></values></list>'
        '<string key="empty" value=""/>'
    )
    (case,) = cases(write(tmp_path, TRACE.format("D-1", EVENT.format(extra)), name="l.xes.gz"))
    assert case.name == "D-1"
    assert case.events[0].attributes[3:] == (
        ("a", "string", "1"),
        ("a/b", "int", "2"),
        ("a/b/c", "float", "3.50"),
        ("l/x", "id", "4"),
        ("empty", "string", ""),
    )
    assert case.events[0].activity == "Nhận hồ sơ"


def test_globals_are_no_attributes_and_a_name_space_changes_nothing(tmp_path: Path) -> None:
    body = (
        '<global scope="event"><string key="concept:name" value="no"/></global>'
        '<string key="concept:name" value="The log"/>'
        '<x:trace xmlns:x="urn:x"><x:string key="concept:name" value="D"/></x:trace>'
    )
    path = write(tmp_path, body)
    assert xes.summarise(path).name == "The log"
    assert [case.name for case in cases(path)] == ["D"]


@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-16"])
def test_an_encoding_that_the_file_declares_is_read(tmp_path: Path, encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    (case,) = cases(write(tmp_path, TRACE.format("é", ""), head=head, to=encoding))
    assert case.name == "é"


@pytest.mark.parametrize(
    ("head", "body", "to"),
    [
        ('<?xml version="1.0" encoding="no-such-thing"?>', "", "utf-8"),
        ('<?xml version="1.0" encoding="shift_jis"?>', "", "utf-8"),
        ('<?xml version="1.0" encoding="UTF-8"?>', TRACE.format("é", ""), "iso-8859-1"),
        ("<!DOCTYPE log>", "", "utf-8"),
        ('<!DOCTYPE log SYSTEM "file:///etc/hostname">', "", "utf-8"),
        ("", EVENT.format(""), "utf-8"),
        ("", TRACE.format("a", TRACE.format("b", "")), "utf-8"),
        ("", TRACE.format("a", EVENT.format(EVENT.format(""))), "utf-8"),
        ("", "<list key='a'>" * 100, "utf-8"),
        ("", TRACE.format("a", "")[:-1], "utf-8"),
        ("", "&undefined;", "utf-8"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, head: str, body: str, to: str) -> None:
    path = write(tmp_path, body, head=head, to=to)
    with pytest.raises(FileRefusedError) as refused:
        xes.summarise(path)
    assert refused.value.line == 1
    assert refused.value.next_step


def test_a_long_attribute_is_a_fault_of_its_event_and_is_not_kept(tmp_path: Path) -> None:
    long = f'<string key="long" value="{"x" * 10_000_000}"/>'
    many = "".join(f'<string key="k{i}" value="{"y" * 9_000}"/>' for i in range(10))
    body = TRACE.format("a", EVENT.format(long) + EVENT.format(many) + EVENT.format(""))
    (case,) = cases(write(tmp_path, body))
    first, second, third = case.events
    assert first.fault is not None
    assert second.fault is not None
    assert (first.fault.field, second.fault.field, third.fault) == ("long", "attributes", None)
    assert first.attributes == second.attributes == ()


@pytest.mark.parametrize("bad", ['<string value="1"/>', '<string key="a"/>'])
def test_an_attribute_without_key_or_value_is_a_fault(tmp_path: Path, bad: str) -> None:
    (case,) = cases(write(tmp_path, TRACE.format("a", EVENT.format(bad))))
    assert case.events[0].fault is not None


def test_limits_end_absurd_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xes, "CHUNK_BYTES", 1_000)
    monkeypatch.setattr(xes, "TOKEN_BYTES_MAX", 5_000)
    token = write(tmp_path, f'<string key="a" value="{"x" * 20_000}"/>')
    with pytest.raises(FileRefusedError, match="one tag of over"):
        xes.summarise(token)
    monkeypatch.setattr(xes, "FILE_BYTES_MAX", 50_000)
    bomb = write(tmp_path, " " * 10_000_000, name="bomb.xes.gz")
    assert bomb.stat().st_size < 50_000
    with pytest.raises(FileRefusedError, match="more than 50000 bytes"):
        xes.summarise(bomb)
    monkeypatch.setattr(xes, "FILE_BYTES_MAX", 10**9)
    monkeypatch.setattr(xes, "CASE_CHARACTERS_MAX", 2_000)
    long, short = TRACE.format("a", EVENT.format("") * 50), TRACE.format("b", EVENT.format(""))
    first, second = cases(write(tmp_path, long + short))
    assert first.fault is not None
    assert first.events == ()
    assert second.fault is None


def test_a_cut_or_false_gzip_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path, TRACE.format("a", EVENT.format("")) * 50, name="w.xes.gz").read_bytes()
    for name, data in (("cut", whole[:-9]), ("no", b"<log/>"), ("bad", whole[:60] + b"\0" * 40)):
        path = tmp_path / f"{name}.xes.gz"
        path.write_bytes(data)
        with pytest.raises(FileRefusedError, match="cannot be decompressed"):
            xes.summarise(path)
    with pytest.raises(FileRefusedError, match="cannot be read"):
        list(source_files.read_lines(tmp_path, 100))
