"""The eventsourcing library's application recorder over any of our logs.

StoredEvent <-> entry: originator_id = stream, originator_version = version, topic = type, state =
action bytes. A stored event that is no registered action travels as `ledger.stored_event.v1`, its
seal version counted from 1. Notification ids number the entries of all streams but the log's own.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from threading import Event, Lock
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    Subscription,
)

from ledger.app.limits import READ_RECORDS_MAX
from ledger.app.ports import EntryLog
from ledger.app.submission import (
    LedgerError,
    Recorded,
    Refused,
    SignedAction,
    Submission,
)
from ledger.core.action import (
    FOREIGN_EVENT,
    Action,
    ActionError,
    Actor,
    OccurredAt,
    decode_action,
    encode_action,
    stream_id,
)
from ledger.core.ids import uuid7_text
from ledger.entry.entry import Entry, Signature, decode_entry
from ledger.entry.signatures import SigningKey

_FOREIGN_TYPE: Final = FOREIGN_EVENT[1]
_SUBSCRIPTION_WAIT_SECONDS: Final = 0.5
"""How long a subscription waits at a time; bounds how late it notices that it was stopped."""


def _foreign_id(stream: str, version: int, topic: str, state: bytes) -> str:
    """A UUIDv7-shaped id (time 0) from what is stored: the same stored event has the same id."""
    digest = sha256(b"\n".join((stream.encode(), b"%d" % version, topic.encode(), state))).digest()
    return uuid7_text(0, digest)


class RefusedEventsError(IntegrityError):
    """The log recorded nothing of these events; `answer` says why."""

    def __init__(self, answer: Refused) -> None:
        super().__init__(f"{answer.code}: {answer.message}")
        self.answer = answer


class EntryRecorder(ApplicationRecorder):
    """An `ApplicationRecorder` whose events are entries of an `EntryLog`.

    `is_registered` says which topics are actions of this ledger; other stored events are wrapped,
    or refused with `ProgrammingError` where `foreign_events` is False, as in the procedure ledger.
    """

    def __init__(
        self,
        log: EntryLog,
        key: SigningKey,
        *,
        is_registered: Callable[[str], bool],
        now: Callable[[], str],
        foreign_events: bool = True,
        originator_id_type: str = "text",
    ) -> None:
        self.log = log
        self.key = key
        self._is_registered = is_registered
        self._now = now
        self._foreign_events = foreign_events
        self._uuids = originator_id_type == "uuid"
        self._foreign_versions: dict[str, list[int]] = {}
        self._lock = Lock()

    # Writing

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        """Record the events as one submission; the notification ids of each, in order.

        `sigs` (one tuple of signatures per event) is for actions that arrived signed; without it
        the recorder's key signs. Raises `IntegrityError` where a version is taken (and its
        `RefusedEventsError` where the log refused for any reason, events of two logs among them),
        `OperationalError` where the outcome is unknown or the log cannot be written.
        """
        if not stored_events:
            return []
        foreign = [not self._is_registered(event.topic) for event in stored_events]
        with self._lock:
            actions = self._to_actions(stored_events, foreign)
        sigs: Sequence[tuple[Signature, ...]] = kwargs.get("sigs") or self.key.sign(
            [action.data for action in actions]
        )
        signed = tuple(
            SignedAction(a.id, a.stream, a.type, a.data, sig, a.expected_version)
            for a, sig in zip(actions, sigs, strict=True)
        )
        try:
            answer = self.log.submit([Submission(signed)])[0]
        except LedgerError as error:
            raise OperationalError(str(error)) from error
        if isinstance(answer, Refused):
            self._forget(signed)
            raise RefusedEventsError(answer)
        if answer.new != len(signed):
            # The library's contract: a version that is stored is never inserted again. The answer
            # that repeats belongs to the intake (KAFKA.md section 3.9).
            raise IntegrityError("stream.version_conflict: these events are recorded already")
        with self._lock:
            for event, action, is_foreign in zip(stored_events, signed, foreign, strict=True):
                if is_foreign:
                    self._foreign_versions[action.stream].append(event.originator_version)
        return self._notification_ids(answer)

    def _notification_ids(self, answer: Recorded) -> list[int]:
        return [self.log.notification_id(place.index) for place in answer.places]

    def _to_actions(
        self, stored_events: Sequence[StoredEvent], foreign: Sequence[bool]
    ) -> list[SignedAction]:
        actions: list[SignedAction] = []
        pending: dict[str, list[int]] = {}
        for event, is_foreign in zip(stored_events, foreign, strict=True):
            if not is_foreign:
                actions.append(self._own_action(event))
                continue
            if not self._foreign_events:
                msg = f"{event.topic!r} is no event type of this ledger"
                raise ProgrammingError(msg)
            stream = self._foreign_stream(event.originator_id)
            versions = self._load_foreign_versions(stream)
            ahead = pending.setdefault(stream, [])
            if event.originator_version in versions or event.originator_version in ahead:
                msg = f"version {event.originator_version} of {event.originator_id} is recorded"
                raise IntegrityError(msg)
            ahead.append(event.originator_version)
            actions.append(self._foreign_action(event, stream, len(versions) + len(ahead)))
        return actions

    def _own_action(self, event: StoredEvent) -> SignedAction:
        try:
            action = decode_action(event.state)
        except ActionError as error:
            msg = f"{event.topic} of {event.originator_id}: {error}"
            raise ProgrammingError(msg) from error
        if (action.stream, action.type) != (event.originator_id, event.topic):
            msg = (
                f"stored event says {event.topic} of {event.originator_id}, "
                f"its action says {action.type} of {action.stream}"
            )
            raise ProgrammingError(msg)
        return SignedAction(
            action.id, action.stream, action.type, event.state, (), event.originator_version
        )

    def _foreign_action(self, event: StoredEvent, stream: str, version: int) -> SignedAction:
        action = Action(
            id=_foreign_id(stream, event.originator_version, event.topic, event.state),
            type=_FOREIGN_TYPE,
            stream=stream,
            occurred_at=OccurredAt(self._now(), "instant"),
            actor=Actor(kind="system", id=self.key.id),
            data={
                "originator_id": str(event.originator_id),
                "originator_version": event.originator_version,
                "topic": event.topic,
                "state": b64encode(event.state).decode(),
            },
        )
        return SignedAction(action.id, stream, action.type, encode_action(action), (), version)

    def _foreign_stream(self, originator_id: UUID | str) -> str:
        return stream_id("system", str(originator_id))

    def _load_foreign_versions(self, stream: str) -> list[int]:
        """Which originator versions a wrapped stream holds, by seal version."""
        known = self._foreign_versions.get(stream, [])
        if len(known) != self.log.stream_head(stream).version:
            entries = map(decode_entry, self.log.stream_entries(stream))
            known = [entry.action["data"]["originator_version"] for entry in entries]
        self._foreign_versions[stream] = known
        return known

    def _forget(self, actions: Sequence[SignedAction]) -> None:
        with self._lock:
            for action in actions:
                self._foreign_versions.pop(action.stream, None)

    # Reading

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Stored events of a stream by version; see the library's `AggregateRecorder`."""
        text = str(originator_id)
        kind, separator, _ = text.partition(":")
        if separator and kind != "system":
            data = self.log.stream_entries(text, after=gt or 0, until=lte, desc=desc, limit=limit)
            return [self._to_stored_event(decode_entry(item)) for item in data]
        # Wrapped events have versions of their own: read the stream, then select.
        stream = self._foreign_stream(originator_id)
        events = [
            self._to_stored_event(decode_entry(item)) for item in self.log.stream_entries(stream)
        ]
        events = [
            event
            for event in events
            if (gt is None or event.originator_version > gt)
            and (lte is None or event.originator_version <= lte)
        ]
        events.sort(key=lambda event: event.originator_version, reverse=desc)
        return events[:limit]

    def _to_stored_event(self, entry: Entry) -> StoredEvent:
        if entry.seal.type != _FOREIGN_TYPE:
            return StoredEvent(
                entry.seal.stream, entry.seal.version, entry.seal.type, entry.action_bytes
            )
        data = entry.action["data"]
        originator_id = data["originator_id"]
        return StoredEvent(
            UUID(originator_id) if self._uuids else originator_id,
            data["originator_version"],
            data["topic"],
            b64decode(data["state"]),
        )

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Notifications in order; see the library's `ApplicationRecorder`."""
        first = 1 if start is None else start + (not inclusive_of_start)
        found: list[Notification] = []
        while len(found) < limit:
            count = READ_RECORDS_MAX if topics else limit - len(found)
            batch = self.log.notifications(max(first, 1), stop, count)
            if not batch:
                break
            for notification_id, data in batch:
                event = self._to_stored_event(decode_entry(data))
                if topics and event.topic not in topics:
                    continue
                found.append(
                    Notification(
                        event.originator_id,
                        event.originator_version,
                        event.topic,
                        event.state,
                        notification_id,
                    )
                )
            first = batch[-1][0] + 1
        return found[:limit]

    def max_notification_id(self) -> int | None:
        """The highest notification id; None for a log without application events."""
        return self.log.notification_count() or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        """Notifications after `gt`, then new ones as they are recorded."""
        return EntrySubscription(self, gt, topics)

    def close(self) -> None:
        """Close the log; safe to call again."""
        self.log.close()


class EntrySubscription(Subscription[EntryRecorder]):
    """Yields notifications as the log grows, until stopped."""

    def __init__(
        self, recorder: EntryRecorder, gt: int | None = None, topics: Sequence[str] = ()
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._after = gt or 0
        self._batch: list[Notification] = []
        self._stopped = Event()

    def stop(self) -> None:
        """End the iteration at the next step."""
        super().stop()
        self._stopped.set()

    def __next__(self) -> Notification:
        while not self._stopped.is_set():
            if self._batch:
                notification = self._batch.pop(0)
                self._after = notification.id
                return notification
            self._batch = list(
                self._recorder.select_notifications(
                    self._after, READ_RECORDS_MAX, topics=self._topics, inclusive_of_start=False
                )
            )
            if not self._batch:
                self._recorder.log.wait_for_growth(
                    self._recorder.log.head().size, _SUBSCRIPTION_WAIT_SECONDS
                )
        raise StopIteration
