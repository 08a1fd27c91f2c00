"""What the command line says on stdout, in English and Vietnamese; whole sentences."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from consumers.cli.options import Lang

TEXTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "times": ("times: {zone}", "giờ: {zone}"),
        "empty": ("nothing to show: no entry fits", "không có gì: không mục nào phù hợp"),
        "none": ("none", "không"),
        "now": ("the whole log", "toàn bộ nhật ký"),
        "first_of": ("first {n} of {total} (--limit 0: all)", "{n} đầu của {total} (--limit 0)"),
        "basis": (
            (
                "rows {count} · filter {filter} · as of {as_of} · log {origin}, size {size}, "
                "head {head}"
            ),
            (
                "số dòng {count} · bộ lọc {filter} · tại {as_of} · nhật ký {origin}, {size} mục, "
                "đầu {head}"
            ),
        ),
        "as_of": (
            "AS OF {at} ({axis}): what came later is not shown",
            "TẠI {at} ({axis}): không hiển thị những gì xảy ra sau",
        ),
        "axis.recorded": ("as recorded", "theo thời điểm ghi nhận"),
        "axis.occurred": ("as it occurred", "theo thời điểm xảy ra"),
        "axis.index": ("by index", "theo chỉ số"),
        "not_proved": (
            (
                "not proved: that what an officer wrote is true, or that an action outside the "
                "system was recorded"
            ),
            (
                "không chứng minh: nội dung cán bộ ghi là đúng sự thật, hoặc thao tác ngoài "
                "hệ thống đã được ghi nhận"
            ),
        ),
        "verify.range": (
            "the range {part} alone: not shown is what lies before and behind it",
            "chỉ khoảng {part}: không cho thấy những gì ở trước và sau",
        ),
        "verify.stream": (
            (
                "the stream {part} alone: not shown are other streams, and whether entries at its "
                "end were cut off"
            ),
            (
                "chỉ luồng {part}: không cho thấy các luồng khác, và liệu phần cuối có bị cắt "
                "hay không"
            ),
        ),
        "verify.no_policy": (
            "none compared: no policy is pinned (pal seal open, or --policy FILE)",
            "chưa so sánh với điểm kiểm nào: chưa có chính sách (pal seal open, hoặc --policy)",
        ),
        "verify.compared": ("{count} compared", "đã so sánh {count}"),
        "verify.no_witness": (
            "no witness is asked for by the policy",
            "chính sách không yêu cầu nhân chứng nào",
        ),
        "verify.uncovered": ("none of them covers an entry", "không điểm nào phủ mục nào"),
        "verify.behind": (
            "{count} entries behind the newest are held by links and signatures alone",
            "{count} mục sau điểm mới nhất chỉ được giữ bằng liên kết và chữ ký",
        ),
        "verify.covered": ("every entry is covered", "mọi mục đều được phủ"),
        "read_verified": (
            "every link and signature up to index {index} was checked while reading",
            "đã kiểm tra mọi liên kết và chữ ký đến chỉ số {index} khi đọc",
        ),
        "witnessing.created": (
            (
                "made in {home}; it cosigns {origins} and no other log. The lines above go into "
                "the log's policy, with its URL behind the first key, before a quorum line that "
                "counts the group"
            ),
            (
                "đã tạo tại {home}; chỉ đồng ký {origins}, không nhật ký nào khác. Đưa các dòng "
                "trên vào tệp chính sách của nhật ký, kèm URL sau khóa đầu tiên, trước dòng "
                "quorum có tính nhóm này"
            ),
        ),
        "witnessing.backup": (
            (
                "keep a copy of its keys elsewhere; a copy of witness.sqlite that is put back is a "
                "rollback: docs/operate/witness.md"
            ),
            (
                "hãy giữ bản sao khóa ở nơi khác; khôi phục witness.sqlite từ bản sao là quay lui: "
                "docs/operate/witness.md"
            ),
        ),
        "witnessing.serving": (
            "witness {name} on {place}; Ctrl-C ends it",
            "nhân chứng {name} tại {place}; Ctrl-C để dừng",
        ),
        "witnessing.adopted": (
            "{origin}: goes on from size {size}",
            "{origin}: tiếp tục từ kích thước {size}",
        ),
        "witnessing.known": (
            "{file}: nothing new, size {size} is known",
            "{file}: không có gì mới, đã biết kích thước {size}",
        ),
        "witnessing.not_adopted": (
            "{file}: not taken up: {why}",
            "{file}: không nhận: {why}",
        ),
        "col.cosigned_at": ("cosigned", "đồng ký"),
        "col.size": ("entries", "số mục"),
        "col.root": ("root", "gốc"),
        "col.origin": ("log", "nhật ký"),
        "col.position": ("position", "vị trí"),
        "col.end": ("end", "cuối"),
        "col.lag_entries": ("entries behind", "số mục còn chậm"),
        "col.lag_seconds": ("time behind", "thời gian chậm"),
        "lag.line": (
            "{origin}  position {position} of {end}, behind by {entries} entries, {length}",
            "{origin}  vị trí {position} trên {end}, chậm {entries} mục, {length}",
        ),
        "col.log": ("log", "nhật ký"),
        "col.index": ("index", "chỉ số"),
        "col.version": ("version", "phiên bản"),
        "col.stream": ("stream", "luồng"),
        "col.dossier": ("dossier", "hồ sơ"),
        "col.officer": ("officer", "cán bộ"),
        "col.other": ("other officer", "cán bộ kia"),
        "col.entries": ("entries", "số mục"),
        "col.dossiers": ("dossiers", "số hồ sơ"),
        "col.from": ("from", "từ"),
        "col.to": ("to", "đến"),
        "col.count": ("count", "số lần"),
        "col.type": ("type", "loại"),
        "col.actor": ("actor", "người thực hiện"),
        "col.occurred_at": ("occurred", "xảy ra"),
        "col.recorded_at": ("recorded", "ghi nhận"),
        "col.sentence": ("what happened", "nội dung"),
        "col.leaf": ("leaf", "băm"),
        "col.action": ("action", "thao tác"),
        "col.status": ("status", "trạng thái"),
        "col.portal_status": ("portal", "cổng DVC"),
        "col.procedure": ("procedure", "thủ tục"),
        "col.holder": ("held by", "đang giữ"),
        "col.due_at": ("due", "hạn trả"),
        "col.ended_at": ("ended", "kết thúc"),
        "col.begun_at": ("begun", "bắt đầu"),
        "col.late": ("late", "quá hạn"),
        "col.outcome": ("outcome", "kết quả"),
        "col.kind": ("kind", "loại"),
        "col.id": ("id", "mã"),
        "col.name": ("name", "tên"),
        "col.role": ("role", "vai trò"),
        "col.enrolled": ("enrolled", "đã đăng ký"),
        "col.revoked": ("revoked", "đã thu hồi"),
        "col.held_here": ("private here", "có khoá riêng"),
        "col.signs_here": ("signs here", "đang ký"),
        "col.public": ("public", "khoá công khai"),
        "col.duty": ("duty", "nghĩa vụ"),
        "col.result": ("result", "kết quả"),
        "col.asks": ("what it asks", "nội dung"),
        "col.why": ("why", "lý do"),
        "col.versions": ("entries", "mục"),
        "col.fact": ("fact", "nội dung"),
        "col.value": ("value", "giá trị"),
        "col.entry": ("recorded by action", "theo thao tác"),
        "fact.post": ("unit and post", "đơn vị, chức vụ"),
        "fact.absent": ("absent", "vắng mặt"),
        "fact.acts_for": ("may act for", "được uỷ quyền thay"),
        "fact.name": ("name", "tên"),
        "fact.level": ("level", "cấp"),
        "fact.parent": ("belongs to", "trực thuộc"),
        "fact.tasks_with": ("tasks are with", "nhiệm vụ nay thuộc"),
        "fact.version": ("version in force", "phiên bản hiệu lực"),
        "fact.working_days": ("working days", "số ngày làm việc"),
        "fact.components": ("components", "thành phần hồ sơ"),
        "fact.fee": ("fee", "phí, lệ phí"),
        "fact.step": ("step", "bước"),
        "fact.budgets_over": ("budgets over the time by", "tổng thời hạn bước vượt"),
        "col.changes": ("changes", "thay đổi"),
        "dossier.state": (
            "status {status} · portal status {portal} · procedure {procedure} · outcome {outcome}",
            (
                "trạng thái {status} · trạng thái cổng {portal} · thủ tục {procedure} · kết quả "
                "{outcome}"
            ),
        ),
        "dossier.dates": (
            "begun {begun} · due {due} · ended {ended}",
            "bắt đầu {begun} · hạn trả {due} · kết thúc {ended}",
        ),
        "dossier.applicant": ("applicant {name}", "người nộp {name}"),
        "dossier.holder": (
            "now with {holder} since {since}",
            "đang do {holder} giữ từ {since}",
        ),
        "dossier.holder_inferred": (
            "now with {holder} since {since} (inferred: nobody accepted it)",
            "đang do {holder} giữ từ {since} (suy ra: chưa ai xác nhận tiếp nhận)",
        ),
        "dossier.nobody": ("no one holds it now", "hiện không ai giữ"),
        "dossier.late": ("LATE: after its due date", "QUÁ HẠN"),
        "late.parts": (
            "late: {closed} closed after their due date · {open} still open and overdue",
            "quá hạn: {closed} kết thúc sau hạn · {open} chưa kết thúc và đã quá hạn",
        ),
        "dossier.clocks": (
            "open {gross}: office {office} · applicant {applicant} · others outside {external}",
            "mở {gross}: cơ quan {office} · người nộp {applicant} · bên ngoài {external}",
        ),
        "dossier.statutory": (
            "working days used {used} of {allotted}",
            "đã dùng {used} trên {allotted} ngày làm việc",
        ),
        "dossier.statutory_late": (
            "working days used {used} of {allotted}: {over} over",
            "đã dùng {used} trên {allotted} ngày làm việc: quá {over}",
        ),
        "dossier.step": (
            "step {step}: {used} of {allotted} working hours used",
            "bước {step}: đã dùng {used} trên {allotted} giờ làm việc",
        ),
        "dossier.duties": (
            "duties: {kept} kept · {broken} broken · {indeterminate} cannot be known",
            "nghĩa vụ: {kept} đã thực hiện · {broken} vi phạm · {indeterminate} không xác định",
        ),
        "dossier.correction": (
            "entry {target}, {field}: {before} → {after}; approved by {approver}",
            "mục {target}, {field}: {before} → {after}; người duyệt {approver}",
        ),
        "dossier.lanes": ("Who held it", "Ai đã giữ"),
        "dossier.lifetime": ("lifetime {length}", "tổng thời gian {length}"),
        "dossier.timeline": ("What happened", "Diễn biến"),
        "lane.in_transit": ("on the way", "đang chuyển"),
        "lane.unattributed": ("nobody can be named", "không xác định được"),
        "lane.closed": ("closed", "đã kết thúc"),
        "lane.paused": ("clock paused", "tạm dừng thời hạn"),
        "lane.inferred": ("inferred", "suy ra"),
        "lane.since": ("still", "còn giữ"),
        "imported": ("as imported", "theo nguồn nhập"),
        "report.title": (
            "Accountability report   {officer}   {period}",
            "Báo cáo trách nhiệm   {officer}   {period}",
        ),
        "report.period": ("{first} – {last} (both included)", "{first} – {last} (gồm cả hai ngày)"),
        "report.start": ("the beginning", "từ đầu"),
        "report.end": ("the newest entry", "mục mới nhất"),
        "report.summary": (
            (
                "entries {entries} · dossiers {dossiers} · given {given} · received {received} · "
                "intervals held {held}"
            ),
            (
                "số mục {entries} · số hồ sơ {dossiers} · đã chuyển {given} · đã nhận {received} · "
                "khoảng giữ {held}"
            ),
        ),
        "report.by_type": ("Entries by type", "Số mục theo loại"),
        "report.dossiers": ("Dossiers", "Hồ sơ"),
        "report.given": ("Hand-overs given", "Đã chuyển cho"),
        "report.received": ("Hand-overs received", "Đã nhận từ"),
        "report.held": (
            "Intervals held (all time, whoever the wait was for)",
            "Các khoảng giữ hồ sơ (toàn bộ thời gian, bất kể chờ ai)",
        ),
        "report.none": ("none in this period", "không có trong kỳ này"),
        "report.note": (
            "indicator, not proof: no rate, rank or lateness of a person is stated here",
            "chỉ là dấu hiệu, không phải chứng cứ: không nêu tỷ lệ, xếp hạng hay trễ hạn cá nhân",
        ),
        "report.control": (
            "control sum {control} over index and leaf of the {entries} entries used",
            "tổng kiểm tra {control} trên chỉ số và băm của {entries} mục đã dùng",
        ),
        "report.more": ("… and {n} more (--full)", "… và {n} mục nữa (--full)"),
        "report.look": (
            "look at one:  pal dossier events {dossier}",
            "xem: pal dossier events {dossier}",
        ),
        "status.log": ("log", "nhật ký"),
        "status.origin": ("origin", "nguồn gốc"),
        "status.genesis": ("pinned genesis", "khởi nguyên đã ghim"),
        "status.size": ("entries", "số mục"),
        "status.head": ("head", "đầu"),
        "status.recorded": ("newest recorded", "ghi nhận mới nhất"),
        "status.dossiers": ("dossiers", "số hồ sơ"),
        "status.officers": ("officers", "số cán bộ"),
        "status.parked": ("parked streams", "luồng tạm giữ"),
        "status.findings": ("findings", "phát hiện"),
        "status.seen": ("highest head passed", "đầu cao nhất đã kiểm tra"),
        "status.writers": ("owners of logs", "tiến trình ghi"),
        "status.topic": ("topic settings", "thiết lập của topic"),
        "status.next": ("next", "tiếp theo"),
        "sentinel.owned": ("owned by {owner}", "thuộc về {owner}"),
        "sentinel.here": ("recorded by this sentinel", "do tiến trình canh này ghi"),
        "sentinel.quiet": (
            "✓ the broker does what a ledger needs; nothing new was found",
            "✓ máy chủ hoạt động đúng yêu cầu; không phát hiện gì mới",
        ),
        "col.signed_at": ("signed", "đã ký"),
        "col.witnessed_size": ("witnessed up to", "được chứng kiến đến"),
        "col.witnessed_at": ("last witnessed", "chứng kiến gần nhất"),
        "col.confirmed_by": ("confirmed by", "được xác nhận bởi"),
        "seal.restored": (
            "made anew; the sizes of {rounds} rounds stand in {origin}, older signatures are lost",
            "đã dựng lại; {origin} còn ghi {rounds} vòng, chữ ký của các vòng trước đã mất",
        ),
        "seal.opened": (
            "sealing is open; what is trusted stands in {path}: keep a copy elsewhere",
            "đã mở việc niêm; khoá được tin cậy ghi tại {path}: hãy giữ một bản sao ở nơi khác",
        ),
        "seal.no_witness": (
            "no witness is asked for: who has the keys of this log could still rewrite it",
            "chưa yêu cầu nhân chứng: ai giữ khoá của nhật ký vẫn có thể viết lại nó",
        ),
        "seal.witnessed": ("witnessed", "có chứng kiến"),
        "seal.unwitnessed": ("not witnessed", "chưa có chứng kiến"),
        "seal.outage": (
            "▲ no quorum of witnesses since {since}: {why}",
            "▲ thiếu túc số chứng kiến từ {since}: {why}",
        ),
        "seal.evidence": (
            "✗ kept as evidence on {at}: two checkpoints of {origin} that do not fit together",
            "✗ lưu làm chứng cứ ngày {at}: hai điểm kiểm của {origin} không khớp nhau",
        ),
        "seal.status.not_opened": ("▲ not opened: pal seal open", "▲ chưa mở: pal seal open"),
        "seal.status.unwitnessed": (
            "▲ signed, no witness is asked for: name one in the policy",
            "▲ đã ký, chưa yêu cầu nhân chứng: hãy ghi vào chính sách",
        ),
        "seal.status.never_witnessed": (
            "▲ not every log was ever witnessed: pal seal run",
            "▲ có nhật ký chưa từng được chứng kiến: pal seal run",
        ),
        "seal.status.outage": (
            "▲ last witnessed {age} ago: see that the witnesses run (pal seal show)",
            "▲ chứng kiến gần nhất cách đây {age}: kiểm tra nhân chứng (pal seal show)",
        ),
        "seal.status.witnessed": (
            "✓ last witnessed {age} ago",
            "✓ chứng kiến gần nhất cách đây {age}",
        ),
        "status.sealed": ("sealed", "niêm"),
        "proving.written": (
            "wrote {path}: {origin} at {size} entries",
            "đã ghi {path}: {origin} tại {size} mục",
        ),
        "proving.passed": (
            "the entry stands at index {index} of {origin}, under its signed checkpoint of {size}",
            "mục nằm tại chỉ số {index} của {origin}, dưới điểm kiểm đã ký gồm {size} mục",
        ),
        "proving.no_witness": ("none; the policy asks for none", "không; chính sách không yêu cầu"),
        "proving.witnesses": ("witness", "nhân chứng"),
        "rebuilt": (
            "rebuilt from zero: {entries} entries",
            "đã dựng lại từ đầu: {entries} mục",
        ),
        "rebuilt.same": (
            "digests equal those of the live projections",
            "giá trị băm trùng với dữ liệu đang dùng",
        ),
        "rebuilt.alone": (
            "there were no live projections at this head to compare with",
            "không có dữ liệu đang dùng tại đầu này để so sánh",
        ),
        "states.folded": (
            "{dossiers} dossiers folded again from {entries} entries",
            "đã dựng lại trạng thái {dossiers} hồ sơ từ {entries} mục",
        ),
        "states.same": (
            "the read store shows the same of every one of them ({rows})",
            "dữ liệu đang dùng cho thấy đúng như vậy với từng hồ sơ ({rows})",
        ),
        "states.alone": (
            "no read store was compared",
            "chưa so sánh với dữ liệu đang dùng",
        ),
        "bundle.size": ("{entries} entries, {size} bytes", "{entries} mục, {size} byte"),
        "bundle.manifest": ("manifest SHA-256 {digest}", "SHA-256 của bản kê {digest}"),
        "bundle.fingerprint": (
            (
                "policy fingerprint {fingerprint}: hand it over on paper, apart from the bundle; "
                "it is the root of trust"
            ),
            (
                "dấu vân tay của chính sách {fingerprint}: giao bằng bản in, tách khỏi gói chứng "
                "cứ; đó là gốc của sự tin cậy"
            ),
        ),
        "approve.recorded": ("approved: entry {place}", "đã phê duyệt: mục {place}"),
        "bundle.later": (
            "left out: {count} entries behind the newest checkpoint (pal seal run covers them)",
            "không đưa vào: {count} mục sau điểm chốt mới nhất (pal seal run sẽ chốt)",
        ),
        "rotation.signs": (
            "role {role}: this home signs with {new} from now on, no more with {old}",
            "vai trò {role}: từ nay ký bằng khoá {new}, không còn ký bằng {old}",
        ),
        "rotation.revoked": (
            "{name} is revoked: it signs nothing any more; what it signed before stays valid",
            "khoá {name} đã bị thu hồi: không còn ký được gì; chữ ký trước đó vẫn có giá trị",
        ),
        "rotation.after": (
            (
                "back up {folder}; start the programs of this home again, they still have the old "
                "key; pal seal run"
            ),
            (
                "sao lưu {folder}; khởi động lại các tiến trình của thư mục này vì chúng còn giữ "
                "khoá cũ; pal seal run"
            ),
        ),
        "rotation.begun": (
            "the key of role {role} is being replaced, not completely yet: pal keys rotate {role}",
            "việc thay khoá vai trò {role} chưa xong: pal keys rotate {role}",
        ),
        "rotation.waiting": (
            "{name} pins another ledger of this home: the same command with its --log, too",
            "{name} ghim một sổ khác dùng chung khoá: hãy chạy cùng lệnh này với --log của sổ đó",
        ),
        "rotation.not_complete": (
            "not complete: this home signs with {name}; run the same command again, it goes on",
            "chưa xong: hiện ký bằng khoá {name}; hãy chạy lại cùng lệnh này để làm tiếp",
        ),
        "masked": ("●●●● (masked; --reveal)", "●●●● (đã che; --reveal)"),
        "erased": ("erased", "đã xoá"),
        "sealed": ("sealed (no key here)", "đã niêm phong (không có khoá)"),
        "replay.start": ("begins", "bắt đầu"),
        "replay.void": ("no state of a dossier changes", "không thay đổi trạng thái hồ sơ nào"),
    }
)


def text(key: str, lang: Lang, **values: object) -> str:
    """The text of a key with its places filled."""
    english, vietnamese = TEXTS[key]
    return (vietnamese if lang == "vi" else english).format(**values)
