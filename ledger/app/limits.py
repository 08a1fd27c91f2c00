"""Every limit of the ledger, in one place, each with its reason."""

from __future__ import annotations

from typing import Final

GROUP_ENTRIES_MAX: Final = 2_000
"""Entries of one record batch: large enough that grouping pays, small enough to answer quickly."""

GROUP_BYTES_MAX: Final = 4 * 2**20
"""Bytes of one record batch; the topic's max.message.bytes must lie above."""

SUBMISSION_ACTIONS_MAX: Final = 1_000
"""Actions signed together; a submission is never split over two batches."""

QUEUE_SUBMISSIONS_MAX: Final = 10_000
"""Submissions without an answer; beyond that a caller waits, so that memory stays bounded. At
12 000 actions a second the last of them waits under a second."""

QUEUE_BYTES_MAX: Final = 64 * 2**20
"""The same for their bytes: sixteen full batches; one submission may hold a thousand actions."""

QUEUE_WAIT_SECONDS: Final = 5.0
"""How long a caller waits for room in the queue: a door that is full says so while it is early."""

APPEND_TIMEOUT_SECONDS: Final = 30.0
"""After this a caller gets an outcome that is unknown, not a wait without end."""

CLOCK_AHEAD_SECONDS_MAX: Final = 5.0
"""A writer does not open on a head recorded this far ahead of its clock (DESIGN.md 4)."""

OCCURRED_AHEAD_SECONDS_MAX: Final = 300.0
"""`occurred_at` may lie this far after `recorded_at`: clocks differ; beyond it is impossible."""

READ_RECORDS_MAX: Final = 5_000
"""Records of one read: bounds memory of every reader."""

CONFLICT_RETRIES_MAX: Final = 16
"""How often `append` decides again after another action of the same stream came first."""

STATES_REMEMBERED_MAX: Final = 20_000
"""Dossier states kept by the intake, so that an action needs no reading of its stream."""

SIGNATURES_TOGETHER_MAX: Final = 16
"""Signatures that one thread verifies before it wakes the event loop: some two milliseconds."""

LOGS_MAX: Final = 256
"""Logs of one ledger: each costs a writer session, an index and a genesis, and one carries several
times the nation's peak."""

STRAYS_PER_ENTRY_MAX: Final = 100
"""Strays that one entry of the insider watch names: it stays well below the size of an entry."""

STRAYS_PER_CHECK_MAX: Final = 2_000
"""Strays that one look of the insider watch reads and records; the next look goes on with more."""

GAPS_PER_CHECK_MAX: Final = 100
"""The same for gaps between offsets."""

SEAL_ENTRIES_MAX: Final = 100_000
"""Entries of one checkpoint: some seconds of work, so that a sealer that begins late publishes one
after another, and a crash costs no more than that."""

COMMIT_SECONDS: Final = 180.0
"""How long a caller waits for the checkpoint that covers its entry, where it says nothing else:
three rounds of a sealer that runs every minute."""
