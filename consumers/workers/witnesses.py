"""Asking the witnesses of a policy to cosign a checkpoint, all of them at once.

A witness that does not answer costs one time-out a round, whatever the number of logs. One that has
seen another tree, or more of this one than the store knows, is the alarm that it is there for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from ledger.adapters.http_post import RemoteUnavailableError
from ledger.adapters.witness_client import Conflict, Cosigned, Refused, add_checkpoint
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.note import NoteError, NoteSignature, SignedNote, VerifierKey
from ledger.core.policy import QUORUM_NONE, Policy
from ledger.entry.note_keys import (
    NoteSignatureError,
    VerifiedSignature,
    check_signature,
    verify_note,
)

TIMEOUT_SECONDS: Final = 2.0
"""For one answer: a witness checks two signatures and syncs one row."""

_TREE_DIFFERS: Final = 422
_AT_ONCE_MAX: Final = 32

Prove = Callable[[int], tuple[bytes, ...]]
"""The consistency proof from a size to that of the checkpoint asked for."""


class Asked(NamedTuple):
    """The note with every cosignature that verified, the old ones too; whether a quorum of the
    *new* ones is there; what went wrong, by witness; who has seen a larger tree (who, size), and
    who another one (who, what it said); who has forgotten what it cosigned (who, the size that it
    knows, the size that it had cosigned); and the new cosignatures, verified."""

    note: SignedNote
    is_quorum: bool
    problems: Mapping[str, str]
    ahead: tuple[str, int] | None = None
    forked: tuple[str, str] | None = None
    forgot: tuple[tuple[str, int, int], ...] = ()
    fresh: tuple[VerifiedSignature, ...] = ()


class Witnesses:
    """The witnesses of one policy. `begin_round` gives those that were silent another chance.

    `asks_forgetful` is False where an answer must say what the witness knew all along: one that has
    forgotten what it cosigned is then told nothing, and counts as silent.
    """

    def __init__(
        self,
        policy: Policy,
        timeout_seconds: float = TIMEOUT_SECONDS,
        *,
        asks_forgetful: bool = True,
    ) -> None:
        self.policy = policy
        self._timeout_seconds = timeout_seconds
        self._asks_forgetful = asks_forgetful
        self._urls = {
            each.url: each.name for each in reversed(policy.witnesses) if each.url
        }  # one witness may have two keys
        self._sizes: dict[tuple[str, str], int] = {}
        self._silent: dict[str, str] = {}
        self._forgot: dict[tuple[str, str], tuple[int, int]] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE_MAX, "pal-witness")

    @property
    def are_asked(self) -> bool:
        """Whether the policy asks for a witness at all."""
        return self.policy.quorum != QUORUM_NONE

    def begin_round(self) -> None:
        """Forget who was silent."""
        self._silent.clear()

    def close(self) -> None:
        """End the threads; a request that is under way ends by its time-out."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def remember(self, seen: SignedNote) -> None:
        """Whoever cosigned this checkpoint must know so much of its log still."""
        checkpoint, keys = parse_checkpoint(seen.text), self.cosigned_by(seen)
        for each in self.policy.witnesses:
            if each.url and each.key in keys:
                place = each.url, checkpoint.origin
                self._sizes[place] = max(self._sizes.get(place, 0), checkpoint.size)

    def cosign(self, note: SignedNote, prove: Prove) -> Asked:
        """Ask every witness that was not silent in this round to cosign `note`."""
        size, origin = parse_checkpoint(note.text).size, parse_checkpoint(note.text).origin
        asked = [url for url in self._urls if url not in self._silent]
        answers = self._pool.map(lambda url: self._ask(url, origin, size, note, prove), asked)
        problems = {self._urls[url]: why for url, why in self._silent.items()}
        ahead: tuple[str, int] | None = None
        forked: tuple[str, str] | None = None
        lines: list[NoteSignature] = []
        fresh: list[VerifiedSignature] = []
        for url, answer in zip(asked, answers, strict=True):
            name = self._urls[url]
            match answer:
                case Cosigned(signatures):
                    verified = list(self._verified(note.text, signatures))
                    if not verified:
                        problems[name] = "no signature of a key that the policy names"
                    lines += (line for line, _ in verified)
                    fresh += (signed for _, signed in verified)
                case Conflict(theirs) if theirs > size:
                    ahead = (name, theirs)
                    problems[name] = f"it has seen a tree of {theirs}, this one has {size}"
                case Conflict(theirs):
                    problems[name] = f"it says size {theirs}, and does not take a proof from there"
                case Refused(status, text) if status == _TREE_DIFFERS:
                    forked = (name, text)
                    problems[name] = text
                case Refused(status, text):
                    problems[name] = f"status {status}: {text}"
                case str(why):
                    self._silent[url] = problems[name] = why
        forgot = tuple(
            (self._urls[url], *self._forgot.pop((url, origin)))
            for url in asked
            if (url, origin) in self._forgot
        )
        is_quorum = self.policy.is_quorum([signed.key for signed in fresh])
        given = _with(note, lines)
        return Asked(given, is_quorum, problems, ahead, forked, forgot, tuple(fresh))

    def cosigned_by(self, note: SignedNote) -> tuple[VerifierKey, ...]:
        """The keys of witnesses whose cosignatures on `note` verify."""
        try:
            return tuple(found.key for found in verify_note(note, self.policy.cosigners))
        except NoteSignatureError:
            return ()

    def _ask(
        self, url: str, origin: str, size: int, note: SignedNote, prove: Prove
    ) -> Cosigned | Conflict | Refused | str:
        """One witness's answer, or why there is none; a size that it names is tried once."""
        old = min(self._sizes.get((url, origin), 0), size)
        log_note = SignedNote(note.text, tuple(s for s in note.signatures if s.name == origin))
        try:
            answer = add_checkpoint(url, old, prove(old), log_note, self._timeout_seconds)
            if isinstance(answer, Conflict) and answer.size <= size:
                if answer.size < old:
                    if not self._asks_forgetful:
                        return f"forgot what it cosigned: {old} entries, it knows {answer.size}"
                    self._forgot[url, origin] = answer.size, old
                old = answer.size
                answer = add_checkpoint(url, old, prove(old), log_note, self._timeout_seconds)
        except (RemoteUnavailableError, NoteError) as error:
            return str(error)
        if isinstance(answer, Cosigned):
            self._sizes[url, origin] = size
        return answer

    def _verified(
        self, text: str, signatures: Iterable[NoteSignature]
    ) -> Iterable[tuple[NoteSignature, VerifiedSignature]]:
        known = {(key.name, key.id): key for key in self.policy.cosigners}
        for signature in signatures:
            key = known.get((signature.name, signature.key_id))
            if key is None:
                continue
            try:
                signed = check_signature(key, text, signature.blob)
            except NoteSignatureError:
                continue
            yield signature, signed


def _with(note: SignedNote, fresh: Iterable[NoteSignature]) -> SignedNote:
    """The note with new cosignatures, each in the place of an older one by the same key."""
    lines = {(line.name, line.key_id): line for line in (*note.signatures, *fresh)}
    return SignedNote(note.text, tuple(lines.values()))
