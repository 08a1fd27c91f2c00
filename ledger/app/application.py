"""The procedure ledger: the eventsourcing application and its asynchronous door.

Both doors decide on a dossier's state, sign, and hand one submission to the log's one writer, which
settles concurrency: another action of the same dossier that came first means deciding again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Mapper,
)

from ledger.app.aggregate import ActionEvent, ActionMapper, Dossier, project_dossier
from ledger.app.attempts import ATTEMPTS_RECORDED_MAX, attempt_of, tried_on_dossier
from ledger.app.calendars import CalendarEntries
from ledger.app.intake import check_action_bytes, check_signatures
from ledger.app.limits import CONFLICT_RETRIES_MAX, STATES_REMEMBERED_MAX
from ledger.app.ports import EntryLog
from ledger.app.recorder import EntryRecorder, RefusedEventsError
from ledger.app.signature_checks import SignatureChecks
from ledger.app.submission import (
    Answer,
    LedgerError,
    Place,
    Recorded,
    Refused,
    RefusedError,
    SignedAction,
    Submission,
)
from ledger.core.action import (
    Action,
    Actor,
    OccurredAt,
    convert_action,
    encode_action,
)
from ledger.core.ids import uuid7_milliseconds, uuid7_text
from ledger.core.times import format_instant
from ledger.domain.clock import calendar_of, counts_days
from ledger.domain.dossier import EMPTY_DOSSIER, DossierState, Impossible, Rules, decide, evolve
from ledger.domain.events import is_registered
from ledger.domain.upcasting import upcast
from ledger.entry.entry import Signature, decode_entry
from ledger.entry.signatures import KeyRing, SigningKey


def derived_id(cause_id: str, type_name: str, place: int) -> str:
    """The UUIDv7 of a derived action: its cause's time, the other bits from cause, type and place.

    A cause that is sent again derives the same ids, so nothing is derived twice.
    """
    digest = sha256(f"pal/derived/v1\n{cause_id}\n{type_name}\n{place}\n".encode()).digest()
    return uuid7_text(uuid7_milliseconds(cause_id), digest)


class _Loaded(msgspec.Struct, frozen=True):
    """What an action is decided on: the stream's version, the dossier's state, and the rules."""

    version: int
    state: DossierState
    rules: Rules


class _Decided(msgspec.Struct, frozen=True):
    """What one action becomes: the submission, and the dossier's state once it is recorded."""

    submission: Submission
    actions: tuple[Action, ...]
    state: DossierState | None


class ProcedureLedger(Application[str]):
    """Records procedure actions in one log. `key` signs what this process asserts (role source),
    `ledger_key` what the ledger derives; `now` gives the aware current time. `logs` are all logs of
    the ledger by number, where it has more than this: calendars may lie in any of them.

    The application of log n is called `ledger/<n>`: the library tracks one position by name.
    """

    def __init__(
        self,
        log: EntryLog,
        *,
        key: SigningKey,
        ledger_key: SigningKey,
        rules: Rules,
        now: Callable[[], datetime],
        logs: Sequence[EntryLog] = (),
    ) -> None:
        self.entry_log = log
        self.key = key
        self.ledger_key = ledger_key
        self._rules = rules
        self._calendars = CalendarEntries(logs or (log,), rules)
        self.now = now
        self.ledger_name, _, number = log.origin.rpartition("/")
        self.name = f"ledger/{number}"
        self._states: OrderedDict[str, tuple[int, DossierState]] = OrderedDict()
        self._signatures = SignatureChecks()
        self._keys = KeyRing()
        self._keys_version = 0
        super().__init__()

    # What the library asks for

    def construct_mapper(self) -> Mapper[str]:
        """Our mapper: the state of a stored event is the action's bytes."""
        return ActionMapper()

    def construct_recorder(self) -> ApplicationRecorder:
        """The recorder over this ledger's log; foreign events are refused here."""
        return EntryRecorder(
            self.entry_log,
            self.key,
            is_registered=is_registered,
            now=lambda: format_instant(self.now()),
            foreign_events=False,
        )

    def close(self) -> None:
        """Close the log; safe to call again."""
        super().close()
        self._signatures.close()
        self.entry_log.close()

    # The synchronous door

    def dossier(self, stream: str) -> Dossier | None:
        """The dossier as recorded now, or None."""
        try:
            return self.repository.get(stream, projector_func=project_dossier)
        except AggregateNotFoundError:
            return None

    def record(self, action: Action, sigs: Sequence[Signature] = ()) -> Sequence[Place]:
        """Record one action (and what it derives) through `Application.save`; waits for the answer.

        Gives the places of the action and of what was derived. Raises `RefusedError`; that the
        attempt was refused is recorded too, where E48 asks for it (see `ledger.app.attempts`).
        """
        data = encode_action(action)
        try:
            return self._decide_and_save(action, data, sigs)
        except RefusedError as error:
            attempt = self._attempt(data, error) if self._is_known(data, sigs) else None
            if attempt is not None:
                # The refusal is the answer, also where the log cannot take the note of it.
                with suppress(LedgerError):
                    self.entry_log.submit([attempt])
            raise

    def _decide_and_save(
        self, action: Action, data: bytes, sigs: Sequence[Signature]
    ) -> Sequence[Place]:
        self._read(data)
        if sigs:
            check_signatures(data, sigs, self._key_ring())
        for _ in range(CONFLICT_RETRIES_MAX):
            known = self.entry_log.place_of(action.id)
            if known is not None:
                return self._first_answer(known, action.id, data).places
            decided = self._decide(action, data, sigs, self._load(action))
            version = self.entry_log.stream_head(action.stream).version
            events = [
                ActionEvent(a.stream, s.expected_version or version + 1, a, s.data)
                for a, s in zip(decided.actions, decided.submission.actions, strict=True)
            ]
            try:
                self.save(*events, sigs=[s.sigs for s in decided.submission.actions])
            except IntegrityError as error:
                if isinstance(error, RefusedEventsError):
                    self._raise_unless_conflict(error.answer)
                self._states.pop(action.stream, None)
                continue
            places = [self.entry_log.place_of(a.id) for a in decided.actions]
            self._remember(action.stream, decided, places[-1])
            return [place for place in places if place is not None]
        raise self._too_many_conflicts(action)

    # The asynchronous door

    async def append(self, action: Action | bytes, sigs: Sequence[Signature] = ()) -> Recorded:
        """Record one action (and what it derives); the answer is final.

        `sigs` are those that came with the bytes; without them this process's key signs. The same
        action id gives the first answer again. Raises `RefusedError`, `OutcomeUnknownError` or
        `UnavailableError`; what is refused is recorded as by `record`.
        """
        data = action if isinstance(action, bytes) else encode_action(action)
        try:
            return await self._decide_and_append(data, sigs)
        except RefusedError as error:
            attempt = None
            if self._is_known(data, sigs):
                attempt = await asyncio.to_thread(self._attempt, data, error)
            if attempt is not None:
                with suppress(LedgerError):
                    await self.entry_log.append(attempt)
            raise

    async def _decide_and_append(self, data: bytes, sigs: Sequence[Signature]) -> Recorded:
        checked = self._read(data)
        if sigs:
            await self._signatures.verify_ahead(data, sigs, self._key_ring())
            check_signatures(data, sigs, self._key_ring())
        for _ in range(CONFLICT_RETRIES_MAX):
            known = self.entry_log.place_of(checked.id)
            if known is not None:
                return self._first_answer(known, checked.id, data)
            if self._is_loaded(checked):
                loaded = self._load(checked)
            else:
                loaded = await asyncio.to_thread(self._load, checked)
            decided = self._decide(checked, data, sigs, loaded)
            answer = await self.entry_log.append(decided.submission)
            if isinstance(answer, Recorded):
                self._remember(checked.stream, decided, answer.places[-1])
                return answer
            self._raise_unless_conflict(answer)
            self._states.pop(checked.stream, None)
        raise self._too_many_conflicts(checked)

    # What both share

    def _read(self, data: bytes) -> Action:
        return check_action_bytes(data, self.ledger_name, self.now())

    def _is_known(self, data: bytes, sigs: Sequence[Signature]) -> bool:
        """Whether the bytes are signed by keys of this log; unsigned ones this process asserts."""
        try:
            if sigs:
                check_signatures(data, sigs, self._key_ring())
        except RefusedError:
            return False
        return True

    def _attempt(self, data: bytes, error: RefusedError) -> Submission | None:
        """The note that an action was refused (blocking), None where there is none to be made."""
        tried = tried_on_dossier(data, error)
        if tried is None or self.entry_log.stream_head(tried.stream).version == 0:
            return None
        note = attempt_of(tried, data, error, self.now())
        state = self._load(note).state
        if state.attempts_rejected >= ATTEMPTS_RECORDED_MAX or self.entry_log.place_of(note.id):
            return None
        body = encode_action(note)
        own = self.ledger_key.sign([body])[0]
        return Submission((SignedAction(note.id, note.stream, note.type, body, own),))

    def _key_ring(self) -> KeyRing:
        own = f"ledger:{self.entry_log.origin}"
        version = self.entry_log.stream_head(own).version
        if version != self._keys_version:
            for item in self.entry_log.stream_entries(own, after=self._keys_version, until=version):
                entry = decode_entry(item)
                self._keys.apply(entry.seal.type, entry.action["data"])
            self._keys_version = version
        return self._keys

    def _is_loaded(self, action: Action) -> bool:
        stream = action.stream
        version, state = self._states.get(stream, (0, EMPTY_DOSSIER))
        if version != self.entry_log.stream_head(stream).version:
            return False
        return not counts_days(state, action) or self._calendars.is_current(
            calendar_of(state, action)
        )

    def _load(self, action: Action) -> _Loaded:
        """What there is to decide on as recorded now (blocking where it must be read)."""
        stream = action.stream
        version = self.entry_log.stream_head(stream).version
        if not stream.startswith("dossier:"):
            return _Loaded(version, EMPTY_DOSSIER, self._rules)
        known, state = self._states.get(stream, (0, EMPTY_DOSSIER))
        for item in self.entry_log.stream_entries(stream, after=known, until=version):
            entry = decode_entry(item)
            state = evolve(state, upcast(convert_action(entry.action)), entry.seal.version)
        if not counts_days(state, action):
            return _Loaded(version, state, self._rules)
        return _Loaded(version, state, self._calendars.rules(calendar_of(state, action)))

    def _decide(
        self,
        action: Action,
        data: bytes,
        sigs: Sequence[Signature],
        loaded: _Loaded,
    ) -> _Decided:
        own_sigs = tuple(sigs) or self.key.sign([data])[0]
        if not action.stream.startswith("dossier:"):
            signed = SignedAction(action.id, action.stream, action.type, data, own_sigs)
            return _Decided(Submission((signed,)), (action,), None)
        version, state = loaded.version, loaded.state
        decision = decide(state, upcast(action), loaded.rules)
        if isinstance(decision, Impossible):
            raise RefusedError(
                decision.code, decision.message, field=decision.field, value=decision.value
            )
        derived = tuple(
            self._derived_action(action, item.type, item.data, place)
            for place, item in enumerate(decision.derived)
        )
        actions = (action, *derived)
        for step, item in enumerate(actions, 1):
            state = evolve(state, upcast(item), version + step)
        bodies = [encode_action(item) for item in derived]
        all_sigs = [own_sigs, *(self.ledger_key.sign(bodies) if bodies else [])]
        signed_actions = tuple(
            SignedAction(item.id, item.stream, item.type, body, signatures, version + step)
            for step, (item, body, signatures) in enumerate(
                zip(actions, [data, *bodies], all_sigs, strict=True), 1
            )
        )
        return _Decided(Submission(signed_actions), actions, state)

    def _derived_action(
        self, cause: Action, type_name: str, data: dict[str, Any], place: int
    ) -> Action:
        return Action(
            id=derived_id(cause.id, type_name, place),
            type=type_name,
            stream=cause.stream,
            occurred_at=OccurredAt(cause.occurred_at.at, cause.occurred_at.precision),
            actor=Actor(kind="system", id="ledger"),
            data=data,
            causes=(cause.id,),
        )

    def _remember(self, stream: str, decided: _Decided, last: Place | None) -> None:
        if decided.state is None or last is None:
            return
        self._states[stream] = (last.version, decided.state)
        self._states.move_to_end(stream)
        while len(self._states) > STATES_REMEMBERED_MAX:
            self._states.popitem(last=False)

    def _first_answer(self, known: Place, action_id: str, data: bytes) -> Recorded:
        if known.digest != sha256(data).digest():
            raise RefusedError(
                "action.id_reused",
                f"action id {action_id} is recorded at index {known.index} with other bytes",
                field="id",
                next_step="give the new action an id of its own",
            )
        return Recorded((known,), new=0)

    def _raise_unless_conflict(self, answer: Answer) -> None:
        if isinstance(answer, Refused) and answer.code != "stream.version_conflict":
            raise RefusedError(answer.code, answer.message)

    def _too_many_conflicts(self, action: Action) -> RefusedError:
        return RefusedError(
            "stream.version_conflict",
            f"{action.stream}: other actions came first {CONFLICT_RETRIES_MAX} times",
            next_step="send the action again",
        )
