"""Opening sealing for the first time, and building the sealer of a ledger (see `bootstrap`)."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from consumers.bootstrap import OpenLedger, Settings, SettingsError
from consumers.workers.outage import (
    OUTAGE_SECONDS,
    SEALING_OPENED,
    Alarms,
    OutageWatch,
    RecordActions,
    sealer_action,
)
from consumers.workers.own_entries import record_own
from consumers.workers.tree_sealer import TreeSealer
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.adapters.tile_folder import TileFolder
from ledger.adapters.trust import sync_folder
from ledger.app.sealing import LogFollower, RoundsFollower, SealingNotOpenedError, TreeState
from ledger.app.submission import LedgerError, RefusedError
from ledger.core.action import Action
from ledger.core.findings import FindingError
from ledger.core.note import parse_verifier_key
from ledger.core.policy import (
    QUORUM_NONE,
    Policy,
    PolicyGroup,
    PolicyLog,
    PolicyWitness,
    parse_policy,
)
from ledger.core.tiles import ENTRY_BYTES_MAX
from ledger.core.times import format_instant
from ledger.entry.checkpoint_log import CHECKPOINTS, LoggedTree, Round, checkpoints_origin
from ledger.entry.note_keys import NoteSigner

if TYPE_CHECKING:
    from consumers.workers.sealer import Sealer, Stamp

QUORUM: Final = "quorum"
"""The name of the group in a policy that `open_sealing` writes."""

_OPENED_MARK: Final = f'"type":"{SEALING_OPENED}"'.encode()
_READ_RECORDS: Final = 512
"""Records of one read; an entry has at most 64 KiB."""

Signers = Mapping[str, tuple[NoteSigner, NoteSigner]]
"""The keys that sign checkpoints, by origin: the logs by number, then the log of checkpoints."""


class WitnessNamed(NamedTuple):
    """A witness as the command line names it: a name for the policy, its key, its address."""

    name: str
    key: str
    url: str


def tree_folder(settings: Settings, tree: str) -> TileFolder:
    """The published tree of a log's number, or of `checkpoints`."""
    return TileFolder(settings.tiles_path / tree)


def load_policy(settings: Settings) -> Policy:
    """The pinned policy; raises `SealingNotOpenedError` where there is none, `SettingsError` where
    it is none."""
    try:
        return parse_policy(settings.policy_path.read_bytes())
    except FileNotFoundError as error:
        msg = f"there is no {settings.policy_path}: sealing was not opened"
        raise SealingNotOpenedError(msg, next_step="pal seal open") from error
    except ValueError as error:
        msg = f"{settings.policy_path}: {error}"
        raise SettingsError(msg, next_step="restore the file, or mend the line") from error


def sealed_origins(ledger: OpenLedger) -> tuple[str, ...]:
    """The logs by number, then the log of checkpoints."""
    return (*(trust.origin for trust in ledger.trust), checkpoints_origin(ledger.name))


def stamper(url: str, authority: Path) -> Stamp:
    """Gets tokens of the RFC 3161 authority at `url`, whose root certificate lies in `authority`;
    raises `AuthorityFileError`."""
    from ledger.adapters.tsa import load_roots, request_token  # noqa: PLC0415 - an HTTP client only when it is needed

    roots = load_roots(authority)
    return lambda text: request_token(url, text, roots)


def open_sealing(
    ledger: OpenLedger, witnesses: Sequence[WitnessNamed] = (), quorum: int | None = None
) -> tuple[Policy, Mapping[int, str]]:
    """Make the keys, the policy and the store, and record in each log that sealing is open.

    Gives the policy, and why it could not be recorded in some logs. Done again it completes what
    was interrupted, and records a policy that was edited. `quorum` is how many of the witnesses; by
    default all.
    """
    settings, record = ledger.settings, action_recorder(ledger)
    _check_room(ledger)
    if settings.policy_path.exists():
        policy = load_policy(settings)
        if witnesses or quorum is not None:
            raise _options_too_late(settings, policy)
        signers = load_signers(ledger, policy)
        if not settings.sealer_path.exists():
            _check_new(ledger)
    else:
        _check_new(ledger)
        signers = _signers(ledger, ledger.keys.ensure_note_key)
        policy = _new_policy(signers, witnesses, quorum)
        _write_once(settings.policy_path, policy.encode())
    CheckpointStore.create(settings.sealer_path, list(map(TreeState, signers))).close()
    return policy, record(_opened_actions(ledger, signers, policy))


def _options_too_late(settings: Settings, policy: Policy) -> SettingsError:
    names = ", ".join(sorted({each.name for each in policy.witnesses})) or "no witness"
    return SettingsError(
        f"sealing is open already, and --witness and --quorum change nothing then: "
        f"{settings.policy_path} names {names} and asks for quorum {policy.quorum}",
        next_step="edit its witness, group and quorum lines (pal witness create prints them), then "
        "pal seal open without options: it records what the policy says by then",
    )


def _check_room(ledger: OpenLedger) -> None:
    """One entry of the log of checkpoints names every log, however large each becomes."""
    worst = 2**53 - 1
    logs = [LoggedTree(worst, "0" * 64, t.origin, "0" * 64, worst) for t in ledger.trust]
    length = len(Round(tuple(logs), format_instant(ledger.now())).encode())
    if length > ENTRY_BYTES_MAX:
        msg = f"{len(logs)} logs with such a long name need {length} bytes in one entry"
        step = f"an entry has {ENTRY_BYTES_MAX}: a shorter name, or fewer logs"
        raise SettingsError(msg, next_step=step)


def _check_new(ledger: OpenLedger) -> None:
    """Nothing was ever published or signed here."""
    settings = ledger.settings
    trees = (*map(str, range(len(ledger.trust))), CHECKPOINTS)
    published = [tree for tree in trees if tree_folder(settings, tree).read_checkpoint()]
    if published or (settings.sealer_path.exists() and not settings.policy_path.exists()):
        lost = settings.sealer_path if published else settings.policy_path
        msg = f"checkpoints of this ledger were signed before, and {lost} is not there"
        step = "restore it from its backup"
        if published and settings.policy_path.exists():
            step += "; where there is none: pal seal restore"
        raise SealingNotOpenedError(msg, next_step=step)
    keys = ledger.keys.folder.glob(f"{settings.note_key_of('*')}.key")
    if not settings.sealer_path.exists() and any(keys) and _was_opened(ledger):
        msg = f"the log says that sealing was opened, and {settings.sealer_path} is not there"
        step = "put the published trees back, then pal seal restore; without them, a new ledger"
        raise SealingNotOpenedError(msg, next_step=step)


def _was_opened(ledger: OpenLedger) -> bool:
    """Whether a log holds an entry that the sealer writes once its store is there.

    Reads them whole, which only an opening does that was interrupted, or that must not be.
    """
    for reader in ledger.readers:
        position = 0
        while records := reader.read(position, _READ_RECORDS):
            position = records[-1].position + 1
            if any(_OPENED_MARK in (record.data or b"") for record in records):
                return True
    return False


def _signers(
    ledger: OpenLedger, get: Callable[[str, str], tuple[NoteSigner, NoteSigner]]
) -> Signers:
    origins = {str(number): trust.origin for number, trust in enumerate(ledger.trust)}
    origins[CHECKPOINTS] = checkpoints_origin(ledger.name)
    return {
        origin: get(ledger.settings.note_key_of(tree), origin) for tree, origin in origins.items()
    }


def load_signers(ledger: OpenLedger, policy: Policy) -> Signers:
    """The keys of this home, which must be those of the policy: others would verify for nobody."""
    signers = _signers(ledger, ledger.keys.load_note_key)
    for origin, pair in signers.items():
        if set(policy.logs.get(origin, ())) != {signer.key for signer in pair}:
            msg = f"{ledger.settings.policy_path} does not name the keys here of {origin}"
            raise SettingsError(msg, next_step="restore the policy or the keys from their backup")
    return signers


def _new_policy(signers: Signers, witnesses: Sequence[WitnessNamed], quorum: int | None) -> Policy:
    count = len(witnesses) if quorum is None else quorum
    if not 0 <= count <= len(witnesses):
        msg = f"a quorum of {count} of {len(witnesses)} witnesses"
        raise SettingsError(msg, next_step="--quorum from 0 to the number of --witness")
    if 0 < 2 * count <= len(witnesses):
        # Two histories, each shown to its own witnesses, would both have one, and no witness lied.
        msg = f"a quorum of {count} of {len(witnesses)} witnesses: two histories could both have it"
        raise SettingsError(msg, next_step=f"--quorum {len(witnesses) // 2 + 1}: more than half")
    logs = [PolicyLog(signer.key) for pair in signers.values() for signer in pair]
    try:
        named = [PolicyWitness(w.name, parse_verifier_key(w.key), w.url) for w in witnesses]
        names = tuple(each.name for each in named)
        group = PolicyGroup(QUORUM, count, names)
        chosen = QUORUM if count else QUORUM_NONE
        policy = Policy(chosen, tuple(logs), tuple(named), (group,) if count else ())
        policy.encode()
    except ValueError as error:
        raise SettingsError(str(error), next_step="--witness NAME VKEY URL") from error
    return policy


def _write_once(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    with temporary.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def _opened_actions(ledger: OpenLedger, signers: Signers, policy: Policy) -> dict[int, Action]:
    origin = checkpoints_origin(ledger.name)
    digest = sha256(policy.encode()).hexdigest()
    at = format_instant(ledger.now())
    return {
        number: sealer_action(
            trust.origin,
            SEALING_OPENED,
            {
                "keys": [signer.key.text() for signer in signers[trust.origin]],
                "checkpoints_origin": origin,
                "checkpoints_keys": [signer.key.text() for signer in signers[origin]],
                "policy_sha256": digest,
            },
            at,
            digest,
        )
        for number, trust in enumerate(ledger.trust)
    }


def action_recorder(ledger: OpenLedger) -> RecordActions:
    """Records what the sealer has to say in each log, signed with the ledger's key; in Kafka only
    in logs that no writer owns."""

    def record(actions: Mapping[int, Action]) -> Mapping[int, str]:
        failed: dict[int, str] = {}
        for number, action in actions.items():
            try:
                asyncio.run(record_own(ledger, number, [action]))
            except RefusedError as error:
                # Recorded before, at another time of day or with other figures.
                failed |= {number: str(error)} if error.code != "action.id_reused" else {}
            except (LedgerError, FindingError) as error:
                failed[number] = str(error)
        return failed

    return record


def log_follower(ledger: OpenLedger, number: int) -> Callable[[TreeState], LogFollower]:
    """Gives the entries of a log from where a state stopped."""

    def follow(state: TreeState) -> LogFollower:
        return LogFollower(
            ledger.readers[number],
            state,
            genesis_leaf=ledger.trust[number].genesis_leaf,
            every_record_counts=ledger.every_row_counts,
        )

    return follow


@contextmanager
def open_sealer(
    ledger: OpenLedger, stamp: Stamp | None = None, outage_seconds: float = OUTAGE_SECONDS
) -> Iterator[Sealer]:
    """The sealer of a ledger; closed after use. Raises `SealingNotOpenedError`, `SettingsError`."""
    from consumers.workers.sealer import Sealer as Service  # noqa: PLC0415 - an HTTP client only when it is needed
    from consumers.workers.witnesses import Witnesses  # noqa: PLC0415 - the same

    settings, now = ledger.settings, ledger.now
    policy = load_policy(settings)
    signers = load_signers(ledger, policy)
    with (
        closing(CheckpointStore.open(settings.sealer_path)) as store,
        closing(Witnesses(policy)) as witnesses,
    ):
        logs = [
            TreeSealer(
                store,
                tree_folder(settings, str(number)),
                trust.origin,
                signers[trust.origin],
                log_follower(ledger, number),
                now,
            )
            for number, trust in enumerate(ledger.trust)
        ]
        origin = checkpoints_origin(ledger.name)
        rounds = TreeSealer(
            store,
            tree_folder(settings, CHECKPOINTS),
            origin,
            signers[origin],
            lambda state: RoundsFollower(store.rounds, state),
            now,
            indexes_officers=False,
        )
        alarms = Alarms()
        record = action_recorder(ledger)
        outage = OutageWatch(store, policy.quorum, record, now, alarms, outage_seconds)
        yield Service(store, logs, rounds, witnesses, outage, alarms, now, stamp)
