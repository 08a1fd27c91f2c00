#!/usr/bin/env python3
"""Rebuild every projection from the log's first entry, and compare with the live ones.

Every link and signature is checked on the way. Exit code 0: the digests are equal (or there was
nothing to compare with); 1: they differ, or the log is broken; nothing live is touched then.

    .venv/bin/python scripts/rebuild.py --home pal-home
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from consumers.cli.main import run


def main() -> int:
    """Run; gives the exit code of `pal rebuild`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", default="pal-home", help="folder of the ledger (pal-home)")
    parser.add_argument("--log", default="", help="kafka://HOST:PORT/TOPIC for a log in Kafka")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    given = parser.parse_args()
    words = ["rebuild", "--home", given.home, "--format", "json" if given.json else "table"]
    return run([*words, "--log", given.log] if given.log else words)


if __name__ == "__main__":
    sys.exit(main())
