"""Sentences of registry events and of the log's own stream.

For each type four whole sentences: English and Vietnamese, and both again for an actor who acts on
behalf of a principal ("" where the sentence names no actor).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.domain.phrase import Phrase

REGISTRY_PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "officer.registered.v1": Phrase(
            "officer {subject} was registered in unit {unit}",
            "cán bộ {subject} đã được đăng ký tại đơn vị {unit}",
        ),
        "officer.moved.v1": Phrase(
            "officer {subject} moved to unit {unit}",
            "cán bộ {subject} đã chuyển đến đơn vị {unit}",
        ),
        "officer.absence_registered.v1": Phrase(
            "officer {subject} is absent from {from_on} to {to_on}",
            "cán bộ {subject} vắng mặt từ {from_on} đến {to_on}",
        ),
        "officer.delegation_granted.v1": Phrase(
            "officer {subject} may act for {on_behalf_of} from {from_on}",
            "cán bộ {subject} được uỷ quyền thay {on_behalf_of} từ {from_on}",
        ),
        "officer.delegation_revoked.v1": Phrase(
            "delegation {delegation_id} of officer {subject} ended on {from_on}",
            "uỷ quyền {delegation_id} của cán bộ {subject} chấm dứt ngày {from_on}",
        ),
        "unit.created.v1": Phrase(
            "unit {subject} was created: {name}",
            "đơn vị {subject} đã được thành lập: {name}",
        ),
        "unit.renamed.v1": Phrase(
            "unit {subject} is now called {name}",
            "đơn vị {subject} nay có tên {name}",
        ),
        "unit.merged.v1": Phrase(
            "unit {subject} was merged into {into}",
            "đơn vị {subject} đã sáp nhập vào {into}",
        ),
        "unit.succeeded.v1": Phrase(
            "the tasks of unit {subject} go on in {successor}",
            "nhiệm vụ của đơn vị {subject} được chuyển cho {successor}",
        ),
        "procedure.version_published.v1": Phrase(
            "version {version} of procedure {subject} was published: {name}",
            "phiên bản {version} của thủ tục {subject} đã được công bố: {name}",
        ),
        "procedure.version_retired.v1": Phrase(
            "version {version} of procedure {subject} was retired",
            "phiên bản {version} của thủ tục {subject} đã hết hiệu lực",
        ),
        "procedure.internal_process_version_published.v1": Phrase(
            "version {version} of the internal process of procedure {subject} was published",
            "quy trình nội bộ phiên bản {version} của thủ tục {subject} đã được ban hành",
        ),
        "authority.matrix_published.v1": Phrase(
            "version {version} of the authority matrix {subject} was published",
            "phiên bản {version} của bảng phân cấp thẩm quyền {subject} đã được ban hành",
        ),
        "calendar.published.v1": Phrase(
            "calendar {subject} was published in version {version}",
            "lịch làm việc {subject} đã được công bố, phiên bản {version}",
        ),
        "system.outage_declared.v1": Phrase(
            "{subject} was declared out of order from {from_at} to {to_at}",
            "{subject} được công bố ngừng hoạt động từ {from_at} đến {to_at}",
        ),
        "ledger.key_enrolled.v1": Phrase(
            "a key was enrolled in the log {subject}",
            "một khoá đã được đăng ký vào nhật ký {subject}",
        ),
        "ledger.key_revoked.v1": Phrase(
            "key {key_id} was revoked in the log {subject}",
            "khoá {key_id} đã bị thu hồi trong nhật ký {subject}",
        ),
        "ledger.genesis.v1": Phrase(
            "the log {subject} was created",
            "nhật ký {subject} đã được tạo",
        ),
        "ledger.writer_opened.v1": Phrase(
            "a writer opened the log {subject} (session {session})",
            "một tiến trình ghi đã mở nhật ký {subject} (phiên {session})",
        ),
        "ledger.loss_accepted.v1": Phrase(
            "{approver} answered for lost records of the log {subject}: {reason}",
            "{approver} đã xác nhận mất bản ghi của nhật ký {subject}: {reason}",
        ),
        "ledger.stored_event.v1": Phrase(
            "an event {topic} of another application was recorded for {subject}",
            "đã ghi sự kiện {topic} của ứng dụng khác cho {subject}",
        ),
    }
)
