"""What the drill says, in English and Vietnamese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "case": ("case", "tình huống"),
        "attacker": ("who attacks", "ai tấn công"),
        "stage": ("on", "trên"),
        "expected": ("who must see it", "ai phải phát hiện"),
        "finding": ("finding", "phát hiện"),
        "after": ("after", "sau"),
        "also": ("seen also by", "còn ai thấy"),
        "clone": ("clone", "bản sao"),
        "simulator": ("simulator", "giả lập"),
        "kafka": ("Kafka", "Kafka"),
        "disk": ("a disk, or a hand on it", "ổ đĩa, hoặc người chạm vào"),
        "operator": ("who can write the log", "người ghi được nhật ký"),
        "key_holder": ("who holds the ledger's keys", "người giữ khoá của sổ"),
        "source": ("who holds a source's key", "người giữ khoá nguồn"),
        "broker_administrator": ("Kafka's administrator", "quản trị Kafka"),
        "topic_writer": ("who may write to the topic", "người ghi được vào topic"),
        "stale_writer": ("a writer that was replaced", "tiến trình ghi đã bị thay"),
        "sealer_operator": ("who holds the note keys", "người giữ khoá niêm phong"),
        "witness_operator": ("who runs a witness", "người vận hành nhân chứng"),
        "publisher": ("who hands tiles on", "người phát hành bản công bố"),
        "projection_operator": ("who runs the read store", "người giữ dữ liệu dựng lại"),
        "archive_keeper": ("who keeps the archive", "người giữ kho lưu trữ"),
        "exporter": ("who exports evidence", "người xuất bằng chứng"),
        "verifier": ("verifier", "bộ xác minh"),
        "memory": ("home verifier", "bộ xác minh tại chỗ"),
        "writer": ("opening writer", "tiến trình ghi lúc mở"),
        "projector": ("projector", "bộ chiếu"),
        "auditor": ("projection verifier", "bộ xác minh dữ liệu dựng lại"),
        "rebuild": ("rebuild", "dựng lại"),
        "reader": ("policy reader", "người đọc có chính sách"),
        "holder": ("checkpoint holder", "người giữ một bản chốt"),
        "tiles": ("tree verifier", "bộ xác minh cây"),
        "recipient": ("bundle recipient", "người nhận bằng chứng"),
        "witness": ("witness", "nhân chứng"),
        "sealer": ("sealer", "bộ niêm phong"),
        "sentinel": ("sentinel", "tiến trình canh"),
        "detected": ("detected", "đã phát hiện"),
        "missed": ("NOT SEEN BY WHOM IT MUST BE", "NGƯỜI PHẢI THẤY ĐÃ KHÔNG THẤY"),
        "undetected": ("NOTHING DETECTS IT", "KHÔNG AI PHÁT HIỆN"),
        "skipped": ("skipped", "bỏ qua"),
        "total": (
            "{cases} cases: {detected} detected, {defects} defects, {skipped} skipped",
            "{cases} tình huống: {detected} đã phát hiện, {defects} lỗ hổng, {skipped} bỏ qua",
        ),
        "times": (
            (
                "after: seconds of one look, begun when the attack was done; "
                "docs/threat-model.md says when each looks"
            ),
            (
                "sau: số giây của một lần kiểm tra, tính từ khi tấn công xong; "
                "docs/threat-model.md nói khi nào kiểm tra"
            ),
        ),
    }
)


def word(key: str, lang: str, **values: object) -> str:
    """A word or sentence in a language, with its places filled."""
    return in_language(WORDS[key], lang).format(**values)


def in_language(pair: tuple[str, str], lang: str) -> str:
    """One of an English and a Vietnamese text."""
    english, vietnamese = pair
    return vietnamese if lang == "vi" else english
