"""Seeded chance: the same seed gives the same draws on every machine (G7).

Only `Random.random` is used, whose sequence Python keeps for every version; what is made of it is
made here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from math import exp
from random import Random
from statistics import NormalDist
from typing import Final, TypeVar

T = TypeVar("T")

_NORMAL: Final = NormalDist()
_EDGE: Final = 1e-9


class Draws:
    """Draws of one dossier; `seed` names the ledger's seed and the dossier."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311 - invented data, reproducible on purpose

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self._random.random() < probability

    def whole(self, first: int, last: int) -> int:
        """A whole number from `first` to `last`, both included."""
        return first + int(self._random.random() * (last - first + 1))

    def one_of(self, items: Sequence[T]) -> T:
        """One of the items, each as likely as the other."""
        return items[int(self._random.random() * len(items))]

    def weighted(self, items: Sequence[T], weights: Sequence[float]) -> T:
        """One of the items by their weights."""
        sums = list(accumulate(weights))
        return items[bisect_left(sums, self._random.random() * sums[-1])]

    def minutes(self, median: float, sigma: float, most: int) -> int:
        """A log-normal number of minutes, 1 to `most`: office times are skewed (G4)."""
        share = min(max(self._random.random(), _EDGE), 1 - _EDGE)
        return max(1, min(most, round(median * exp(sigma * _NORMAL.inv_cdf(share)))))
