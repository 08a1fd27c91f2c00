"""XES (IEEE 1849), plain or gzip, by a streaming expat parser with DOCTYPE and entities refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn
from xml.parsers import expat

import msgspec

from ledger.adapters.source_files import (
    CHUNK_BYTES,
    FileRefusedError,
    fault_of,
    open_source,
)
from ledger.domain.import_limits import (
    ATTRIBUTE_CHARACTERS_MAX,
    ATTRIBUTE_OVERHEAD,
    CASE_CHARACTERS_MAX,
    EVENT_CHARACTERS_MAX,
    FILE_BYTES_MAX,
    NESTING_MAX,
    TOKEN_BYTES_MAX,
)
from ledger.domain.importing import Attribute, Fault, SourceCase, SourceEvent

CASE, ACTIVITY, RESOURCE, TIME, LIFECYCLE = (
    "concept:name",
    "concept:name",
    "org:resource",
    "time:timestamp",
    "lifecycle:transition",
)
CLEAR_NAMES: Final = frozenset({CASE, ACTIVITY, RESOURCE, TIME, LIFECYCLE})
"""Attributes that the envelope repeats in clear: sealing them would hide nothing."""

_ATTRIBUTE_TAGS: Final = frozenset(
    {"string", "date", "int", "float", "boolean", "id", "list", "container"}
)
_WITHOUT_VALUE: Final = frozenset({"list", "container"})
_PARENTS: Final = {"log": (), "trace": ("log",), "event": ("log", "trace")}


class LogSummary(msgspec.Struct, frozen=True):
    """What reading a whole file showed: the log's own name, traces, and names that occur twice."""

    name: str
    cases: int
    events: int
    repeated: frozenset[str]


class _Collected:
    """The attributes of one event or trace, never more than an entry could hold."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.attributes: list[Attribute] = []
        self.fault: Fault | None = None
        self.characters = 0

    def add(self, attribute: Attribute) -> None:
        if self.fault is not None:
            return
        length = len(attribute[2])
        self.characters += len(attribute[0]) + length
        if length > ATTRIBUTE_CHARACTERS_MAX or self.characters > EVENT_CHARACTERS_MAX:
            self.fault = fault_of((*self.attributes, attribute))
            self.attributes, self.characters = [], 0
            return
        self.attributes.append(attribute)

    def refuse(self, field: str, reason: str) -> None:
        self.fault = self.fault or Fault(field, reason)


class _Reader:
    """Collects traces while expat walks the file; `is_overview` leaves the events' content out."""

    def __init__(self, path: Path, *, is_overview: bool) -> None:
        self.path = path
        self._is_overview = is_overview
        self.done: list[SourceCase] = []
        self.name = ""
        self.events = 0
        self._depth: list[str] = []
        self._names: list[str] = []
        self._case: _Collected | None = None
        self._case_name = ""
        self._case_events: list[SourceEvent] = []
        self._case_weight = 0
        self._event: _Collected | None = None
        self.parser = expat.ParserCreate(namespace_separator=None)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.EntityDeclHandler = self._refuse_doctype

    def _refuse(self, reason: str) -> NoReturn:
        raise FileRefusedError(self.path, self.parser.CurrentLineNumber, reason)

    def _refuse_doctype(self, *_: object) -> NoReturn:
        self._refuse("a DOCTYPE or entity declaration is not accepted")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if ":" in tag:
            tag = tag.rpartition(":")[2]
        depth = self._depth
        if tag in _ATTRIBUTE_TAGS and depth:
            depth.append(tag)
            if len(depth) > NESTING_MAX:
                self._refuse(f"nested deeper than {NESTING_MAX}")
            if self._event is None or not self._is_overview:
                self._attribute(tag, attributes)
            return
        if not depth and tag != "log":
            self._refuse(f"<{tag[:80]}> where <log> was expected")
        parents = _PARENTS.get(tag)
        if parents is not None and tuple(depth) != parents:
            self._refuse(f"<{tag}> where none may stand: an event lies in a trace, that in the log")
        depth.append(tag)
        if len(depth) > NESTING_MAX:
            self._refuse(f"nested deeper than {NESTING_MAX}")
        if tag == "event":
            self._event = _Collected(self.parser.CurrentLineNumber)
        elif tag == "trace":
            self._case = _Collected(self.parser.CurrentLineNumber)
            self._case_name, self._case_events, self._case_weight = "", [], 0

    def _attribute(self, tag: str, attributes: dict[str, str]) -> None:
        key = attributes.get("key", "")
        self._names.append(key[:ATTRIBUTE_CHARACTERS_MAX])
        value = attributes.get("value")
        target = self._event or self._case
        if target is None:
            if len(self._depth) == 2 and key == CASE:
                self.name = value or ""
            return
        if not key or len(key) > ATTRIBUTE_CHARACTERS_MAX:
            target.refuse(f"<{tag}>", "an attribute without key, or with one far too long")
        elif value is None:
            if tag not in _WITHOUT_VALUE:
                target.refuse(key, "an attribute without value")
        elif self._event is None and key == CASE and len(self._names) == 1:
            self._name_case(value)
        else:
            target.add(("/".join(self._names) if len(self._names) > 1 else key, tag, value))

    def _name_case(self, value: str) -> None:
        if self._case is not None and (self._case_name or len(value) > ATTRIBUTE_CHARACTERS_MAX):
            self._case.refuse(CASE, "a second name, or one far too long")
            return
        self._case_name = value

    def _end(self, tag: str) -> None:
        tag = self._depth.pop()
        if tag in _ATTRIBUTE_TAGS:
            if self._event is None or not self._is_overview:
                self._names.pop()
        elif tag == "event" and self._event is not None and self._case is not None:
            self._finish_event(self._event, self._case)
            self._event = None
        elif tag == "trace" and self._case is not None:
            case = self._case
            self.done.append(
                SourceCase(
                    self._case_name,
                    tuple(case.attributes),
                    tuple(self._case_events),
                    case.line,
                    case.fault,
                )
            )
            self._case, self._case_events = None, []

    def _finish_event(self, event: _Collected, case: _Collected) -> None:
        position = self.events
        self.events += 1
        if self._is_overview:
            return
        self._case_weight += event.characters + ATTRIBUTE_OVERHEAD * len(event.attributes)
        if self._case_weight > CASE_CHARACTERS_MAX:
            case.refuse("events", f"more than {CASE_CHARACTERS_MAX} characters in one case")
            self._case_events = []
            return
        values: dict[str, str] = {}
        for name, _, text in event.attributes:
            values.setdefault(name, text)
        self._case_events.append(
            SourceEvent(
                activity=values.get(ACTIVITY, ""),
                resource=values.get(RESOURCE, ""),
                time=values.get(TIME, ""),
                lifecycle=values.get(LIFECYCLE, ""),
                attributes=tuple(event.attributes),
                line=event.line,
                position=position,
                fault=event.fault,
            )
        )


def read_cases(path: Path) -> Iterator[SourceCase]:
    """The traces of a file in order; raises `FileRefusedError` where it is not well-formed."""
    for reader in _read(path, is_overview=False):
        yield from reader.done
        reader.done.clear()


def summarise(path: Path) -> LogSummary:
    """Read the whole file first, so that a bad one is refused before anything is recorded."""
    names: Counter[str] = Counter()
    name, events = "", 0
    for reader in _read(path, is_overview=True):
        names.update(case.name for case in reader.done)
        reader.done.clear()
        name, events = reader.name, reader.events
    repeated = frozenset(case for case, count in names.items() if count > 1 and case)
    return LogSummary(name, names.total(), events, repeated)


def _read(path: Path, *, is_overview: bool) -> Iterator[_Reader]:
    reader = _Reader(path, is_overview=is_overview)
    total = 0
    with open_source(path) as file:
        try:
            while chunk := file.read(CHUNK_BYTES):
                total += len(chunk)
                if total > FILE_BYTES_MAX:
                    raise FileRefusedError(path, 0, f"more than {FILE_BYTES_MAX} bytes")
                reader.parser.Parse(chunk, False)
                if total - reader.parser.CurrentByteIndex > TOKEN_BYTES_MAX:
                    line = reader.parser.CurrentLineNumber
                    raise FileRefusedError(path, line, f"one tag of over {TOKEN_BYTES_MAX} bytes")
                yield reader
            reader.parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise FileRefusedError(path, error.lineno, f"not well-formed XML: {error}") from error
        except (LookupError, ValueError) as error:
            line = reader.parser.CurrentLineNumber
            raise FileRefusedError(path, line, f"cannot be decoded: {error}") from error
    yield reader
