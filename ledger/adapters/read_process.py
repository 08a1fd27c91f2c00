"""A process that decodes and hashes records for one that folds them, on a core of its own.

It says what `facts_of` says; how records continue the log, and which signatures hold, stays with
the fold. It is told nothing but records.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ledger.adapters.pipe_process import PipeProcess, answer_requests
from ledger.app.read_facts import Facts, facts_of


class ReadProcess(PipeProcess[Sequence[bytes | None], Facts]):
    """One such process: asked with the values of some records, it answers with their facts."""

    def __init__(self) -> None:
        super().__init__(__name__, Facts)


def main() -> None:
    """Answer requests until the input ends."""
    answer_requests(msgspec.msgpack.Decoder(list[bytes | None]), facts_of)


if __name__ == "__main__":
    main()
