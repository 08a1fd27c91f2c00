"""The timeline in a bundle: the entries as sentences, on a page that loads and runs nothing."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from types import MappingProxyType
from typing import Final

from consumers.cli.moments import ZONE_NAME, show_instant, show_within
from consumers.cli.options import Lang
from consumers.cli.terminal import safe_text
from consumers.evidence.approvals import Redacted
from ledger.core.action import plain_id
from ledger.domain.phrases import sentence
from ledger.entry.bundle import Manifest
from projections.queries.timeline import TimelineRow

_STYLE: Final = """
body{font:1rem/1.5 sans-serif;margin:1rem auto;max-width:75rem;padding:0 1rem}
body{color:#000;background:#fff}
table{border-collapse:collapse;width:100%}
th,td{border:1px solid #767676;padding:.3rem .5rem;text-align:left;vertical-align:top}
td.hash{font-family:monospace;overflow-wrap:anywhere;min-width:16ch}
@page{size:A4 landscape;margin:15mm}
@media print{thead{display:table-header-group}tr{break-inside:avoid}}
"""

_TEXTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "title": ("Entries of this bundle", "Các mục trong gói chứng cứ"),
        "place": ("log/index", "sổ/chỉ số"),
        "stream": ("stream, version", "luồng, phiên bản"),
        "occurred": ("occurred", "xảy ra"),
        "recorded": ("recorded", "ghi nhận"),
        "what": ("what happened", "nội dung"),
        "leaf": ("leaf hash", "giá trị băm"),
        "purpose": ("Purpose", "Mục đích"),
        "decision": ("Decision", "Quyết định"),
        "requester": ("For", "Bên yêu cầu"),
        "as_of": ("As of checkpoint", "Tính đến điểm chốt"),
        "size": ("{size} entries, root {root}", "{size} mục, gốc {root}"),
        "zone": ("Times: {zone}.", "Giờ: {zone}."),
        "redacted": (
            "not disclosed: {reason}. Asked for by {requester}, approved by {approver} ({place})",
            "không công bố: {reason}. Người đề nghị {requester}, người duyệt {approver} ({place})",
        ),
        "none": ("no entry", "không có mục nào"),
        "note": (
            (
                "This page is for reading. The files below entries/ are the evidence, and this "
                "page is not computed again when they are verified. Ids stand for people; personal "
                "data is sealed in the entries and not shown here. It is not proved that what an "
                "officer wrote is true, nor that an action outside the system was recorded."
            ),
            (
                "Trang này để đọc. Chứng cứ là các tệp trong thư mục entries/; trang này không "
                "được tính lại khi xác minh. Mã định danh thay cho tên người; dữ liệu cá nhân "
                "được niêm phong trong các mục và không hiển thị ở đây. Không chứng minh: nội dung "
                "cán bộ ghi là đúng sự thật, hoặc thao tác ngoài hệ thống đã được ghi nhận."
            ),
        ),
    }
)


def timeline_page(
    manifest: Manifest, rows: Sequence[TimelineRow], redacted: Sequence[Redacted], lang: Lang
) -> bytes:
    """The page in one language: rows in the order of their recording, redactions in their place."""
    facts = [
        (_text("purpose", lang), manifest.purpose),
        (_text("decision", lang), manifest.decision_no or ""),
        (_text("requester", lang), manifest.requester or ""),
    ]
    for ref in manifest.as_of:
        said = _text("size", lang).format(size=f"{ref.size:,}", root=ref.root)
        facts.append((f"{_text('as_of', lang)} {ref.origin}", said))
    listed = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(safe_text(value))}</dd>"
        for name, value in facts
        if value
    )
    columns = ("place", "stream", "occurred", "recorded", "what", "leaf")
    head = "".join(f'<th scope="col">{escape(_text(name, lang))}</th>' for name in columns)
    hidden = {(item.redaction.log, item.redaction.index): item for item in redacted}
    body = "".join(_row(row, hidden.get((row.log, row.index)), lang) for row in rows)
    if not body:
        body = f'<tr><td colspan="{len(columns)}">{escape(_text("none", lang))}</td></tr>'
    title = escape(_text("title", lang))
    policy = b64encode(sha256(_STYLE.encode()).digest()).decode()
    csp = f"default-src 'none'; style-src 'sha256-{policy}'; base-uri 'none'; form-action 'none'"
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{csp}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n<p>{escape(_text('note', lang))}</p>\n<dl>{listed}</dl>\n"
        f"<p>{escape(_text('zone', lang).format(zone=ZONE_NAME))}</p>\n"
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
        "</main>\n</body>\n</html>\n"
    ).encode()


def _row(row: TimelineRow, hidden: Redacted | None, lang: Lang) -> str:
    place = f"{row.log}/{row.index}"
    stream = f"{row.stream.partition(':')[0]} {plain_id(row.stream)}, {row.version}"
    if hidden is not None:
        cells = [place, stream, "", "", _why_hidden(hidden, lang)]
    else:
        what = show_within(sentence(row.action, lang))
        cells = [place, stream, show_instant(row.occurred_at), show_instant(row.recorded_at), what]
    shown = "".join(f"<td>{escape(safe_text(cell))}</td>" for cell in cells)
    return f'<tr>{shown}<td class="hash">{row.leaf}</td></tr>\n'


def _why_hidden(hidden: Redacted, lang: Lang) -> str:
    approval, place = hidden.approval, hidden.redaction.approval
    return _text("redacted", lang).format(
        reason=approval.data.reason,
        requester=approval.data.requested_by,
        approver=approval.actor.id,
        place=f"{place.log}/{place.index}",
    )


def _text(key: str, lang: Lang) -> str:
    english, vietnamese = _TEXTS[key]
    return vietnamese if lang == "vi" else english
