"""Every limit of an import, in one place, each with its reason."""

from __future__ import annotations

from typing import Final

ATTRIBUTE_CHARACTERS_MAX: Final = 16_384
"""One attribute of an event, at most 64 KiB in any script: what is longer is a document, and
documents stay outside the ledger. Refuses the case."""

EVENT_CHARACTERS_MAX: Final = 65_535
"""Names and texts of one event: more could never stand in an entry. Refuses the case."""

CASE_CHARACTERS_MAX: Final = 64 * 2**20
"""Names and texts of one case, which is sorted in memory. Refuses the case."""

ATTRIBUTE_OVERHEAD: Final = 64
"""Characters that each attribute counts beside its own, for the memory that it takes."""

APART_CHARACTERS_MAX: Final = 256 * 2**20
"""Rows of cases whose rows do not stand together, held in memory until their case is complete.
Refuses the file, before the first write."""

TOKEN_BYTES_MAX: Final = 32 * 2**20
"""One XML token, CSV line or CSV field: a parser holds it whole. Lies far above an attribute, so
that a long attribute refuses its case and only an absurd one the file."""

LINE_BYTES_MAX: Final = 2**19
"""One JSON line: no action that fits an entry needs as much, however it is written."""

NESTING_MAX: Final = 64
"""Nesting of XML elements: deeper is an attack, not a log."""

FILE_BYTES_MAX: Final = 8 * 2**30
"""Uncompressed bytes of one file, which is read as a stream: a compressed bomb ends here."""
