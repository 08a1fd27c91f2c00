"""`pal keys rotate` and `pal keys revoke`: new keys in the place of old ones, in every log."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from consumers.bootstrap import OpenLedger, Settings, SettingsError, open_ledger, utc_now
from consumers.cli.main import run
from consumers.creation import create_ledger
from consumers.rotation import Rotated, revoke_key, rotate_key
from consumers.workers.importer import ImportOptions, ImportSummary, import_file
from ledger.adapters.keys import KeyStoreError
from ledger.adapters.rotation import locked_keys
from ledger.app.enrolled import enrolled_keys
from ledger.app.submission import RefusedError, SignedAction, Submission, UnavailableError
from ledger.core.action import Action, encode_action
from ledger.core.ids import log_number
from ledger.entry.bundle_state import Pins
from ledger.entry.bundle_verify import verify_bundle
from ledger.entry.entry import Entry, Seal, decode_entry, encode_entry
from ledger.entry.log_state import LogState
from ledger.entry.signatures import Role, SigningKey
from tests.evidence_approvals import DOSSIER
from tests.sealed_ledger import demo_home, seal
from tests.unit.copied_home import copied, verified
from tests.unit.domain.actions import act
from tests.unit.test_evidence import by_verify_py

LOGS = 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of two logs with an entry in each."""
    home = tmp_path_factory.mktemp("made") / "home"
    with create_ledger(Settings(home), "office", logs=LOGS) as ledger:
        for number in range(LOGS):
            record(ledger, number, 1)
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return copied(made, tmp_path, monkeypatch)


@pytest.fixture
def ledger(home: Path) -> Iterator[OpenLedger]:
    with open_ledger(Settings(home)) as opened:
        yield opened


def submitted(number: int, at: int) -> Action:
    """The `at`-th dossier of log `number` is submitted."""
    names = (f"dossier:D-{number}-{at}-{trial}" for trial in range(1_000))
    stream = next(name for name in names if log_number(name, LOGS) == number)
    action = act(10 * at + number, "submitted", "2026-03-02", kind="applicant", who="a-1")
    return replace(action, stream=stream)


def record(ledger: OpenLedger, number: int, at: int, by: SigningKey | None = None) -> None:
    """By a program that starts now."""
    action = submitted(number, at)
    sigs = () if by is None else by.sign([encode_action(action)])[0]
    with open_ledger(ledger.settings, now=ledger.now) as opened:
        opened.application().record(action, sigs)


def signing(ledger: OpenLedger, role: Role = "ledger") -> SigningKey:
    return ledger.keys.load_signing_key(role)


def pal(home: Path, *words: str) -> int:
    return run([*words, "--home", str(home)])


def listed(home: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert pal(home, "keys", "list", "--format", "json") == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return rows


def files(home: Path) -> set[str]:
    folder = home / "keys"
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("role", ["ledger", "source"])
def test_a_new_key_signs_in_every_log_and_old_entries_still_verify(
    home: Path, role: Role, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_ledger(Settings(home)) as ledger:
        old = signing(ledger, role)
    assert pal(home, "keys", "rotate", role) == 0
    with open_ledger(Settings(home)) as ledger:
        new = signing(ledger, role)
        for number in range(LOGS):
            record(ledger, number, 2)
            record(ledger, number, 3, old if role == "source" else None)
    assert new.id != old.id
    code, answer = verified(home, capsys)
    assert (code, answer["verdict"]) == (0, "passed")
    rows = [row for row in listed(home, capsys) if row["role"] == role]
    facts = [(r["log"], r["id"], r["revoked"], r["held_here"], r["signs_here"]) for r in rows]
    for number in range(LOGS):
        assert (number, old.id, False, True, False) in facts
        assert (number, new.id, False, True, True) in facts
    assert len(facts) == 2 * LOGS
    assert files(home) == {"ledger.key", "source.key", f"{old.id}.key"}


def test_a_revoked_key_is_refused_at_every_door_and_void_in_the_log(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_ledger(Settings(home)) as before:
        old, application = signing(before, "source"), before.application()
        words = ["keys", "rotate", "source", "--revoke", "--reason", "laptop lost"]
        assert pal(home, *words) == 0
        capsys.readouterr()
        for number in range(LOGS):
            with pytest.raises(RefusedError, match="revoked") as intake:
                record(before, number, 2, old)
            # What a program still signs that began before the key was revoked.
            with pytest.raises(RefusedError, match="revoked") as writer:
                application.record(submitted(number, 3))
            assert intake.value.code == writer.value.code == "signature.invalid"
        size = {log.origin: log.head().size for log in before.logs}
    code, answer = verified(home, capsys)
    assert (code, answer["verdict"]) == (0, "passed")
    assert [row["revoked"] for row in listed(home, capsys) if row["id"] == old.id] == [True] * LOGS
    with open_ledger(Settings(home)) as after:
        assert {log.origin: log.head().size for log in after.logs} == size
        state, own = LogState(after.logs[0].origin), []
        for position in range(state.head.size, after.logs[0].head().size):
            entry = state.admit(after.logs[0].read(position, 1)[0].data)
            assert isinstance(entry, Entry)
            assert not state.judge(entry).void
            own += [entry] if entry.seal.type == "ledger.key_revoked.v1" else []
        (revocation,) = own
        assert revocation.action["data"] == {"key_id": old.id, "reason": "laptop lost"}
        assert revocation.seal.sigs[0].key == signing(after).id
        forged = state.admit(next_entry(state, submitted(0, 4), old))
        assert isinstance(forged, Entry)
        judged = state.judge(forged)
        assert (judged.void, judged.findings[0].code) == (True, "signature.invalid")


def next_entry(state: LogState, action: Action, key: SigningKey) -> bytes:
    """The entry that somebody appends past every writer."""
    body = encode_action(action)
    seal_line = Seal(
        index=state.head.size,
        origin=state.origin,
        prev=state.head.leaf,
        recorded_at=state.recorded_at,
        sigs=key.sign([body])[0],
        stream=action.stream,
        stream_prev="0" * 64,
        type=action.type,
        v=1,
        version=1,
    )
    return encode_entry(seal_line, body)


def test_the_old_ledger_key_is_revoked_by_the_new_one(ledger: OpenLedger) -> None:
    old = signing(ledger)
    done = rotate_key(ledger, "ledger", revoke=True, reason="stolen")
    assert done == Rotated("ledger", old.id, signing(ledger).id, signing(ledger).id, revoked=True)
    for log in ledger.logs:
        entries = [decode_entry(data) for data in log.stream_entries(f"ledger:{log.origin}")]
        signed = {entry.seal.type: entry.seal.sigs[0].key for entry in entries}
        assert signed == {
            "ledger.genesis.v1": old.id,
            "ledger.key_enrolled.v1": old.id,
            "ledger.key_revoked.v1": done.new,
        }
        assert enrolled_keys(log).valid("ledger") == {done.new}


def test_what_cannot_be_revoked_is_refused_with_what_to_do(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_ledger(Settings(home)) as ledger:
        first, source = signing(ledger).id, signing(ledger, "source").id
    why = ["--reason", "because"]
    assert pal(home, "keys", "revoke", first, *why) == 6
    assert "keys.last_ledger_key" in capsys.readouterr().err
    assert pal(home, "keys", "revoke", source, *why) == 6
    said = capsys.readouterr().err
    assert "keys.in_use" in said
    assert "pal keys rotate source --revoke" in said
    assert pal(home, "keys", "revoke", "source-000000000000", *why) == 4
    assert pal(home, "keys", "revoke", first) == 3
    assert pal(home, "keys", "rotate", "ledger", "--revoke") == 3
    assert pal(home, "keys", "rotate", "ledger", *why) == 3
    assert pal(home, "keys", "rotate", "note") == 3
    assert files(home) == {"ledger.key", "source.key"}
    assert pal(home, "keys", "rotate", "ledger") == 0
    capsys.readouterr()
    assert pal(home, "keys", "revoke", first, *why, "--lang", "vi") == 0
    assert f"khoá {first} đã bị thu hồi" in capsys.readouterr().out
    with open_ledger(Settings(home)) as ledger:
        second = signing(ledger).id
    assert pal(home, "keys", "revoke", second, *why) == 6
    assert pal(home, "keys", "revoke", first, *why) == 0, "again it changes nothing"
    assert verified(home, capsys)[0] == 0


def test_a_key_that_a_thief_enrolled_in_one_log_is_revoked_there(ledger: OpenLedger) -> None:
    other = ledger.keys.create_signing_key("thief", "source")
    stolen = signing(ledger)
    log = ledger.logs[1]
    action = replace(
        act(90, "submitted", "2026-03-02"),
        stream=f"ledger:{log.origin}",
        type="ledger.key_enrolled.v1",
        data={"key": msgspec.to_builtins(other.enrolled())},
    )
    body = encode_action(action)
    signed = SignedAction(action.id, action.stream, action.type, body, stolen.sign([body])[0])
    log.submit([Submission((signed,))])
    assert revoke_key(ledger, other.id, "not ours") == {}
    rings = [enrolled_keys(log) for log in ledger.logs]
    assert [ring.is_revoked(other.id) for ring in rings] == [False, True]
    assert [ring.role_of(other.id) for ring in rings] == [None, None]


def test_the_key_changes_only_when_every_ledger_of_the_home_knows_the_new_one(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A home with a ledger in Kafka, too, which signs with the same keys."""
    shutil.copy(home / "trust.toml", home / "trust-topic.toml")
    with open_ledger(Settings(home)) as ledger:
        old = signing(ledger, "source").id
    for _ in range(2):
        assert pal(home, "keys", "rotate", "source") == 2
        said = capsys.readouterr().err
        assert "trust-topic.toml" in said
        assert old in said
    for words in (["keys", "list"], ["status"]):
        assert pal(home, *words) == 0
        assert "pal keys rotate source" in capsys.readouterr().err
    with open_ledger(Settings(home)) as ledger:
        assert signing(ledger, "source").id == old
        record(ledger, 0, 2)
    (home / "trust-topic.toml").unlink()
    assert pal(home, "keys", "rotate", "source") == 0
    with open_ledger(Settings(home)) as ledger:
        ids = [key.id for key in enrolled_keys(ledger.logs[0]) if key.role == "source"]
        assert ids == [old, signing(ledger, "source").id]


def test_a_log_that_cannot_be_written_leaves_the_old_key_and_is_made_up_for(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_ledger(Settings(home)) as ledger:
        old = signing(ledger, "source").id
        latest = ledger.logs[1].head()
    kept = {path: path.read_bytes() for path in home.glob("log-1.sqlite*")}
    # Log 1 has an entry of the future, so its writer does not open: the clock is behind it.
    with open_ledger(Settings(home), now=lambda: utc_now() + timedelta(days=1)) as far:
        record(far, 1, 5)
    assert pal(home, "keys", "rotate", "source") == 2
    assert "log 1: the last entry was recorded at" in capsys.readouterr().err
    with open_ledger(Settings(home)) as ledger:
        assert signing(ledger, "source").id == old
        rings = [enrolled_keys(log) for log in ledger.logs]
        assert [len(ring.valid("source")) for ring in rings] == [2, 1]
    for path in home.glob("log-1.sqlite*"):
        path.unlink()
    for path, data in kept.items():
        path.write_bytes(data)
    assert pal(home, "keys", "rotate", "source") == 0
    with open_ledger(Settings(home)) as ledger:
        rings = [enrolled_keys(log) for log in ledger.logs]
        assert rings[0].valid("source") == rings[1].valid("source")
        assert ledger.logs[1].head().size == latest.size + 1


def test_what_was_begun_goes_on_as_it_was_begun(ledger: OpenLedger) -> None:
    other = ledger.settings.home / "trust-topic.toml"
    shutil.copy(ledger.settings.trust_path, other)
    begun = rotate_key(ledger, "ledger")
    assert (begun.is_complete, begun.waiting_for) == (False, ("trust-topic.toml",))
    assert rotate_key(ledger, "ledger", revoke=True, reason="stolen").new == begun.new
    with pytest.raises(SettingsError, match="was begun with the reason 'stolen'"):
        rotate_key(ledger, "ledger", revoke=True, reason="another")
    other.unlink()
    assert rotate_key(ledger, "ledger").revoked, "as it was begun"
    folder = ledger.keys.folder
    (folder / "ledger.rotation").write_text(
        '{"old":"a","new":"b","revoke":false,"reason":"","enrolled":[],"revoked":[]}'
    )
    with pytest.raises(KeyStoreError, match="other keys lie beside it"):
        rotate_key(ledger, "ledger")
    (folder / "ledger.rotation").write_text("{")
    with pytest.raises(KeyStoreError, match=r"ledger\.rotation"):
        rotate_key(ledger, "ledger")


def test_one_process_at_a_time_replaces_keys(ledger: OpenLedger) -> None:
    with locked_keys(ledger.keys.folder):
        for attempt in (
            lambda: rotate_key(ledger, "source"),
            lambda: revoke_key(ledger, "a", "b"),
        ):
            with pytest.raises(KeyStoreError, match="another process"):
                attempt()
    assert rotate_key(ledger, "source").is_complete


def test_whoever_records_meanwhile_loses_nothing_and_leaves_nothing_void(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A thread with logs of its own, and the key that is replaced and revoked under it."""
    with open_ledger(Settings(home)) as busy, open_ledger(Settings(home)) as ledger:
        application, begun, recorded = busy.application(), Event(), list[str]()
        ended = Event()

        def go_on() -> None:
            for at in count(10):
                if ended.is_set():
                    return
                for number in range(LOGS):
                    action = submitted(number, at)
                    application.record(action)
                    recorded.append(action.id)
                    begun.set()

        with ThreadPoolExecutor(1) as pool:
            going_on = pool.submit(go_on)
            try:
                assert begun.wait(30)
                rotated = rotate_key(ledger, "source", revoke=True, reason="lost")
                assert rotated.is_complete, rotated
                with pytest.raises(RefusedError, match="revoked"):
                    going_on.result(30)
            finally:
                ended.set()
        places = [log.place_of(name) for name in recorded for log in ledger.logs]
        assert sum(place is not None for place in places) == len(recorded)
    code, answer = verified(home, capsys)
    assert (code, answer["verdict"]) == (0, "passed")


def test_an_import_whose_key_was_revoked_says_so_and_goes_on_with_the_new_one(
    home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "office.csv"
    lines = "".join(f"c{n},A,cb-01,2026-03-02T08:00:00Z\n" for n in range(20))
    path.write_text(f"case_id,activity,resource,timestamp\n{lines}", encoding="utf-8")
    with open_ledger(Settings(home)) as ledger:

        def started() -> Callable[[], ImportSummary]:
            logs, key, keys = ledger.logs, signing(ledger, "source"), ledger.keys
            return lambda: import_file(path, logs, key, keys, ImportOptions(), now=utc_now)

        begun = started()
        assert pal(home, "keys", "rotate", "source", "--revoke", "--reason", "lost") == 0
        with pytest.raises(UnavailableError, match="revoked") as caught:
            begun()
        assert "start the import again" in caught.value.next_step
        assert started()().recorded == 20


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sealed") / "home"
    demo_home(home)
    return home


def test_bundles_verify_with_the_key_of_their_time(
    sealed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = copied(sealed, tmp_path, monkeypatch)
    dossier = DOSSIER.removeprefix("dossier:")
    words = ["evidence", "export", "dossier", dossier, "--purpose", "complaint 12"]
    before, after = tmp_path / "before.zip", tmp_path / "after.zip"
    assert pal(home, *words, "--out", str(before)) == 0
    assert pal(home, "keys", "rotate", "ledger", "--revoke", "--reason", "stolen") == 0
    capsys.readouterr()
    assert pal(home, *words, "--out", str(after)) == 5
    said = capsys.readouterr().err
    assert "evidence.not_sealed" in said
    assert "pal seal run" in said
    shutil.rmtree(home / "tiles")
    with open_ledger(Settings(home)) as ledger:
        seal(ledger)
        new = signing(ledger).id
    assert pal(home, *words, "--out", str(after)) == 0
    fingerprint = sha256((home / "policy.txt").read_bytes()).hexdigest()
    for path, signer in ((before, None), (after, new)):
        found = verify_bundle(path.read_bytes(), Pins(fingerprint))
        assert found.verdict == "passed", found.findings
        assert found.bundle is not None
        assert signer in (None, found.bundle.manifest.signer.key)
        assert by_verify_py(path.read_bytes(), fingerprint)[0] == "passed"


def test_a_drill_plays_on_a_home_whose_keys_were_replaced(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last entry enrols or revokes a key, and old actions are of a key that counts no more."""
    home = copied(sealed, tmp_path, monkeypatch)
    for role in ("ledger", "source"):
        assert pal(home, "keys", "rotate", role, "--revoke", "--reason", "stolen") == 0
    cases = [word for name in ("duplicate-entry", "enrol-in-store") for word in ("--case", name)]
    assert pal(home, "drill", *cases) == 0
