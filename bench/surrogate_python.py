#!/usr/bin/env python3
"""Processor time of one query of a surrogate from Python: the default ensemble, 30 features, 6 targets, with intervals; median of 7.

    .venv/bin/python bench/surrogate_python.py
"""

from __future__ import annotations

import statistics
import time

import gnomon
import numpy as np


def main() -> None:
    x = np.random.default_rng(1).uniform(1, 10, (1500, 30))
    y = np.stack([x[:, k] * x[:, k + 1] for k in range(6)], 1)
    model = gnomon.Surrogate.train(x, y, features=[f"x{i}" for i in range(30)], targets=[f"y{k}" for k in range(6)], family="ensemble")
    one, queries = x[:1], 2000
    for _ in range(200):
        model.predict(one)
    times = []
    for _ in range(7):
        start = time.process_time()
        for _ in range(queries):
            model.predict(one)
        times.append(1e6 * (time.process_time() - start) / queries)
    print(f"one query from Python: {statistics.median(times):.1f} us")


if __name__ == "__main__":
    main()
