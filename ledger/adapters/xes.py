"""XES (IEEE 1849), plain or gzip, by a streaming expat parser with DOCTYPE and entities refused."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn
from xml.parsers import expat

import msgspec

from ledger.adapters.source_files import CHUNK_BYTES, FILE_BYTES_MAX, FileRefusedError, open_source
from ledger.domain.importing import Attribute, SourceCase, SourceEvent

_ATTRIBUTE_TAGS: Final = frozenset(
    {"string", "date", "int", "float", "boolean", "id", "list", "container"}
)
_DEPTH_MAX: Final = 64
"""Nesting of one attribute: deeper is an attack, not a log."""


class LogSummary(msgspec.Struct, frozen=True):
    """What reading a whole file showed: the log's own name, traces, and names that occur twice."""

    name: str
    cases: int
    events: int
    repeated: frozenset[str]


class _Reader:
    """Collects traces while expat walks the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: list[SourceCase] = []
        self.name = ""
        self.events = 0
        self._depth: list[str] = []
        self._names: list[str] = []
        self._case: list[Attribute] | None = None
        self._case_events: list[SourceEvent] = []
        self._case_line = 0
        self._event: list[Attribute] | None = None
        self._event_line = 0
        self.parser = expat.ParserCreate(namespace_separator=None)
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.EntityDeclHandler = self._refuse_doctype

    def _refuse_doctype(self, *_: object) -> NoReturn:
        line = self.parser.CurrentLineNumber
        raise FileRefusedError(self.path, line, "a DOCTYPE or entity declaration is not accepted")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if not self._depth and tag != "log":
            line = self.parser.CurrentLineNumber
            raise FileRefusedError(self.path, line, f"<{tag}> where <log> was expected")
        self._depth.append(tag)
        if len(self._depth) > _DEPTH_MAX:
            line = self.parser.CurrentLineNumber
            raise FileRefusedError(self.path, line, f"nested deeper than {_DEPTH_MAX}")
        if tag == "trace" and self._case is None:
            self._case, self._case_events = [], []
            self._case_line = self.parser.CurrentLineNumber
        elif tag == "event" and self._case is not None and self._event is None:
            self._event = []
            self._event_line = self.parser.CurrentLineNumber
        elif tag in _ATTRIBUTE_TAGS:
            self._attribute(tag, attributes)

    def _attribute(self, tag: str, attributes: dict[str, str]) -> None:
        key = attributes.get("key", "")
        self._names.append(key)
        if self._event is not None:
            target = self._event
        elif self._case is not None:
            target = self._case
        else:
            if self._depth == ["log", tag] and key == "concept:name":
                self.name = attributes.get("value", "")
            return
        if "value" in attributes:
            target.append(("/".join(self._names), tag, attributes["value"]))

    def _end(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
        self._depth.pop()
        if tag in _ATTRIBUTE_TAGS and self._names:
            self._names.pop()
        elif tag == "event" and self._event is not None:
            self._case_events.append(self._finish_event(self._event))
            self._event = None
            self.events += 1
        elif tag == "trace" and self._case is not None:
            names = [text for name, _, text in self._case if name == "concept:name"]
            own = tuple(item for item in self._case if item[0] != "concept:name")
            self.done.append(
                SourceCase(
                    names[0] if names else "", own, tuple(self._case_events), self._case_line
                )
            )
            self._case = None

    def _finish_event(self, attributes: list[Attribute]) -> SourceEvent:
        values: dict[str, str] = {}
        for name, _, text in attributes:
            values.setdefault(name, text)
        return SourceEvent(
            activity=values.get("concept:name", ""),
            resource=values.get("org:resource", ""),
            time=values.get("time:timestamp", ""),
            lifecycle=values.get("lifecycle:transition", ""),
            attributes=tuple(attributes),
            line=self._event_line,
            position=self.events,
        )


def read_cases(path: Path) -> Iterator[SourceCase]:
    """The traces of a file in order; raises `FileRefusedError` where it is not well-formed."""
    for reader in _read(path):
        yield from reader.done
        reader.done.clear()


def summarise(path: Path) -> LogSummary:
    """Read the whole file first, so that a bad one is refused before anything is recorded."""
    names: Counter[str] = Counter()
    last: Any = None
    for reader in _read(path):
        names.update(case.name for case in reader.done)
        reader.done.clear()
        last = reader
    repeated = frozenset(name for name, count in names.items() if count > 1)
    return LogSummary(last.name, names.total(), last.events, repeated)


def _read(path: Path) -> Iterator[_Reader]:
    reader = _Reader(path)
    total = 0
    try:
        with open_source(path) as file:
            while chunk := file.read(CHUNK_BYTES):
                total += len(chunk)
                if total > FILE_BYTES_MAX:
                    raise FileRefusedError(path, 0, f"more than {FILE_BYTES_MAX} bytes")
                reader.parser.Parse(chunk, False)
                yield reader
        reader.parser.Parse(b"", True)
        yield reader
    except expat.ExpatError as error:
        raise FileRefusedError(path, error.lineno, f"not well-formed XML: {error}") from error
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise FileRefusedError(path, 0, f"cannot be read: {error}") from error
