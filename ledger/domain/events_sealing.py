"""The data of what the sealer records in a log's own stream: its keys, and missing witnesses."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ledger.domain.fields import Code, Count, EventData, Hash, Instant, Text

VerifierKeys = Annotated[tuple[Text, ...], msgspec.Meta(min_length=1)]
"""Keys as C2SP signed-note writes them: `<name>+<id>+<base64>`."""


class SealingOpened(EventData, frozen=True, kw_only=True):
    """From here on checkpoints of this log are signed with `keys`, those of the log of checkpoints
    with `checkpoints_keys`; the hash is that of the policy file that names the witnesses."""

    keys: VerifierKeys
    checkpoints_origin: Code
    checkpoints_keys: VerifierKeys
    policy_sha256: Hash


class WitnessOutage(EventData, frozen=True, kw_only=True):
    """Checkpoints are signed without their quorum since `since_at`; the newest has `size`."""

    size: Count
    since_at: Instant
    quorum: Code
    reason: Text


class WitnessRestored(EventData, frozen=True, kw_only=True):
    """A quorum cosigned the checkpoint of `size`: the outage since `since_at` is over."""

    size: Count
    since_at: Instant
