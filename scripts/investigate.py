#!/usr/bin/env python3
"""Investigate a dossier: who held it, who touched it, what happened between two moments.

The log is verified while it is read. An answer is an indicator, not proof: it shows what was
recorded, not that what an officer wrote is true. Dates are included; times are Asia/Ho_Chi_Minh.

    .venv/bin/python scripts/investigate.py H26.31.0007 --home pal-home
    .venv/bin/python scripts/investigate.py H26.31.0007 --from 2/3/2026 --to 13/3/2026
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from consumers.bootstrap import Settings, open_ledger
from consumers.cli.errors import NOT_FOUND, PASSED, report_error
from consumers.cli.moments import (
    ZONE_NAME,
    parse_moment,
    seconds_between,
    show_duration,
    show_instant,
    show_within,
)
from consumers.cli.terminal import safe_text
from ledger.domain.phrases import Language, sentence
from projections.queries.dossiers import DossierView, get_dossier


def main() -> int:
    """Ask, answer; gives the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dossier", help="the dossier's id")
    parser.add_argument("--home", type=Path, default=Path("pal-home"), help="folder of the ledger")
    parser.add_argument("--log", default="", help="kafka://HOST:PORT/TOPIC for a log in Kafka")
    parser.add_argument("--from", dest="first", default="", help="from this moment on, included")
    parser.add_argument("--to", dest="last", default="", help="up to this moment, included")
    parser.add_argument("--lang", choices=("en", "vi"), default="en", help="language of sentences")
    given = parser.parse_args()
    try:
        now = datetime.now(UTC)
        first = parse_moment(given.first, end=False, now=now) if given.first else ""
        last = parse_moment(given.last, end=True, now=now) if given.last else "9999"
        with open_ledger(Settings(given.home, given.log)) as ledger:
            store = ledger.store()
            try:
                found = get_dossier(store, given.dossier)
                heads = store.cursors()
            finally:
                store.close()
    except Exception as error:  # noqa: BLE001 - the edge: every error becomes a code and a message
        return report_error(error, given.home)
    if found is None:
        print(f"no entry of dossier {given.dossier!r}", file=sys.stderr)
        return NOT_FOUND
    _answer(found, first, last, given.lang, print)
    print(f"\ntimes: {ZONE_NAME}")
    for cursor in heads:
        size, leaf = cursor.head
        print(f"verified up to index {size - 1} of {cursor.origin} · head {leaf}")
    print("indicator, not proof: shows what was recorded, not that it is true")
    return PASSED


def _answer(
    found: DossierView, first: str, last: str, lang: Language, tell: Callable[[str], None]
) -> None:
    tell(f"Dossier {safe_text(found.state.dossier_id)}")
    tell("\nWho held it")
    for part in found.intervals:
        if part.to_at < first or part.from_at > last:
            continue
        start = max(part.from_at, first)
        end = min(part.to_at, last)
        who = {"held": part.officer, "in_transit": f"on the way to {part.unit}"}.get(
            part.kind, "nobody can be named"
        )
        mark = " (inferred: nobody accepted it)" if part.inferred and part.officer else ""
        length = show_duration(seconds_between(start, end))
        span = f"{show_instant(start)} – {show_instant(end)}"
        tell(f"  {span}  {length:>12}  {safe_text(who)}{mark}")
    inside = [row for row in found.entries if first <= row.occurred_at <= last]
    tell("\nWho touched it")
    for actor in sorted({row.actor for row in inside}):
        own = [row for row in inside if row.actor == actor]
        places = " ".join(f"#{row.version}" for row in own)
        tell(f"  {safe_text(actor)}  entries {len(own)}  {places}")
    tell("\nWhat happened")
    for row in inside:
        said = safe_text(show_within(sentence(row.action, lang)))
        tell(f"  {show_instant(row.occurred_at)}  {said}  #{row.version} · index {row.index}")


if __name__ == "__main__":
    sys.exit(main())
