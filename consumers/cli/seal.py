"""`seal`: checkpoints of the logs, signed, witnessed and published."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from consumers.bootstrap import OpenLedger, open_ledger
from consumers.cli.errors import (
    FAILED,
    INDETERMINATE,
    PASSED,
    VERDICT_CODES,
    UsageError,
    finding_lines,
)
from consumers.cli.moments import show_duration
from consumers.cli.options import Common, Lang
from consumers.cli.output import Basis, Column, show_rows, show_value, write
from consumers.cli.session import settings_of
from consumers.cli.terminal import paint, progress, safe_text, say
from consumers.cli.texts import text
from consumers.restoring import restore_sealing
from consumers.sealing import (
    WitnessNamed,
    load_policy,
    open_sealer,
    open_sealing,
    sealed_origins,
    stamper,
)
from ledger.adapters.checkpoint_store import CheckpointStore
from ledger.core.findings import Finding, worst
from ledger.core.policy import QUORUM_NONE
from ledger.core.times import parse_instant

if TYPE_CHECKING:
    from consumers.workers.sealer import SealedRound, Sealer

EVERY_SECONDS: Final = 60.0
"""Between two rounds: each keeps a signed note of 3.5 kB a tree for ever, where it grew."""

GIVES_WAY: Final = 10
"""The priority (`nice`) of a sealer that goes on: it must never slow down who records."""

RESTORED_COLUMNS: Final = (
    Column("origin"),
    Column("size", "number"),
    Column("signed_at", "instant"),
    Column("confirmed_by"),
    Column("root", wide=True),
)
COLUMNS: Final = (
    Column("origin"),
    Column("size", "number"),
    Column("signed_at", "instant"),
    Column("witnessed_size", "number"),
    Column("witnessed_at", "instant"),
    Column("stamped_size", "number", wide=True),
    Column("stamped_at", "instant", wide=True),
    Column("root", wide=True),
)


def open_logs(
    *,
    witness: Annotated[
        list[tuple[str, str, str]] | None,
        Parameter(negative="", help="A witness: a name, its key and its URL; may be given again."),
    ] = None,
    quorum: Annotated[
        int | None, Parameter(help="How many of the witnesses are enough; default all.")
    ] = None,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Open sealing for the first time: keys, policy.txt, and an entry in each log that says so.

    The policy may be edited later (see pal witness create); run again, this command records what it
    says then. It never makes new keys where checkpoints were signed before.

    Example: pal seal open

    Example: pal seal open --witness w1 w1.example+1a2b3c4d+BASE64 https://w1.example --quorum 1
    """
    named = [WitnessNamed(*each) for each in witness or ()]
    with open_ledger(settings_of(common)) as ledger:
        policy, failed = open_sealing(ledger, named, quorum)
        where = ledger.settings.policy_path
        value = {
            "policy": str(where),
            "quorum": policy.quorum,
            "keys": [key.text() for keys in policy.logs.values() for key in keys],
            "not_recorded": [f"log {number}: {why}" for number, why in failed.items()],
        }
        origin = ledger.origin
    if common.format != "table":
        show_value("seal", value, basis=Basis(origin), form=common.format)
    say(text("seal.opened", common.language, path=where))
    if policy.quorum == QUORUM_NONE:
        say(text("seal.no_witness", common.language))
    for line in value["not_recorded"]:
        say(f"▲ {safe_text(line)}")
    return INDETERMINATE if failed else PASSED


def restore(
    *,
    accept_that_nobody_can_exclude_a_newer_checkpoint: Annotated[
        bool,
        Parameter(
            negative="", help="Needed where the policy asks for no witness: a person says so."
        ),
    ] = False,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Make the lost store of signed checkpoints anew from what was published. End the sealer first.

    Nothing is made where a store is there, where log, tiles and checkpoint do not agree to the
    byte, where a witness knows a later checkpoint, or too few of them can be asked.

    Example: pal seal restore
    """
    with (
        open_ledger(settings_of(common)) as ledger,
        progress("reading the logs", "entries") as advance,
    ):
        done = 0

        def read(count: int) -> None:
            nonlocal done
            done += count
            advance(done, 0)

        restored = restore_sealing(
            ledger,
            is_unconfirmed_accepted=accept_that_nobody_can_exclude_a_newer_checkpoint,
            advance=read,
        )
        basis = Basis(ledger.origin, sum(each.tree.state.size for each in restored[:-1]))
    rows = [
        {
            "origin": each.tree.state.origin,
            "size": each.tree.state.size,
            "signed_at": each.tree.signed.signed_at,
            "confirmed_by": ", ".join(each.by),
            "root": each.tree.state.root.hex(),
        }
        for each in restored
    ]
    lang = common.language
    show_rows("seal", RESTORED_COLUMNS, rows, basis=basis, form=common.format, lang=lang)
    rounds = restored[-1].tree.state
    say(text("seal.restored", lang, origin=rounds.origin, rounds=rounds.size))
    if not all(each.by for each in restored):
        say(text("seal.no_witness", lang))
    return PASSED


def run(
    *,
    follow: Annotated[
        bool, Parameter(negative="", help="Go on until stopped, one round after another.")
    ] = False,
    every: Annotated[float, Parameter(help="Seconds between two rounds.")] = EVERY_SECONDS,
    tsa: Annotated[
        str, Parameter(help="URL of an RFC 3161 authority that stamps a checkpoint now and then.")
    ] = "",
    authority: Annotated[
        Path | None, Parameter(help="Its pinned root certificate, a PEM file; with --tsa.")
    ] = None,
    common: Common = Common(),  # noqa: B008 - frozen; cyclopts reads the default
) -> int:
    """Sign what the logs hold by now, have it witnessed, and publish it below tiles/.

    Killed at any moment it goes on where it was. What cannot be relied on is signed no more, and
    said; the other logs go on. One sealer for a ledger.

    Example: pal seal run

    Example: pal seal run --follow --every 10
    """
    if every <= 0:
        raise UsageError(f"--every {every:g} is no time", next_step="pal seal run --every 60")
    if bool(tsa) != (authority is not None):
        msg = "--tsa and --authority belong together: a token that nobody checks is none"
        raise UsageError(msg, next_step="--tsa https://… --authority root.pem")
    stamp = stamper(tsa, authority) if authority is not None else None
    if follow:
        os.nice(GIVES_WAY)
    with (
        open_ledger(settings_of(common)) as ledger,
        open_sealer(ledger, stamp) as sealer,
    ):
        teller = _Teller(common, ledger)
        done = _follow(sealer, every, teller) if follow else _once(sealer)
        if not follow:
            teller.tell(done)
    return VERDICT_CODES[worst(list(done.findings))]


def _once(sealer: Sealer) -> SealedRound:
    """Rounds until everything that was there is signed."""
    grew: dict[str, int] = {}
    while True:
        done = sealer.seal()
        grew = {tree.origin: grew.get(tree.origin, 0) + tree.grew for tree in done.trees}
        if not done.is_behind or done.findings:
            replace = msgspec.structs.replace
            trees = tuple(replace(tree, grew=grew[tree.origin]) for tree in done.trees)
            return replace(done, trees=trees)


def _follow(sealer: Sealer, every: float, teller: _Teller) -> SealedRound:
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    while True:
        done = sealer.seal()
        if any(tree.grew for tree in done.trees):
            teller.tell(done)
        if stopped.wait(0 if done.is_behind else every):
            return done


class _Teller:
    """Says what a round did."""

    def __init__(self, common: Common, ledger: OpenLedger) -> None:
        self._common = common
        self._origin = ledger.origin

    def tell(self, done: SealedRound) -> None:
        """A line for each tree, and what was found."""
        form = self._common.format
        if form != "table":
            value = {
                "verdict": worst(list(done.findings)),
                "trees": [msgspec.to_builtins(tree) for tree in done.trees],
                "findings": msgspec.to_builtins(done.findings),
            }
            size = sum(tree.size for tree in done.trees[:-1])  # the last is the log of checkpoints
            show_value("seal", value, basis=Basis(self._origin, size), form=form)
            sys.stdout.flush()
            return
        for tree in done.trees:
            said = "seal.witnessed" if tree.witnessed_at else "seal.unwitnessed"
            mark = paint("✗", "red", sys.stdout) if tree.problem else "✓"
            state = tree.problem or text(said, self._common.language)
            write(f"{mark} {tree.origin}  {tree.size:,} (+{tree.grew:,})  {state}")
        _show_findings(done.findings)
        sys.stdout.flush()


def _show_findings(findings: Sequence[Finding]) -> None:
    for finding in findings:
        for line in finding_lines(finding, with_origin=True):
            write(line)


def show(*, common: Common = Common()) -> int:  # noqa: B008 - frozen; cyclopts reads the default
    """Show what was signed last of each log, how far it is witnessed, and kept evidence of forks.

    Exit code 1 where two checkpoints are kept that do not fit together.

    Example: pal seal show --format json
    """
    settings, lang = settings_of(common), common.language
    with open_ledger(settings) as ledger, CheckpointStore.open(settings.sealer_path) as store:
        policy = load_policy(settings)
        rows = [_row(store, origin) for origin in sealed_origins(ledger)]
        outage, evidence = store.outage(), store.evidence()
        size = sum(store.state(trust.origin).size for trust in ledger.trust)
        basis = Basis(ledger.origin, size, filter=f"quorum {policy.quorum}")
    show_rows("seal", COLUMNS, rows, basis=basis, form=common.format, lang=lang)
    say_line = write if common.format == "table" else say
    if policy.quorum == QUORUM_NONE:
        say_line(text("seal.no_witness", lang))
    if outage is not None:
        say_line(text("seal.outage", lang, since=outage.since_at, why=safe_text(outage.reason)))
    for found_at, origin, ours, theirs in evidence:
        say_line(text("seal.evidence", lang, at=found_at, origin=origin))
        for note in (ours, theirs):
            for line in note.decode("utf-8", "replace").splitlines()[:3]:
                say_line(f"    {safe_text(line)}")
    return FAILED if evidence else PASSED


def _row(store: CheckpointStore, origin: str) -> dict[str, Any]:
    state = store.state(origin)
    signed = store.checkpoint(origin, state.size)
    witnessed, stamped = store.newest_witnessed(origin), store.newest_stamped(origin)
    return {
        "origin": origin,
        "size": state.size,
        "signed_at": "" if signed is None else signed.signed_at,
        "witnessed_size": 0 if witnessed is None else witnessed.size,
        "witnessed_at": "" if witnessed is None else witnessed.witnessed_at,
        "stamped_size": 0 if stamped is None else stamped.size,
        "stamped_at": "" if stamped is None else stamped.stamped_at,
        "root": state.root.hex(),
    }


class Sealing(msgspec.Struct, frozen=True):
    """How far the logs of a ledger are sealed, for `pal status`.

    `state` is not_opened, unwitnessed (no witness is asked for), never_witnessed, outage or
    witnessed; `witnessed_at` is when the log that is furthest behind last had its quorum.
    """

    state: str
    witnessed_at: str = ""

    def line(self, now: datetime, lang: Lang) -> str:
        """What it means and what to do, in one line."""
        age = ""
        if self.witnessed_at:
            age = show_duration((now - parse_instant(self.witnessed_at)).total_seconds())
        return text(f"seal.status.{self.state}", lang, age=age)


def sealing_of(ledger: OpenLedger) -> Sealing:
    """How far it is sealed; raises what opening its store or policy raises."""
    settings = ledger.settings
    if not settings.sealer_path.exists():
        return Sealing("not_opened")
    if load_policy(settings).quorum == QUORUM_NONE:
        return Sealing("unwitnessed")
    with CheckpointStore.open(settings.sealer_path) as store:
        newest = [store.newest_witnessed(trust.origin) for trust in ledger.trust]
        outage = store.outage()
    moments = [found.witnessed_at for found in newest if found is not None]
    if len(moments) < len(newest):
        return Sealing("never_witnessed")
    return Sealing("witnessed" if outage is None else "outage", min(moments))
