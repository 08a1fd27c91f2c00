"""Where a decoded value is not what its type says: path, value and reason, from msgspec's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_FIELD: Final = re.compile(r"`\$\.?([^`]*)`|field `([^`]*)`")


class FieldFault(NamedTuple):
    """`path` from the root ("" is the root itself), what stands there (None: nothing), why not."""

    path: str
    value: object
    reason: str


def field_fault(message: str, root: object) -> FieldFault:
    """The fault that a `msgspec.ValidationError` over `root` tells of."""
    reason, _, _ = message.partition(" - at `$")
    found = {
        kind: path
        for match in _FIELD.finditer(message)
        if (kind := match.lastindex) and (path := match.group(kind))
    }
    path = ".".join(part for part in (found.get(1, ""), found.get(2, "")) if part)
    value: Any = root
    for part in re.findall(r"[^.\[\]]+", path):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, (list, tuple)) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            value = None
    return FieldFault(path, value, reason)
