"""The rule sets that are shipped as TOML beside the code, and the rules made of them."""

from __future__ import annotations

from importlib.resources import files
from types import MappingProxyType
from typing import Final

from ledger.domain.calendars import VN
from ledger.domain.rules import Rules
from ledger.domain.rulesets import Ruleset, RulesetError, decode_ruleset


def shipped_rulesets() -> dict[str, Ruleset]:
    """Every shipped rule set by name; raises `RulesetError` naming the file."""
    found: dict[str, Ruleset] = {}
    for item in files("ledger.domain").joinpath("rulesets").iterdir():
        if not item.name.endswith(".toml"):
            continue
        try:
            ruleset = decode_ruleset(item.read_text(encoding="utf-8"))
        except RulesetError as error:
            msg = f"{item.name}: {error}"
            raise RulesetError(msg) from error
        found[ruleset.name] = ruleset
    return found


DEFAULT_RULES: Final = Rules(
    MappingProxyType({VN.version: VN}), VN.version, MappingProxyType(shipped_rulesets())
)
