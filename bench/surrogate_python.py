#!/usr/bin/env python3
"""Processor time of one query of a surrogate from Python, with intervals; median of 7: the default ensemble, 30 features, 6 targets, by array and by data frame; and the shipped model
of layered networks by a data frame of one network (pandas).

    .venv/bin/python bench/surrogate_python.py     (in the repository's root)
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import gnomon
import numpy as np
import pandas as pd


def measure(what: str, ask: Callable[[], object], queries: int = 2000) -> None:
    for _ in range(200):
        ask()
    times = []
    for _ in range(7):
        start = time.process_time()
        for _ in range(queries):
            ask()
        times.append(1e6 * (time.process_time() - start) / queries)
    print(f"{what}: {statistics.median(times):.1f} us")


def main() -> None:
    x = np.random.default_rng(1).uniform(1, 10, (1500, 30))
    y = np.stack([x[:, k] * x[:, k + 1] for k in range(6)], 1)
    model = gnomon.Surrogate.train(x, y, features=[f"x{i}" for i in range(30)], targets=[f"y{k}" for k in range(6)], family="ensemble")
    one = x[:1]
    measure("one query from Python", lambda: model.predict(one))
    frame = pd.DataFrame(one, columns=model.features)
    measure("one query by data frame", lambda: model.predict(frame))
    networks = pd.read_csv("surrogate/data/layers.csv.gz", nrows=1)
    shipped = gnomon.Surrogate("network")
    measure("one layered network by data frame", lambda: shipped.predict(networks))
    described = networks[["layers", "network", "family", "precision_bits", "strategy", "io", "layer_count"]]
    measure("one layered network by data frame, the columns that describe it alone", lambda: shipped.predict(described))


if __name__ == "__main__":
    main()
