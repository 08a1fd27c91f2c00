"""Every case that is played on a clone of an embedded ledger, and the stage for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from types import MappingProxyType
from typing import Final

from consumers.drill import (
    detectors,
    evidence_attacks,
    log_attacks,
    sealed_attacks,
    view_attacks,
)
from consumers.drill.case import Attacker, Case, Detector
from consumers.drill.run import check_quiet
from consumers.drill.scene import Scene

_DETECTORS: Final[Mapping[str, Detector[Scene]]] = MappingProxyType(
    {
        "verifier": detectors.verifier,
        "memory": detectors.memory,
        "writer": detectors.writer,
        "projector": detectors.projector,
        "auditor": detectors.auditor,
        "rebuild": detectors.rebuilder,
        "reader": detectors.reader,
        "holder": detectors.holder,
        "tiles": detectors.tiles,
        "recipient": detectors.recipient,
        "witness": detectors.witness,
        "sealer": detectors.sealer,
    }
)


class CloneStage:
    """Copies of one prepared scene."""

    name = "clone"
    detectors = _DETECTORS

    def __init__(self, prepared: Scene, folder: Path) -> None:
        self._prepared = prepared
        self._folder = folder
        with self.scene() as scene:
            check_quiet(self.detectors, scene)

    @contextmanager
    def scene(self) -> Iterator[Scene]:
        """A copy, which is removed after use."""
        folder = self._folder / "scene"
        try:
            yield self._prepared.copy(folder)
        finally:
            rmtree(folder)


CLONE_CASES: Final = (
    Case(
        "edit-payload-byte",
        ("one bit of an action changed", "sửa một bit của một hành động"),
        Attacker.DISK,
        log_attacks.edit_payload_byte,
        {"verifier": "store.leaf_mismatch", "rebuild": "chain.link_mismatch"},
    ),
    Case(
        "edit-seal-field",
        ("the moment of recording changed", "sửa thời điểm ghi nhận"),
        Attacker.OPERATOR,
        log_attacks.edit_seal_field,
        {"verifier": "chain.link_mismatch", "rebuild": "chain.link_mismatch"},
    ),
    Case(
        "drop-entry",
        ("one entry removed", "xoá một mục"),
        Attacker.OPERATOR,
        log_attacks.drop_entry,
        {"verifier": "chain.index_missing", "rebuild": "chain.link_mismatch"},
    ),
    Case(
        "drop-stream",
        ("a whole dossier removed, the rest sealed anew", "xoá cả một hồ sơ, niêm phong lại"),
        Attacker.OPERATOR,
        log_attacks.drop_stream,
        {"sealer": "log.truncated", "holder": "log.truncated"},
    ),
    Case(
        "swap-entries",
        ("two entries in each other's place", "đổi chỗ hai mục"),
        Attacker.OPERATOR,
        log_attacks.swap_entries,
        {"verifier": "chain.index_mismatch", "rebuild": "chain.link_mismatch"},
    ),
    Case(
        "duplicate-entry",
        ("an old action sealed once more", "niêm phong lại một hành động cũ"),
        Attacker.OPERATOR,
        log_attacks.duplicate_entry,
        {"verifier": "action.recorded_twice"},
    ),
    Case(
        "insert-entry",
        ("an action of a key that nobody enrolled", "chèn một hành động ký bằng khoá lạ"),
        Attacker.OPERATOR,
        log_attacks.insert_entry,
        {"verifier": "signature.invalid", "projector": "log.overwritten"},
    ),
    Case(
        "rehash-suffix",
        ("a seal changed and all behind it sealed anew", "sửa một dấu và niêm phong lại phần sau"),
        Attacker.OPERATOR,
        log_attacks.rehash_suffix,
        {"sealer": "log.overwritten", "holder": "checkpoint.root_mismatch"},
    ),
    Case(
        "cut-tail",
        ("the end cut off", "cắt phần cuối"),
        Attacker.OPERATOR,
        log_attacks.cut_tail,
        {
            "memory": "log.truncated",
            "projector": "log.overwritten",
            "sealer": "log.truncated",
            "holder": "log.truncated",
        },
    ),
    Case(
        "cut-tail-resigned",
        ("the end cut off, the rest signed again", "cắt phần cuối rồi ký lại phần còn"),
        Attacker.SEALER_OPERATOR,
        sealed_attacks.cut_tail_resigned,
        {
            "witness": "witness.size_conflict",
            "sealer": "sealer.rolled_back",
            "reader": "checkpoint.unwitnessed",
            "holder": "log.truncated",
        },
    ),
    Case(
        "restore-backup",
        ("the whole home put back to a backup", "khôi phục toàn bộ từ bản sao lưu cũ"),
        Attacker.SEALER_OPERATOR,
        sealed_attacks.restore_backup,
        {
            "witness": "witness.size_conflict",
            "sealer": "sealer.rolled_back",
            "holder": "log.truncated",
        },
    ),
    Case(
        "fork",
        ("two heads for two readers, both signed", "hai đầu cho hai người đọc, đều có chữ ký"),
        Attacker.SEALER_OPERATOR,
        sealed_attacks.fork,
        {
            "witness": "witness.inconsistent",
            "sealer": "checkpoint.forked",
            "reader": "checkpoint.unwitnessed",
            "holder": "checkpoint.root_mismatch",
        },
    ),
    Case(
        "replay-checkpoint",
        ("an old checkpoint and tree published again", "phát hành lại bản chốt và cây cũ"),
        Attacker.PUBLISHER,
        sealed_attacks.replay_checkpoint,
        {"witness": "witness.size_conflict", "sealer": "tile.mismatch", "tiles": "log.truncated"},
    ),
    Case(
        "roll-back-witness",
        ("a witness put back to an earlier state", "một nhân chứng bị lùi về trước"),
        Attacker.WITNESS_OPERATOR,
        sealed_attacks.forget_cosignatures,
        {"sealer": "witness.rolled_back"},
    ),
    Case(
        "roll-back-and-fork",
        ("a witness put back, so that it cosigns a fork", "lùi một nhân chứng để nó ký bản rẽ"),
        Attacker.WITNESS_OPERATOR,
        sealed_attacks.roll_witness_back,
        {
            "witness": "witness.inconsistent",
            "reader": "checkpoint.unwitnessed",
            "holder": "checkpoint.root_mismatch",
        },
    ),
    Case(
        "hide-officer",
        ("an officer's acts left out of the signed index", "chỉ mục đã ký bỏ sót việc của cán bộ"),
        Attacker.SEALER_OPERATOR,
        sealed_attacks.hide_officer,
        {"memory": "officers.root_mismatch"},
    ),
    Case(
        "rot-tile",
        ("one bit of a published tile", "một bit của một ô đã công bố"),
        Attacker.DISK,
        sealed_attacks.rot_tile,
        {"tiles": "tile.rotten"},
    ),
    Case(
        "rot-bundle",
        ("one bit of a published entry bundle", "một bit của một gói mục đã công bố"),
        Attacker.DISK,
        sealed_attacks.rot_bundle,
        {"tiles": "tile.rotten"},
    ),
    Case(
        "unsealed-segment",
        ("an entry that no checkpoint covers, published", "công bố mục chưa được niêm phong"),
        Attacker.ARCHIVE_KEEPER,
        sealed_attacks.add_to_bundle,
        {"tiles": "tile.rotten", "sealer": "tile.mismatch"},
    ),
    Case(
        "backdate",
        ("a late act moved before its due date", "lùi ngày một hành động trễ hạn"),
        Attacker.OPERATOR,
        log_attacks.backdate,
        {"verifier": "signature.invalid", "projector": "log.overwritten"},
    ),
    Case(
        "backdate-signed",
        ("the same with the source's key", "như trên, có khoá của nguồn"),
        Attacker.SOURCE,
        log_attacks.backdate_signed,
        {"sealer": "log.overwritten", "holder": "checkpoint.root_mismatch"},
    ),
    Case(
        "swap-officer",
        ("another officer in an action", "đổi cán bộ của một hành động"),
        Attacker.OPERATOR,
        log_attacks.swap_officer,
        {"verifier": "signature.invalid", "projector": "log.overwritten"},
    ),
    Case(
        "swap-officer-signed",
        ("the same with the source's key", "như trên, có khoá của nguồn"),
        Attacker.SOURCE,
        log_attacks.swap_officer_signed,
        {"sealer": "log.overwritten", "holder": "checkpoint.root_mismatch"},
    ),
    Case(
        "replace-key",
        ("other keys, everything signed anew", "thay khoá và ký lại toàn bộ"),
        Attacker.KEY_HOLDER,
        log_attacks.replace_key,
        {
            "verifier": "trust.genesis_mismatch",
            "writer": "trust.genesis_mismatch",
            "holder": "checkpoint.root_mismatch",
        },
    ),
    Case(
        "replace-note-keys",
        ("a log sealed anew, with note keys made anew", "niêm phong lại bằng khoá chốt mới"),
        Attacker.OPERATOR,
        sealed_attacks.replace_note_keys,
        {"reader": "checkpoint.signature_invalid", "holder": "checkpoint.root_mismatch"},
    ),
    Case(
        "edit-columns",
        ("a column beside an entry changed", "sửa cột đi kèm một mục"),
        Attacker.DISK,
        log_attacks.edit_columns,
        {"verifier": "store.column_mismatch"},
    ),
    Case(
        "edit-projection",
        ("a row of the read store changed", "sửa một dòng dữ liệu dựng lại"),
        Attacker.PROJECTION_OPERATOR,
        view_attacks.edit_projection,
        {"auditor": "projection.row_mismatch", "rebuild": "projection.digest_mismatch"},
    ),
    Case(
        "stale-projection",
        ("an old read store shown as current", "dữ liệu cũ được đưa ra như mới"),
        Attacker.PROJECTION_OPERATOR,
        view_attacks.stale_projection,
        {"auditor": "projection.row_mismatch", "rebuild": "projection.digest_mismatch"},
    ),
    Case(
        "enrol-in-store",
        ("a stranger's key put into the read store", "khoá lạ được đưa vào dữ liệu dựng lại"),
        Attacker.PROJECTION_OPERATOR,
        view_attacks.enrol_in_store,
        {"verifier": "signature.invalid", "auditor": "projection.row_mismatch"},
    ),
    Case(
        "edit-evidence",
        ("one byte of an entry in a bundle", "một byte của một mục trong gói bằng chứng"),
        Attacker.ARCHIVE_KEEPER,
        evidence_attacks.edit_bundle,
        {"recipient": "evidence.file"},
    ),
    Case(
        "undeclared-redaction",
        ("an entry left out of a bundle without a word", "bỏ bớt một mục mà không nói"),
        Attacker.EXPORTER,
        evidence_attacks.leave_out,
        {"recipient": "evidence.stream_gap"},
    ),
    Case(
        "own-policy",
        ("a bundle with a policy of the exporter's own", "gói kèm chính sách tự đặt"),
        Attacker.EXPORTER,
        evidence_attacks.own_policy,
        {"recipient": "trust.policy_mismatch"},
    ),
    Case(
        "unapproved-redaction",
        ("a declared redaction that nobody approved", "che một mục khi chưa ai phê duyệt"),
        Attacker.EXPORTER,
        evidence_attacks.redact_unapproved,
        {"recipient": "evidence.redaction_unapproved"},
    ),
)
"""Every case of a clone, in the order of the table."""
