"""The data of what the sealer records in a log's own stream: its keys, missing witnesses, a lost
store."""

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


class SealingRestored(EventData, frozen=True, kw_only=True):
    """The store of signed checkpoints was lost, and made anew from the published one of `size`.

    `confirmed_by` names the witnesses that cosigned it then as the newest that they know; where it
    is empty nobody excludes a newer one. Of earlier checkpoints the signatures are kept no more:
    the first `rounds` entries of `checkpoints_origin` name their sizes and roots.
    """

    size: Count
    root: Hash
    checkpoints_origin: Code
    rounds: Count
    confirmed_by: tuple[Text, ...]
