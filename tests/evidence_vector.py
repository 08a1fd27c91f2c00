"""Makes the bundle of this release that every later one must verify.

    .venv/bin/python -m tests.evidence_vector

What an officer did in eight days, with an entry hidden that was approved. To be run until the
release is out, and for no release that is: somebody may hold its bundle in their hands.
"""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from consumers.bootstrap import Settings, open_ledger
from ledger.entry.archive import encode_archive
from ledger.entry.bundle import OfficerScope, Place
from tests.evidence_approvals import approved_home, hidden_row
from tests.evidence_forge import export, files_of

FOLDER: Final = Path(__file__).parent / "vectors" / "evidence"
RELEASE: Final = "release-0.1.zip"
UNTIL: Final = "2026-03-09T16:59:59.999999Z"


def main() -> None:
    """Write the bundle, and the fingerprint of its policy beside it."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        sealing = approved_home(home)
        with open_ledger(Settings(home)) as ledger:
            row = hidden_row(ledger)
        exported = export(home, OfficerScope(row.actor, to_at=UNTIL), [Place(row.log, row.index)])
    (FOLDER / RELEASE).write_bytes(encode_archive(files_of(exported)))
    fingerprint = sha256(sealing.policy.encode()).hexdigest()
    (FOLDER / "policy.sha256").write_text(f"{fingerprint}  policy.txt\n", "ascii")
    print(f"{RELEASE}: {exported.manifest.counts}")


if __name__ == "__main__":
    main()
