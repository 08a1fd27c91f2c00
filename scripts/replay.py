#!/usr/bin/env python3
"""Replay the log: each entry as a sentence, and what it changed.

For somebody who never saw the code: name the folder of the ledger and, if you like, a dossier.

    .venv/bin/python scripts/replay.py --home pal-home H26.31.0007
    .venv/bin/python scripts/replay.py --home pal-home --from-index 100 --to-index 120
    .venv/bin/python scripts/replay.py --home pal-home H26.31.0007 --until 2026-03-03T17:00+07:00
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from consumers.cli.main import run


def main() -> int:
    """Run; gives the exit code of `pal replay`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dossier", nargs="?", default="", help="a dossier; without: every entry")
    parser.add_argument("--home", default="pal-home", help="folder of the ledger (pal-home)")
    parser.add_argument("--log", default="", help="kafka://HOST:PORT/TOPIC for a log in Kafka")
    parser.add_argument("--from-index", type=int, default=0, help="first index, included")
    parser.add_argument("--to-index", type=int, help="last index, included")
    parser.add_argument("--until", default="", help="only what was recorded up to this moment")
    parser.add_argument("--step", action="store_true", help="wait for Enter after each entry")
    parser.add_argument("--all", action="store_true", help="more than the first 200 entries")
    parser.add_argument("--lang", choices=("en", "vi"), default="en", help="language")
    given = parser.parse_args()
    words = ["replay", *([given.dossier] if given.dossier else [])]
    words += ["--home", given.home, "--lang", given.lang, "--from-index", str(given.from_index)]
    for flag, value in (
        ("--log", given.log),
        ("--to-index", given.to_index),
        ("--as-of", given.until),
        ("--limit", "0" if given.all else None),
    ):
        if value not in ("", None):
            words += [flag, str(value)]
    return run([*words, "--step"] if given.step else words)


if __name__ == "__main__":
    sys.exit(main())
