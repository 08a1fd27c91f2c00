"""Mappings for `pal import --mapping`: a TOML file of the user's, or the name of a shipped one."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

_ENDING: Final = ".toml"
_SHIPPED: Final = files("ledger.domain").joinpath("profiles")


def shipped_profiles() -> tuple[str, ...]:
    """The names of the shipped mappings."""
    names = (item.name for item in _SHIPPED.iterdir())
    return tuple(sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING)))


def profile_text(path: Path) -> str | None:
    """The TOML text of a mapping: of the file, else of the shipped one of that name; None where
    there is neither. Raises OSError, UnicodeDecodeError.
    """
    if path.is_file():
        return path.read_text(encoding="utf-8")
    if str(path) in shipped_profiles():
        return _SHIPPED.joinpath(f"{path}{_ENDING}").read_text(encoding="utf-8")
    return None
