"""What the demo prints: one officer's report and one dossier's timeline, short."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TextIO

from ledger.core.times import parse_instant
from ledger.domain.deadlines import LOCAL
from ledger.domain.phrases import sentence
from projections.queries.dossiers import DossierView
from projections.reports.officer import OfficerReport

Language = Literal["en", "vi"]

HELD_SHOWN: Final = 5
"""Custody intervals that the demo prints of a report; the command shows all."""

TEXTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "recorded": (
            (
                "{mark} {dossiers} dossiers, {officers} officers, {entries} entries in 1 log "
                "(no Kafka needed: single-file log), verified: {verdict}\n"
                "  log {origin} in {home}, signed with published demo keys (they protect nothing)\n"
                "✓ projections built in {seconds} s\n"
            ),
            (
                "{mark} {dossiers} hồ sơ, {officers} cán bộ, {entries} mục trong 1 sổ "
                "(không cần Kafka: sổ một tệp), kết quả xác minh: {verdict}\n"
                "  sổ {origin} trong {home}, ký bằng khóa demo công khai (không bảo vệ gì)\n"
                "✓ đã dựng lại trạng thái trong {seconds} giây\n"
            ),
        ),
        "report": (
            (
                "\nOfficer {officer}: {entries} entries on {dossiers} dossiers, "
                "{given} hand-overs given, {received} received ({note})\n"
                "  longest held of {held} intervals (whoever the wait was for):\n"
            ),
            (
                "\nCán bộ {officer}: {entries} mục trên {dossiers} hồ sơ, "
                "giao {given} lần, nhận {received} lần (dấu hiệu, không phải bằng chứng)\n"
                "  những lần giữ lâu nhất trong {held} lần (bất kể chờ ai):\n"
            ),
        ),
        "held": (
            "  {dossier}  {from_at} – {to_at}  versions {first} to {last}{inferred}\n",
            "  {dossier}  {from_at} – {to_at}  phiên bản {first} đến {last}{inferred}\n",
        ),
        "inferred": (" (inferred)", " (suy ra)"),
        "dossier": (
            "\nDossier {dossier}: {status} (portal status {portal}), due {due}, ended {ended}\n",
            "\nHồ sơ {dossier}: {status} (trạng thái cổng {portal}), hạn {due}, kết thúc {ended}\n",
        ),
        "next": (
            (
                "\n▲ a copy with one altered entry lies beside it for you to find:\n"
                "    .venv/bin/pal verify --home {altered}\n"
                "  more:\n"
                "    .venv/bin/pal officer report {officer} --home {home}\n"
                "    .venv/bin/pal dossier show {dossier} --home {home}\n"
                "    .venv/bin/pal dossiers --late --home {home}\n"
            ),
            (
                "\n▲ bên cạnh có một bản sao bị sửa một mục, hãy tự tìm:\n"
                "    .venv/bin/pal verify --home {altered}\n"
                "  thêm:\n"
                "    .venv/bin/pal officer report {officer} --home {home}\n"
                "    .venv/bin/pal dossier show {dossier} --home {home}\n"
                "    .venv/bin/pal dossiers --late --home {home}\n"
            ),
        ),
    }
)
"""English and Vietnamese, whole sentences with named places."""


def text(name: str, lang: Language, **places: object) -> str:
    """A text of the demo with its places filled."""
    return TEXTS[name][lang == "vi"].format_map(places)


def local_time(instant: str) -> str:
    """`2026-03-02 13:40` in Vietnamese time; `-` where there is no time."""
    if not instant:
        return "-"
    return f"{parse_instant(instant).astimezone(LOCAL):%Y-%m-%d %H:%M}"


def show_report(report: OfficerReport, out: TextIO, lang: Language) -> None:
    """Counts of the report and its longest custody intervals."""
    out.write(
        text(
            "report",
            lang,
            officer=report.officer,
            entries=len(report.entries),
            dossiers=len(report.dossiers),
            given=len(report.given),
            received=len(report.received),
            note=report.note,
            held=len(report.held),
        )
    )

    def length(number: int) -> float:
        held = report.held[number]
        return (parse_instant(held.to_at) - parse_instant(held.from_at)).total_seconds()

    for number in sorted(range(len(report.held)), key=length, reverse=True)[:HELD_SHOWN]:
        held = report.held[number]
        out.write(
            text(
                "held",
                lang,
                dossier=held.dossier,
                from_at=local_time(held.from_at),
                to_at=local_time(held.to_at),
                first=held.from_version,
                last=held.to_version,
                inferred=text("inferred", lang) if held.inferred else "",
            )
        )


def show_dossier(view: DossierView, out: TextIO, lang: Language) -> None:
    """The dossier's state and one sentence for each entry."""
    state = view.state
    out.write(
        text(
            "dossier",
            lang,
            dossier=state.dossier_id,
            status=state.status,
            portal=state.portal_status,
            due=local_time(state.due_at),
            ended=local_time(state.ended_at),
        )
    )
    for row in view.entries:
        moment = local_time(row.occurred_at)
        out.write(f"  {row.version:>3}  {moment}  {sentence(row.action, lang)}\n")
