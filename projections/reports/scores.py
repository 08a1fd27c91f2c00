"""Points from figures: how far an office is by a set of weights (DOMAIN.md 1.11).

The weights are data. What was not measured gets no points and takes none away, and the answer says
so: a score over half of the groups is no score of the office.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Final, Literal

import msgspec

from ledger.domain.fields import Count, Text
from projections.folds.figures import FIGURES, Figure

DECISION_766: Final = "decision-766"


class ScoreSetError(ValueError):
    """The text is no set of weights."""


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group of figures, each with the same part of its points."""

    name: Text
    points: Count
    figures: tuple[str, ...]


class ScoreSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights, where they come from, and how sure that is."""

    name: Text
    legal_basis: tuple[Text, ...]
    certainty: Literal["high", "medium", "low"]
    groups: tuple[Group, ...]


class GroupScore(msgspec.Struct, frozen=True):
    """Points of a group of its `of`; None where none of its figures was measured."""

    name: str
    points: float | None
    of: int
    measured: tuple[str, ...]
    missing: tuple[str, ...]


class Score(msgspec.Struct, frozen=True):
    """Points of those that could be had from what was measured (`of`), of `whole` in all."""

    name: str
    points: float
    of: int
    whole: int
    groups: tuple[GroupScore, ...]


def decode_score_set(text: str) -> ScoreSet:
    """The weights in a TOML text; raises `ScoreSetError`."""
    try:
        found = msgspec.convert(tomllib.loads(text), ScoreSet)
    except ValueError as error:
        raise ScoreSetError(str(error)) from error
    for group in found.groups:
        unknown = [name for name in group.figures if name not in FIGURES]
        if unknown or not group.figures:
            msg = f"groups.{group.name}.figures: {unknown or 'none'}; known: {', '.join(FIGURES)}"
            raise ScoreSetError(msg)
    return found


def shipped_score_set(name: str = DECISION_766) -> ScoreSet:
    """The weights that are shipped under a name."""
    path = files("ledger.domain").joinpath("scores").joinpath(f"{name}.toml")
    return decode_score_set(path.read_text(encoding="utf-8"))


def score(figures: Iterable[Figure], weights: ScoreSet) -> Score:
    """The points of each group: its share is the mean of the shares that were measured."""
    shares = {figure.name: figure.share for figure in figures}
    groups = tuple(_group(group, shares) for group in weights.groups)
    measured = [group for group in groups if group.points is not None]
    return Score(
        weights.name,
        sum(group.points or 0.0 for group in measured),
        sum(group.of for group in measured),
        sum(group.points for group in weights.groups),
        groups,
    )


def _group(group: Group, shares: dict[str, float | None]) -> GroupScore:
    found = {name: share for name in group.figures if (share := shares.get(name)) is not None}
    missing = tuple(name for name in group.figures if name not in found)
    points = group.points * sum(found.values()) / len(found) if found else None
    return GroupScore(group.name, points, group.points, tuple(found), missing)
