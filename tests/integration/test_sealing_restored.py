"""`pal seal restore`: a lost store of signed checkpoints is made anew, or refused, and never makes
two histories."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from consumers.bootstrap import Settings, open_ledger
from consumers.restoring import ACCEPT, restore_sealing
from consumers.sealing import load_policy, tree_folder
from consumers.witness_home import open_witness
from ledger.adapters.checkpoint_store import CheckpointStore, StoreExistsError
from ledger.adapters.http_post import post
from ledger.app.sealing import TreeState
from ledger.core.checkpoint import Checkpoint, parse_checkpoint
from ledger.core.findings import FindingError
from ledger.core.note import Algorithm, SignedNote, parse_note
from ledger.core.tiles import ENTRIES, WIDTH_MAX, Tile, decode_bundle, encode_bundle, grown_tiles
from ledger.core.witness import AddCheckpoint
from ledger.entry.checkpoint_log import CHECKPOINTS
from ledger.entry.entry import decode_entry
from ledger.entry.note_keys import NoteSigner, verify_checkpoint
from ledger.entry.officer_index import OfficerRow
from tests.integration.commands import pal
from tests.integration.restore_killed import RESTORED, judge_all, types_of
from tests.integration.seal_killed import Judge, append, folders_of, seal
from tests.integration.sealing import WITNESS, add_witness, opened
from tests.integration.test_sealer_crash import needs_trace, run_driver
from tests.integration.test_witnesses_asked import serving
from tests.integration.witnesses import Served, serve


class Kept(NamedTuple):
    """All that a store says of a tree, but for what the witnesses added."""

    state: TreeState
    rows: list[OfficerRow]
    signed_at: str


def kept(settings: Settings) -> tuple[dict[str, Kept], list[bytes]]:
    with open_ledger(settings) as ledger, CheckpointStore.open(settings.sealer_path) as store:
        found = {}
        for origin in folders_of(ledger):
            state = store.state(origin)
            signed = store.checkpoint(origin, state.size)
            assert signed is not None
            rows = sorted(store.officer_rows(origin))
            found[origin] = Kept(state, rows, signed.signed_at[:19])
        return found, store.rounds(0)


def lose(settings: Settings) -> None:
    for end in ("", "-wal", "-shm"):
        Path(f"{settings.sealer_path}{end}").unlink(missing_ok=True)


def grow(settings: Settings, *counts: int) -> None:
    """Record so many entries in each log, and seal them."""
    with open_ledger(settings) as ledger:
        for number, count in enumerate(counts):
            append(ledger, number, count)
    seal(settings)


def restore(settings: Settings, *, accepted: bool = False) -> None:
    with open_ledger(settings) as ledger:
        restore_sealing(ledger, is_unconfirmed_accepted=accepted)


class History:
    """Every checkpoint that was signed, held against what the logs hold in the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._judge = Judge(settings)

    def collect(self) -> None:
        with open_ledger(self._settings) as ledger:
            self._judge.collect(folders_of(ledger))

    def check(self) -> None:
        judge_all(self._settings, self._judge)


def test_a_store_that_was_lost_is_the_same_again_and_sealing_goes_on(tmp_path: Path) -> None:
    settings = opened(tmp_path / "home", logs=3)
    history = History(settings)
    for counts in ((2, 300, 1), (1, 0, 0), (0, 212, 3)):
        grow(settings, *counts)
        history.collect()
    before = kept(settings)
    lose(settings)
    restore(settings, accepted=True)
    assert kept(settings) == before
    grow(settings, 1, 1, 300)
    history.collect()
    history.check()
    for number in range(3):
        assert types_of(settings, number).count(RESTORED) == 1
    with open_ledger(settings) as ledger:
        entries = [decode_entry(r.data or b"") for r in ledger.readers[1].read(0, 10_000)]
    (told,) = [entry.action["data"] for entry in entries if entry.seal.type == RESTORED]
    state = before[0]["office/1"].state
    assert told == {
        "checkpoints_origin": "office/checkpoints",
        "confirmed_by": [],
        "root": state.root.hex(),
        "rounds": 3,
        "size": state.size,
    }


def published(settings: Settings) -> dict[Path, bytes]:
    """Every published file."""
    return {path: path.read_bytes() for path in settings.tiles_path.rglob("*") if path.is_file()}


def unpublish(older: dict[Path, bytes]) -> None:
    """As if all that was published since had been written, and the sealer killed before it put the
    checkpoint there and removed what was grown over."""
    for path, data in older.items():
        if path.name == "checkpoint" or not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)


def test_what_was_signed_and_never_published_is_gone_on_from(tmp_path: Path) -> None:
    """Killed before it published, twice, and its store lost: the bundles behind the checkpoint say
    what was signed, above all the rounds, whose only copy they are."""
    settings = opened(tmp_path / "home", logs=2)
    history = History(settings)
    grow(settings, 2, 2)
    older = published(settings)
    for counts in ((1, 300), (5, 1)):
        grow(settings, *counts)
        history.collect()
        unpublish(older)
    lose(settings)
    restore(settings, accepted=True)
    found, rounds = kept(settings)
    assert found["office/checkpoints"].state.size == 1
    assert len(rounds) == 3
    grow(settings, 3, 0)
    history.collect()
    history.check()
    assert kept(settings)[0]["office/checkpoints"].state.size == 4


def test_the_log_must_hold_what_lies_behind_its_checkpoint(tmp_path: Path) -> None:
    """The log was put back too: what was signed and not published is missing in it."""
    settings = opened(tmp_path / "home")
    grow(settings, 2)
    log, older = settings.log_path.read_bytes(), published(settings)
    grow(settings, 2)
    unpublish(older)
    lose(settings)
    settings.log_path.write_bytes(log)
    for name in ("0/tile/entries/000.p/6", "checkpoints/tile/entries/000.p/2"):
        with pytest.raises(FindingError) as caught:
            restore(settings, accepted=True)
        assert caught.value.finding.code == "log.truncated"
        (settings.tiles_path / name).unlink()
    # Nothing is left of what was signed since then: this is what nobody can exclude.
    restore(settings, accepted=True)


def other_keys(settings: Settings) -> None:
    """The same checkpoint, signed by keys of the same name that nobody trusts."""
    path = settings.tiles_path / "0" / "checkpoint"
    text = parse_note(path.read_bytes()).text
    keys = (
        NoteSigner("office/0", Ed25519PrivateKey.generate(), Algorithm.ED25519),
        NoteSigner("office/0", MLDSA44PrivateKey.generate(), Algorithm.COSIGNATURE_ML_DSA_44),
    )
    path.write_bytes(SignedNote(text, tuple(key.sign(text, 1) for key in keys)).encode())


def older_checkpoint(settings: Settings) -> None:
    shutil.copy(settings.home / "older", settings.tiles_path / "0" / "checkpoint")


def flip(path: Path, at: int = 40) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


BREAKS: dict[str, Callable[[Settings], None]] = {
    "checkpoint.missing": lambda s: (s.tiles_path / "0/checkpoint").unlink(),
    "checkpoint.malformed": lambda s: flip(s.tiles_path / "0/checkpoint", -1) or None,
    "checkpoint.signature_invalid": other_keys,
    "tile.mismatch an entry": lambda s: flip(s.tiles_path / "0/tile/entries/000"),
    "tile.mismatch gone": lambda s: (s.tiles_path / "0/tile/entries/000").unlink(),
    "tile.mismatch a round": lambda s: flip(s.tiles_path / CHECKPOINTS / "tile/entries/000.p/2"),
    "sealer.not_newest": older_checkpoint,
}


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sealed") / "home"
    settings = opened(home)
    grow(settings, 2)
    (home / "older").write_bytes((settings.tiles_path / "0/checkpoint").read_bytes())
    (home / "older.sqlite").write_bytes(settings.log_path.read_bytes())
    grow(settings, 300)
    lose(settings)
    return home


@pytest.fixture
def lost(sealed: Path, tmp_path: Path) -> Settings:
    """A copy of a sealed ledger without witnesses, whose store is lost."""
    shutil.copytree(sealed, tmp_path / "home")
    return Settings(tmp_path / "home")


@pytest.mark.parametrize("what", BREAKS)
def test_what_does_not_agree_is_refused(lost: Settings, what: str) -> None:
    BREAKS[what](lost)
    entries = types_of(lost)
    with pytest.raises(FindingError) as caught:
        restore(lost, accepted=True)
    assert caught.value.finding.code == what.split(maxsplit=1)[0]
    assert not lost.sealer_path.exists()
    assert types_of(lost) == entries, "nothing is recorded of what is not done"


def test_any_byte_of_what_is_published_that_differs_is_refused(lost: Settings) -> None:
    """First, middle and last byte of every file that the signed sizes demand."""
    files = []
    for tree in ("0", CHECKPOINTS):
        folder = tree_folder(lost, tree)
        size = parse_checkpoint(parse_note(folder.read_checkpoint() or b"").text).size
        newest = [tile for tile in grown_tiles(0, size) if (folder.path / tile.path()).exists()]
        files += [folder.path / "checkpoint", *(folder.path / tile.path() for tile in newest)]
    assert len(files) == 9
    for path in files:
        whole = path.read_bytes()
        for at in (0, len(whole) // 2, -1):
            flip(path, at)
            with pytest.raises(FindingError):
                restore(lost, accepted=True)
            assert not lost.sealer_path.exists()
            path.write_bytes(whole)
    restore(lost, accepted=True)


def test_a_bundle_behind_the_checkpoint_that_the_log_does_not_lead_to_is_refused(
    lost: Settings,
) -> None:
    with open_ledger(lost) as ledger:
        append(ledger, 0, 1)
    for tree, number in (("0", 1), (CHECKPOINTS, 0)):
        folder = tree_folder(lost, tree)
        size = parse_checkpoint(parse_note(folder.read_checkpoint() or b"").text).size
        edge = Tile(ENTRIES, number, size - number * WIDTH_MAX)
        known = decode_bundle(folder.read(edge) or b"", edge.width)
        behind = edge._replace(width=edge.width + 1)
        for entries in ([*known, b"another entry"], [*known[:-1], b"changed", b"another"]):
            path = folder.path / behind.path()
            folder.write(behind, encode_bundle(entries))
            with pytest.raises(FindingError) as caught:
                restore(lost, accepted=True)
            assert caught.value.finding.code == "tile.mismatch"
            assert not lost.sealer_path.exists()
            path.unlink()


def test_a_log_that_is_shorter_than_its_checkpoint_is_refused(lost: Settings) -> None:
    lost.log_path.write_bytes((lost.home / "older.sqlite").read_bytes())
    with pytest.raises(FindingError) as caught:
        restore(lost, accepted=True)
    assert caught.value.finding.code == "log.truncated"
    assert not lost.sealer_path.exists()


def test_nothing_is_made_where_a_store_is_or_what_was_kept_beside_one(lost: Settings) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        path = Path(f"{lost.sealer_path}{end}")
        path.write_bytes(b"whatever it is")
        with pytest.raises(StoreExistsError, match=path.name):
            restore(lost, accepted=True)
        assert path.read_bytes() == b"whatever it is"
        path.unlink()
    restore(lost, accepted=True)
    with pytest.raises(StoreExistsError):
        restore(lost, accepted=True)


def test_the_command_says_what_nobody_can_exclude(lost: Settings) -> None:
    words = ("seal", "restore", "--home", lost.home, "--lang", "en")
    refused = pal(*words)
    assert refused.returncode == 2
    assert "sealer.unconfirmed" in refused.stderr
    assert ACCEPT in refused.stderr
    assert not lost.sealer_path.exists()
    done = pal(*words, ACCEPT, "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(row["origin"], row["confirmed_by"]) for row in told["rows"]] == [
        ("office/0", ""),
        ("office/checkpoints", ""),
    ]
    assert "2 rounds" in done.stderr
    assert pal("seal", "run", "--home", lost.home).returncode == 0
    again = pal(*words, ACCEPT)
    assert again.returncode == 5
    assert "sealer.store_exists" in again.stderr


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[tuple[Settings, Served]]:
    """A ledger with one witness, sealed once."""
    settings = opened(tmp_path / "home")
    served = add_witness(settings, tmp_path / "witness")
    try:
        grow(settings, 2)
        yield settings, served
    finally:
        if served.process.poll() is None:
            served.end()


def code_of(settings: Settings) -> str:
    with pytest.raises(FindingError) as caught:
        restore(settings, accepted=True)
    assert not settings.sealer_path.exists()
    assert RESTORED not in types_of(settings)
    return caught.value.finding.code


def test_a_witness_confirms_and_one_that_is_ahead_refuses(
    witnessed: tuple[Settings, Served], tmp_path: Path
) -> None:
    settings, _ = witnessed
    history = History(settings)
    older = published(settings)
    grow(settings, 3)
    history.collect()
    before = kept(settings)
    lose(settings)
    unpublish(older)
    assert code_of(settings) == "sealer.not_newest"
    # What the witness keeps is the newest checkpoint, and takes the place of the older one.
    with open_witness(tmp_path / "witness") as witness:
        for path in settings.tiles_path.glob("*/checkpoint"):
            origin = parse_checkpoint(parse_note(older[path]).text).origin
            latest = witness.store.latest(origin)
            assert latest is not None
            path.write_bytes(latest.note.encode())
    restore(settings)
    assert kept(settings) == before
    with CheckpointStore.open(settings.sealer_path) as store:
        found = store.newest_witnessed("office/0")
        assert found is not None
        note, policy = parse_note(found.note), load_policy(settings)
        keys = policy.logs["office/0"]
        cosigned = verify_checkpoint(note, "office/0", keys, policy.cosigners).cosignatures
        assert {signed.key.name for signed in cosigned} == {WITNESS}
    grow(settings, 1)
    history.collect()
    history.check()


def test_a_witness_that_is_silent_or_has_forgotten_confirms_nothing(
    witnessed: tuple[Settings, Served], tmp_path: Path
) -> None:
    settings, served = witnessed
    port = int(served.url.rpartition(":")[2])
    served.end()
    file = tmp_path / "witness" / "witness.sqlite"
    older = file.read_bytes()
    again = serve(tmp_path / "witness", port=port)
    grow(settings, 1)
    again.end()
    lose(settings)
    assert code_of(settings) == "sealer.unconfirmed"
    for end in ("-wal", "-shm"):
        file.with_name(file.name + end).unlink(missing_ok=True)
    file.write_bytes(older)
    again = serve(tmp_path / "witness", port=port)
    try:
        for _ in range(2):
            assert code_of(settings) == "sealer.unconfirmed", "asking again changes nothing"
        again.end()
        for tree in ("0", CHECKPOINTS):
            path = tree_folder(settings, tree).path / "checkpoint"
            adopted = pal("witness", "adopt", path, "--home", tmp_path / "witness")
            assert adopted.returncode == 0, adopted.stderr
        again = serve(tmp_path / "witness", port=port)
        restore(settings)
    finally:
        again.end()


def test_an_old_answer_of_a_witness_confirms_nothing(
    witnessed: tuple[Settings, Served],
) -> None:
    """Whoever stands between can hand out what the witness said before it saw more."""
    settings, served = witnessed
    lose(settings)
    text = parse_note(published_note(settings, "0")).text
    with open_witness(settings.home.with_name("witness")) as witness:
        lines = "".join(signer.sign(text, 1_700_000_000).line() for signer in witness.signers)
    with serving(lambda: (200, lines.encode(), "text/plain")) as url:
        path = settings.policy_path
        path.write_text(path.read_text(encoding="utf-8").replace(served.url, url))
        assert code_of(settings) == "sealer.unconfirmed"


def published_note(settings: Settings, tree: str) -> bytes:
    return tree_folder(settings, tree).read_checkpoint() or b""


def test_a_witness_that_knows_another_tree_refuses(
    witnessed: tuple[Settings, Served], tmp_path: Path
) -> None:
    settings, _ = witnessed
    other = add_witness(settings, tmp_path / "other", "witness.example/w2")
    try:
        size = parse_checkpoint(parse_note(published_note(settings, "0")).text).size
        text = Checkpoint("office/0", size, b"\7" * 32).text()
        with open_ledger(settings) as ledger:
            signers = ledger.keys.load_note_key(settings.note_key_of("0"), "office/0")
        note = SignedNote(text, tuple(signer.sign(text, 1) for signer in signers))
        body = AddCheckpoint(0, (), note).encode()
        assert post(f"{other.url}/add-checkpoint", body, "text/plain", 5, 65_536).status == 200
        lose(settings)
        assert code_of(settings) == "checkpoint.forked"
    finally:
        other.end()


def test_every_quorum_must_have_one_that_answered(
    witnessed: tuple[Settings, Served], tmp_path: Path
) -> None:
    """Of two witnesses any one is a quorum: the silent one may have cosigned a later checkpoint."""
    settings, _ = witnessed
    add_witness(settings, tmp_path / "other", "witness.example/w2").end()
    lose(settings)
    assert code_of(settings) == "sealer.unconfirmed"


@needs_trace
def test_killed_at_any_write_it_leaves_no_store_or_a_whole_one(lost: Settings) -> None:
    """Every third write; all of them: python -m tests.integration.restore_killed HOME."""
    kills = run_driver("restore_killed", lost.home, 3)
    assert sum(kills["kills"].values()) > 10
    assert 0 < kills["without"] < sum(kills["kills"].values())
