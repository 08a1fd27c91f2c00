"""Sentences of what the sealer recorded."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.domain.phrase import Phrase

SEALING_PHRASES: Final[Mapping[str, Phrase]] = MappingProxyType(
    {
        "ledger.sealing_opened.v1": Phrase(
            "checkpoints of the log {subject} are signed from here on, and gathered in "
            "{checkpoints_origin}",
            "từ đây các điểm kiểm của nhật ký {subject} được ký và tập hợp tại "
            "{checkpoints_origin}",
        ),
        "ledger.witness_outage.v1": Phrase(
            "checkpoints of the log {subject} lack the witnesses of quorum {quorum} since "
            "{since_at}",
            "các điểm kiểm của nhật ký {subject} thiếu túc số nhân chứng {quorum} từ {since_at}",
        ),
        "ledger.witness_restored.v1": Phrase(
            "checkpoints of the log {subject} are witnessed again, up to {size} entries",
            "các điểm kiểm của nhật ký {subject} lại có nhân chứng, đến {size} mục",
        ),
        "ledger.sealing_restored.v1": Phrase(
            "the store of signed checkpoints of the log {subject} was lost, and made anew from the "
            "published one of {size} entries",
            "kho điểm kiểm đã ký của nhật ký {subject} bị mất, được dựng lại từ điểm kiểm đã công "
            "bố gồm {size} mục",
        ),
    }
)
