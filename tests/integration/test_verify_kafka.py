"""`pal verify` of two logs in Kafka, read in parts by other processes, sealed and unsealed."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import sqlite3
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from aiokafka import AIOKafkaProducer

from consumers.cli.main import run
from consumers.demo.office import demo_actions
from ledger.adapters import verify_log, verify_process
from ledger.core.action import encode_action
from ledger.entry.verify_part import INCLUSION_STEP

pytestmark = pytest.mark.kafka


def test_parts_and_single_records_give_the_same(
    tmp_path: Path,
    kafka_bootstrap: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = f"verify-{secrets.token_hex(4)}"
    where = ["--home", str(tmp_path / "home"), "--log", f"kafka://{kafka_bootstrap}/{topic}"]
    file = tmp_path / "office.jsonl"
    actions = sorted(demo_actions(0), key=attrgetter("stream"))
    file.write_bytes(b"".join(encode_action(action) + b"\n" for action in actions))
    assert run(["log", "create", "--logs", "2", *where]) == 0
    assert run(["import", str(file), *where]) == 0

    def verify() -> dict[str, Any]:
        capsys.readouterr()
        assert run(["verify", "--format", "json", *where]) == 0
        value: dict[str, Any] = json.loads(capsys.readouterr().out)
        value.pop("heads_compared")
        for result in value["results"]:
            # A head that the first run noted is one more to compare with.
            result["steps"] = [s for s in result["steps"] if s["title"] != "heads seen before"]
        return value

    one_by_one = verify()
    monkeypatch.setattr(verify_process, "FEW_ENTRIES_MAX", 0)
    monkeypatch.setattr(verify_process, "PART_ENTRIES", 40)
    monkeypatch.setattr(verify_process, "processes", lambda: 2)
    monkeypatch.setattr(verify_log, "READ_RECORDS_MAX", 30)
    assert verify() == one_by_one
    assert sum(result["entries"] for result in one_by_one["results"]) > len(actions)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory, kafka_bootstrap: str) -> list[str]:
    """The demo office in one log in Kafka, sealed, with strays among its records."""
    folder = tmp_path_factory.mktemp("part")
    topic = f"part-{secrets.token_hex(4)}"
    where = ["--home", str(folder / "home"), "--log", f"kafka://{kafka_bootstrap}/{topic}"]
    actions = sorted(demo_actions(0), key=attrgetter("stream"))
    half = len(actions) // 2
    assert run(["log", "create", "--logs", "1", *where]) == 0
    for number, part in enumerate((actions[:half], actions[half:])):
        file = folder / f"{number}.jsonl"
        file.write_bytes(b"".join(encode_action(action) + b"\n" for action in part))
        assert run(["import", str(file), *where]) == 0
        # What no writer of this ledger wrote: offsets and indexes go apart behind it.
        asyncio.run(write_straight(kafka_bootstrap, topic, [b"junk", b"{}"]))
    for words in (["seal", "open"], ["seal", "run"]):
        assert run([*words, *where]) == 0
    return where


async def write_straight(bootstrap: str, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


def ask(
    capsys: pytest.CaptureFixture[str], where: list[str], *words: str
) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(["verify", *words, "--format", "json", *where])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else {}


def test_a_range_and_a_stream_are_found_by_the_index_and_judged_by_their_bytes(
    sealed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, whole = ask(capsys, sealed)
    size = whole["entries"]
    assert (code, whole["strays"]) == (0, 4)
    for span in ("0-40", f"100-{size // 2 + 40}", f"{size - 80}-{size - 1}"):
        first, _, last = span.partition("-")
        code, part = ask(capsys, sealed, "--range", span)
        count = int(last) - int(first) + 1
        assert (code, part["verdict"], part["entries"]) == (0, "passed", count)
        assert {step["title"]: step["checked"] for step in part["steps"]}[INCLUSION_STEP] == count
    code, part = ask(capsys, sealed, "--range", f"{size - 2}-{size + 5}")
    assert code == 2
    assert [finding["code"] for finding in part["findings"]] == ["chain.index_missing"]
    stream = demo_actions(0)[0].stream
    versions = sum(action.stream == stream for action in demo_actions(0))
    code, part = ask(capsys, sealed, "--stream", stream)
    assert (code, part["verdict"], part["entries"]) == (0, "passed", versions)
    assert ask(capsys, sealed, "--stream", "dossier:nobody")[0] == 4


def test_an_index_that_leads_elsewhere_is_not_believed(
    sealed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(sealed[1], home)
    (index,) = home.glob("index-*-0.sqlite")
    with closing(sqlite3.connect(index)) as connection, connection:
        (starts,) = connection.execute("SELECT count(*) FROM run").fetchone()
        # As if nothing that does not count lay among the entries.
        connection.execute("DELETE FROM run WHERE start > 0")
    assert starts > 1
    capsys.readouterr()
    assert run(["verify", "--range", "300-310", "--home", str(home), *sealed[2:]]) == 1
    assert "log.overwritten" in capsys.readouterr().err


def mark_of(stream: str, version: int, index: int, leaf: str) -> int:
    return crc32(f"{stream} {version} {index} {leaf}".encode())


@pytest.mark.parametrize("lie", ["another stream", "beyond the log", "junk as own"])
def test_an_index_that_says_what_is_not_so_is_found_out(
    sealed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], lie: str
) -> None:
    home = tmp_path / "home"
    shutil.copytree(sealed[1], home)
    (index,) = home.glob("index-*-0.sqlite")
    with closing(sqlite3.connect(index)) as connection, connection:
        (one, *_), (_, *head) = connection.execute(
            "SELECT name, version, idx, leaf FROM stream WHERE name LIKE 'dossier:%'"
            " AND version = (SELECT max(version) FROM stream WHERE name LIKE 'dossier:%') OR"
            " name = (SELECT min(name) FROM stream WHERE name LIKE 'dossier:%') ORDER BY version"
        ).fetchmany(2)
        if lie == "junk as own":
            connection.execute("UPDATE own SET data = X'6A756E6B' WHERE number = 1")
        else:
            version, place, leaf = head
            place += 100_000 if lie == "beyond the log" else 0
            connection.execute(
                "UPDATE stream SET version = ?, idx = ?, leaf = ?, mark = ? WHERE name = ?",
                (version, place, leaf, mark_of(one, version, place, leaf), one),
            )
    code, value = ask(capsys, ["--home", str(home), *sealed[2:]], "--stream", one)
    if lie == "another stream":
        assert code == 1
        assert {finding["code"] for finding in value["findings"]} == {"entry.other_stream"}
    else:
        # The index says that it is damaged, and is made anew from the log.
        assert code == 5
        assert ask(capsys, ["--home", str(home), *sealed[2:]], "--stream", one)[0] == 0
