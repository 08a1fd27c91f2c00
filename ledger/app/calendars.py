"""Calendars that entries published (E65), for the write side: a due date counts by what is valid.

The version that a dossier names says the stream, and the stream the log. What is recorded there is
read when a due date is to be set or moved, and again only when that stream has grown.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.app.ports import EntryLog
from ledger.core.action import convert_action
from ledger.core.ids import log_number
from ledger.domain.calendars import PublishedCalendar, calendar_stream
from ledger.domain.registry import build_registry
from ledger.domain.rules import Rules
from ledger.domain.upcasting import upcast
from ledger.entry.entry import decode_entry


class CalendarEntries:
    """The shipped `rules` together with what the logs of a ledger, all of them by number, say."""

    def __init__(self, logs: Sequence[EntryLog], rules: Rules) -> None:
        self._logs = tuple(logs)
        self._rules = rules
        self._known: dict[str, tuple[int, Rules]] = {}

    def is_current(self, version: str) -> bool:
        """Whether what is known of the calendar of a version ("" = the default) is all there is."""
        stream = self._stream(version)
        known, _ = self._known.get(stream, (0, self._rules))
        return known == self._log(stream).stream_head(stream).version

    def rules(self, version: str) -> Rules:
        """The rules with every version of that calendar (blocking where it must be read)."""
        stream = self._stream(version)
        if not self.is_current(version):
            log = self._log(stream)
            head = log.stream_head(stream).version
            self._known[stream] = (head, self._rules.knowing(_published(log, stream, head)))
        return self._known.get(stream, (0, self._rules))[1]

    def _stream(self, version: str) -> str:
        return calendar_stream(version or self._rules.default_calendar)

    def _log(self, stream: str) -> EntryLog:
        return self._logs[log_number(stream, len(self._logs))]


def _published(log: EntryLog, stream: str, head: int) -> tuple[PublishedCalendar, ...]:
    entries = map(decode_entry, log.stream_entries(stream, until=head))
    return build_registry(upcast(convert_action(entry.action)) for entry in entries).calendars
