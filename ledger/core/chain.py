"""Heads: where a log and a stream stand. The link is the leaf hash of the entry before."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

ZERO_LINK: Final = "0" * 64
"""The `prev` of index 0 and the `stream_prev` of version 1."""


class Head(NamedTuple):
    """A log after `size` entries; `leaf` is the lower-case hex leaf hash of entry `size - 1`."""

    size: int
    leaf: str


class StreamHead(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A stream after `version` entries; `leaf` is the hex leaf hash of its newest entry."""

    version: int
    leaf: str


EMPTY_HEAD: Final = Head(0, ZERO_LINK)
EMPTY_STREAM: Final = StreamHead(0, ZERO_LINK)
