"""Tests over several problems at once, for the programs beside this file; scores are better when smaller.

van_elteren: Wilcoxon's rank sum in each stratum (a problem), weighted by 1 / (n_a + n_b + 1) and added (van Elteren, Bull. Inst. Int. Stat. 37,
1960), normal approximation with tie correction, two-sided. holm: Holm's step-down correction (Scand. J. Stat. 6, 1979).
"""

from __future__ import annotations

import math
from collections import Counter

from scipy.stats import rankdata


def van_elteren(strata: list[tuple[list[float], list[float]]]) -> tuple[float, float]:
    """p, and the mean over strata of P(a < b) + P(a = b) / 2: above a half, a is better."""
    statistic = variance = better = 0.0
    for a, b in strata:
        na, nb = len(a), len(b)
        n = na + nb
        rank_sum = float(sum(rankdata(a + b)[:na]))
        ties = sum(t**3 - t for t in Counter(a + b).values())
        weight = 1 / (n + 1)
        statistic += weight * (rank_sum - na * (n + 1) / 2)
        variance += weight**2 * na * nb / 12 * (n + 1 - ties / (n * (n - 1)))
        better += (na * nb + na * (na + 1) / 2 - rank_sum) / (na * nb) / len(strata)
    if variance <= 0:
        return 1.0, better
    return math.erfc(abs(statistic) / math.sqrt(2 * variance)), better


def holm(p: list[float]) -> list[float]:
    order = sorted(range(len(p)), key=lambda i: p[i])
    out = [1.0] * len(p)
    largest = 0.0
    for k, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - k) * p[i]))
        out[i] = largest
    return out


def smaller_is_better(document: dict, values: list) -> list[float]:
    """Scores of a comparison's JSON, turned so that smaller is better; nothing feasible is +inf."""
    sign = -1 if document["score"]["better"] == "larger" else 1
    return [math.inf if v is None else sign * v for v in values]
