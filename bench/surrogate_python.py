#!/usr/bin/env python3
"""Processor time of one query of a surrogate from Python, with intervals; median of 7: the default ensemble, 30 features, 6 targets, by array, by data frame and by dict; and the shipped models:
networks by a data frame of one, and by record; designs, kernels and whole workloads by JSON, alone and of lists the time each.

    .venv/bin/python bench/surrogate_python.py     (in the repository's root)
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import gnomon
import numpy as np
import pandas as pd


def measure(what: str, ask: Callable[[], object], queries: int = 2000, each: int = 1) -> None:
    for _ in range(max(1, queries // 10)):
        ask()
    times = []
    for _ in range(7):
        start = time.process_time()
        for _ in range(queries):
            ask()
        times.append(1e6 * (time.process_time() - start) / queries / each)
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
    measure("one row by dict", lambda row=dict(zip(model.features, one[0].tolist(), strict=True)): model.predict(row))
    design = json.loads(Path("examples/designs/edge.json").read_text())
    designs = gnomon.Surrogate("design")
    measure("one design by JSON", lambda: designs.predict(design), 200)
    many = [design | {"clock_mhz": 200 + n} for n in range(500)]
    measure("500 designs by JSON, each", lambda: designs.predict(many), 2, 500)
    kernel = json.loads("\n".join(line for line in Path("examples/kernels/gemm.json").read_text().splitlines() if not line.strip().startswith("//")))
    kernels = gnomon.Surrogate("kernel")
    measure("one kernel by JSON (compiled)", lambda: kernels.predict(kernel), 20)
    dense = {"class_name": "Dense", "input_shape": "[None, 16]", "output_shape": "[None, 32]", "parameters": "544", "activation": "relu", "reuse_factor": "1"}
    settings = {"Precision": "ap_fixed<8,1>", "ReuseFactor": "1", "Strategy": "Resource"}
    record = {"model_config": [dense], "hls_config": {"Model": settings, "io_type": "io_parallel"}, "target_part": "xcu250-figd2104-2L-e"}
    measure("one layered network by record", lambda: shipped.predict(record), 200)
    operators = gnomon.Surrogate("accelerator")
    measure("ResNet-18 on one design", lambda: operators.predict(design, workload="zoo:resnet18"), 5)


if __name__ == "__main__":
    main()
