"""Writes what is generated: actions as JSON lines for `pal import`, and the truth beside them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

import msgspec

from consumers.generate.run import generate
from consumers.generate.truth import TruthHead

_PART: Final = ".part"
_LEVEL: Final = 6

Progress = Callable[[int, int], None]
"""(actions so far, actions wanted)."""


class GeneratedFiles(msgspec.Struct, frozen=True):
    """What was written: actions and dossiers, planted behaviours and broken duties."""

    actions_file: Path
    truth_file: Path
    seed: str
    actions: int
    dossiers: int
    planted: int
    breaches: int


def truth_path(actions: Path) -> Path:
    """`year.jsonl.gz` has its truth in `year.truth.jsonl.gz`."""
    stem, _, endings = actions.name.partition(".")
    return actions.with_name(f"{stem}.truth.{endings}")


def write_files(path: Path, entries: int, seed: str, progress: Progress) -> GeneratedFiles:
    """Write both files; until they are whole they end in `.part`. Compressed where the name ends in
    .gz, the same bytes each time too."""
    truth_file = truth_path(path)
    actions = dossiers = planted = breaches = 0
    encode = msgspec.json.Encoder().encode
    with _written(path) as out, _written(truth_file) as truths:
        truths.write(encode(TruthHead(seed, entries)) + b"\n")
        for lines, made in generate(entries, seed):
            out.write(b"\n".join(lines) + b"\n")
            actions += len(lines)
            if made is not None:
                truths.write(encode(made.truth) + b"\n")
                dossiers += 1
                planted += bool(made.truth.behaviours)
                breaches += len(made.truth.breaches)
            progress(actions, entries)
    for file in (path, truth_file):
        _part(file).replace(file)
    return GeneratedFiles(path, truth_file, seed, actions, dossiers, planted, breaches)


def _part(path: Path) -> Path:
    return path.with_name(path.name + _PART)


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    with _part(path).open("wb") as file:
        if path.suffix != ".gz":
            yield file
            return
        # Neither name nor time stand in the compressed file: the same seed gives the same bytes.
        with gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
            yield cast("BinaryIO", packed)
