"""`witness`: a service of its own that cosigns the checkpoints of logs which only ever grow."""

from __future__ import annotations

import logging
import socket
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from msgspec.structs import replace

from consumers.cli.errors import FAILED, PASSED, REFUSED, UsageError, finding_lines
from consumers.cli.options import Format, Lang, environment_lang
from consumers.cli.output import Basis, Column, show_rows, write
from consumers.cli.terminal import say
from consumers.cli.texts import text
from consumers.witness_home import (
    OpenWitness,
    create_witness,
    open_witness,
    policy_lines,
    read_policy,
)
from ledger.adapters.witness_store import WitnessStore
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.findings import Finding, Verdict
from ledger.core.note import NoteError, parse_verifier_key
from ledger.core.policy import PolicyError, PolicyLog
from ledger.core.times import format_instant
from ledger.entry.note_keys import NoteSignatureError
from ledger.entry.witness_rules import Cosigned

PORT: Final = 7_380
CONNECTIONS_MAX: Final = 64
"""At once; a log asks a few times a minute, and who comes beyond that is told to come back."""

KEEP_ALIVE_SECONDS: Final = 75
"""A log asks again within a minute, and need not connect anew."""

_HOST: Final = "127.0.0.1"
_HOME: Final = Path("witness-home")


@Parameter(name="*")
@dataclass(frozen=True)
class WitnessCommon:
    """What every command of a witness accepts; its home is never a ledger's."""

    home: Annotated[
        Path, Parameter(env_var="PAL_WITNESS_HOME", help="Folder of the witness and its keys.")
    ] = _HOME
    lang: Annotated[Lang | None, Parameter(help="Language; default by LANG.")] = None

    @property
    def language(self) -> Lang:
        """The language to write in."""
        return self.lang or environment_lang()


def create(
    name: str,
    *,
    log: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="A key of a log it may cosign, as NAME+ID+BASE64; repeatable."),
    ] = (),
    policy: Annotated[
        Path | None, Parameter(help="Take every log line of a policy file as well.")
    ] = None,
    url: Annotated[str, Parameter(help="Where logs will reach it; put into the lines.")] = "",
    common: WitnessCommon = WitnessCommon(),
) -> int:
    """Make a witness with keys of its own, which knows these logs and no other.

    NAME is a URL without its scheme, never reused. Writes to stdout the lines that a log's policy
    needs; the quorum then names NAME.

    Example: pal witness create witness.example/w1 --home w1 --policy pal-home/policy.txt
    """
    try:
        logs = [PolicyLog(parse_verifier_key(each)) for each in log]
    except NoteError as error:
        raise UsageError(
            str(error), next_step="--log takes the key as policy.txt shows it"
        ) from error
    if policy is not None:
        logs += [replace(line, url="") for line in read_policy(policy).log_lines]
    try:
        made = create_witness(common.home, name, logs, url)
    except PolicyError as error:
        raise UsageError(str(error), next_step="name each key once") from error
    with made:
        sys.stdout.write(policy_lines(made.signers, url))
        origins = ", ".join(made.policy.logs)
        say(text("witnessing.created", common.language, home=common.home, origins=origins))
        say(text("witnessing.backup", common.language))
    return PASSED


def serve(
    *,
    port: Annotated[int, Parameter(help="Port on 127.0.0.1; 0 takes a free one.")] = PORT,
    common: WitnessCommon = WitnessCommon(),
) -> int:
    """Serve the witness protocol on 127.0.0.1 until interrupted.

    POST /add-checkpoint cosigns, GET /SHA256-OF-THE-ORIGIN/checkpoint shows what was cosigned
    last, GET /health answers 200 where it could. To be reached from elsewhere it needs a web server
    with TLS before it.

    Example: pal witness serve --home w1 --port 7380
    """
    import uvicorn  # noqa: PLC0415 - this command only

    from consumers.workers.witness import witness_app  # noqa: PLC0415 - this command only

    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
    with open_witness(common.home) as opened, _listening(port) as listener:
        config = uvicorn.Config(
            witness_app(opened.witness()),
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        place = f"http://{_HOST}:{listener.getsockname()[1]}"
        say(text("witnessing.serving", common.language, name=opened.name, place=place))
        uvicorn.Server(config).run(sockets=[listener])
    return PASSED


def _listening(port: int) -> socket.socket:
    # Named as TCP: else asyncio does not send at once, and each answer waits 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageError(f"port {port}: {error}", next_step="choose another: --port 0") from error
    return listener


def show(
    *,
    format: Annotated[Format, Parameter(help="How data is written to stdout.")] = "table",  # noqa: A002 - the option's name
    common: WitnessCommon = WitnessCommon(),
) -> int:
    """Show what was cosigned last of each log, and every fork that was seen.

    Exit code 1 where a log signed two trees of one size.

    Example: pal witness show --home w1
    """
    with open_witness(common.home) as opened:
        rows = [_row(origin, opened.store.latest(origin)) for origin in opened.policy.logs]
        findings = [
            finding
            for origin in opened.policy.logs
            for finding in _fork_findings(opened.store, origin)
        ]
        if format == "table":
            sys.stdout.write(policy_lines(opened.signers))
    columns = (
        Column("origin"),
        Column("size", "number"),
        Column("cosigned_at", "instant"),
        Column("root"),
    )
    show_rows("witness", columns, rows, basis=Basis(), form=format, lang=common.language)
    for finding in findings:
        for line in finding_lines(finding, with_origin=True):
            (write if format == "table" else say)(line)
    return FAILED if findings else PASSED


def _row(origin: str, latest: Cosigned | None) -> dict[str, object]:
    if latest is None:
        return {"origin": origin, "size": 0, "cosigned_at": "", "root": ""}
    at = format_instant(datetime.fromtimestamp(latest.at_seconds, UTC))
    of = latest.checkpoint
    return {"origin": origin, "size": of.size, "cosigned_at": at, "root": of.root.hex()}


def _fork_findings(store: WitnessStore, origin: str) -> list[Finding]:
    roots = {each.checkpoint.size: each.checkpoint.root for each in store.history(origin)}
    return [
        Finding(
            code="witness.fork",
            verdict=Verdict.FAILED,
            message=f"the log signed two trees of size {forked.size}",
            origin=origin,
            expected=roots[forked.size].hex(),
            actual=forked.root.hex(),
            next_step="keep witness.sqlite, it holds both notes; tell those who rely on the log",
        )
        for forked in (parse_checkpoint(note.text) for note in store.forks(origin))
    ]


def adopt(
    *files: Annotated[Path, Parameter(help="Checkpoints that carry its cosignature.")],
    common: WitnessCommon = WitnessCommon(),
) -> int:
    """Take up checkpoints that this witness cosigned and has forgotten, as the logs published them.

    For a witness that was restored from a backup, before it serves again: give it the newest
    checkpoint of each log. Its own cosignature must stand on it.

    Example: pal witness adopt tiles/0/checkpoint tiles/checkpoints/checkpoint --home w1
    """
    if not files:
        raise UsageError("no file", next_step="pal witness adopt tiles/0/checkpoint")
    with open_witness(common.home) as opened:
        codes = [_adopt(opened, file, common.language) for file in files]
        forked = [
            finding
            for origin in opened.policy.logs
            for finding in _fork_findings(opened.store, origin)
        ]
    for finding in forked:
        for line in finding_lines(finding, with_origin=True):
            write(line)
    return FAILED if forked else max(codes)


def _adopt(opened: OpenWitness, file: Path, lang: Lang) -> int:
    try:
        answer = opened.witness().adopt(file.read_bytes())
    except (NoteError, NoteSignatureError) as error:
        say(text("witnessing.not_adopted", lang, file=file, why=error))
        return REFUSED
    if isinstance(answer, Cosigned):
        of = answer.checkpoint
        write(text("witnessing.adopted", lang, origin=of.origin, size=of.size))
    else:
        write(text("witnessing.known", lang, file=file, size=answer.latest_size))
    return PASSED
