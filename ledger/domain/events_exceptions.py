"""The data of a dossier's exceptions and of the citizen's voice (E44 to E46, E48 to E52)."""

from __future__ import annotations

from typing import Literal

import msgspec

from ledger.domain.fields import Code, Count, DossierData, EventData, Instant, Sealed

Unset = msgspec.UnsetType
UNSET = msgspec.UNSET


class Reopened(DossierData, frozen=True, kw_only=True):
    """E44: a decision opens an ended dossier again; the result that it voids is named by `voids`.

    The reason is the envelope's `reason_code`.
    """

    approver: str = ""
    from_state: str = ""
    voids: str = ""


class Merged(DossierData, frozen=True, kw_only=True):
    """E45: this dossier goes on in another (a duplicate); it ends here."""

    into: Code


class Split(DossierData, frozen=True, kw_only=True):
    """E45: parts of this dossier go on in others; it goes on too."""

    into: tuple[Code, ...]


class LinkedTo(DossierData, frozen=True, kw_only=True):
    """E45: another dossier belongs to it."""

    dossier: Code
    relation: Literal["", "duplicate", "prerequisite", "follow_up", "inter_connected"] = ""


class Rerouted(DossierData, frozen=True, kw_only=True):
    """E46: moved between systems; neither a new request nor a new clock (D14)."""

    from_system: str = ""
    to_system: str = ""
    accepted: bool = True


class AttemptRejected(DossierData, frozen=True, kw_only=True):
    """E48: something was tried and refused. `command` is the type that was sent, `code` the
    refusal's finding code."""

    command: Code
    code: Code
    field: str = ""
    action_hash: str = ""


class SynchronisedToPortal(DossierData, frozen=True, kw_only=True):
    """E49: the portal has the dossier's status; `portal_status` is the code that was sent (L21)."""

    target: str = ""
    message_id: str = ""
    portal_status: Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10] | Unset = UNSET


class SyncFailed(DossierData, frozen=True, kw_only=True):
    """E49: the portal did not take it (L21)."""

    target: str = ""
    message_id: str = ""
    error: str = ""


class ArchivedTransferred(DossierData, frozen=True, kw_only=True):
    """E50: the file went to the archive against a receipt (L24)."""

    archive: str = ""
    receipt: str = ""


class FeedbackFiled(DossierData, frozen=True, kw_only=True):
    """E51: a remark or proposal (phản ánh, kiến nghị). Its text stays outside, by hash."""

    about: tuple[Code, ...] = ()
    text_hash: str = ""
    filer: Sealed | Unset = UNSET
    answer_by_at: Instant | Unset = UNSET


class ComplaintFiled(DossierData, frozen=True, kw_only=True):
    """E51: a complaint (khiếu nại) or denunciation (tố cáo); who filed it is sealed (L22).

    A denunciation that must stay apart is recorded elsewhere; only its commitment is here (P5).
    """

    kind: Literal["complaint", "denunciation"] = "complaint"
    about: tuple[Code, ...] = ()
    text_hash: str = ""
    filer: Sealed | Unset = UNSET
    answer_by_at: Instant | Unset = UNSET


class Answered(DossierData, frozen=True, kw_only=True):
    """E51: the answer to a feedback or complaint, named by its action id."""

    filing_id: Code
    result: Literal["", "upheld", "partly", "not"] = ""
    answer_ref: str = ""


class Rating(EventData, frozen=True):
    """One question of the survey and its score, 1 bad to 5 good."""

    question: Code
    score: Literal[1, 2, 3, 4, 5]


class SatisfactionRated(DossierData, frozen=True, kw_only=True):
    """E52: the applicant's ratings; `apology` answers "did you get one when it was late?"."""

    ratings: tuple[Rating, ...] = ()
    apology: Literal["", "yes", "no", "not_late"] = ""
    respondents: Count = 1
