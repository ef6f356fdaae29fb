#!/usr/bin/env python3
"""Whether dependence graphs help to predict a kernel's resources and interval: the same kernels, the same splits, with and without their nodes.

    gnomon dataset kernels --out kernels.csv --nodes nodes.csv --count 300 --seed 1 --cosim 0
    bench/kernel_graphs.py --data kernels.csv --nodes nodes.csv [--targets lut,ii] [--families ensemble,trees,graph,auto] [--seeds N] [--gnomon PROGRAM]

Table features are what the kernel says as it is written (loops, iterations, tensors, operations by name, directives' product): nothing that scheduling or binding found. Graphs are those
of `--nodes`, with the same table features beside them. Splits: a random fifth; kernels of two processes, learned from those of one; the fifth of the kernels with the most loop iterations. `auto` chooses
among all families with the nodes at hand. SMAPE is that of `gnomon surrogate evaluate` (+1 for counts).
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import tempfile
from pathlib import Path

from surrogate_gates import Row, run, write

# Of the columns behind `directives`, which follow from scheduling and binding, these are known before.
KNOWN = {"clock_ns", "processes"}


def after(row: Row) -> list[str]:
    names = list(row)
    return ["row", "split", "seed", "name", *(n for n in names[names.index("directives") :] if n not in KNOWN)]


def splits(rows: list[Row], seed: int) -> dict[str, tuple[list[Row], list[Row]]]:
    mixed = rows[:]
    random.Random(seed).shuffle(mixed)
    cut = len(mixed) * 4 // 5
    by_size = sorted(mixed, key=lambda r: float(r["iterations"]))
    return {
        "random fifth": (mixed[:cut], mixed[cut:]),
        "two processes": ([r for r in mixed if r["processes"] == "1"], [r for r in mixed if r["processes"] != "1"]),
        "most iterations": (by_size[:cut], by_size[cut:]),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--nodes", type=Path, required=True)
    parser.add_argument("--targets", default="lut,ii")
    parser.add_argument("--families", default="ensemble,trees,graph,auto")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--gnomon", default="build/release/bin/gnomon")
    given = parser.parse_args()
    targets = given.targets.split(",")
    with given.data.open() as file:
        rows = [r for r in csv.DictReader(file) if all(r[t] for t in targets)]
    print(f"{len(rows)} kernels with labels for {given.targets}")
    print(f"{'split':16} {'family':12} {'seed':>4} {'learned':>7} {'asked':>5}  " + "  ".join(f"{t + ': R2':>10} {'SMAPE %':>8} {'median %':>8} {'cover %':>7}" for t in targets) + "  CPU s")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for seed in range(1, given.seeds + 1):
            for split, (train, test) in splits(rows, seed).items():
                data, asked, model = write(folder / "train.csv", train), write(folder / "test.csv", test), folder / "model.gnomon"
                for family in given.families.split(","):
                    nodes = ["--nodes", str(given.nodes)] if family in ("graph", "transformer", "auto") else []
                    key = ["--node-key", "row"] if nodes else []
                    ignore = ",".join(c for c in after(rows[0]) if c not in targets and not (nodes and c == "row"))
                    before = os.times()
                    run([given.gnomon, "surrogate", "train", "--data", str(data), "--targets", given.targets, "--ignore", ignore, "--family", family, "--seed", str(seed), "--out", str(model), "--json", *nodes, *key])
                    spent = os.times().children_user - before.children_user
                    scores = run([given.gnomon, "surrogate", "evaluate", "--model", str(model), "--data", str(asked), "--json", *nodes])["targets"]
                    told = [f"{scores[t]['r2']:10.3f} {scores[t]['smape_percent']:8.1f} {scores[t]['median_error_percent']:8.1f} {100 * scores[t]['coverage']:7.0f}" for t in targets]
                    print(f"{split:16} {family:12} {seed:4} {len(train):7} {len(test):5}  " + "  ".join(told) + f"  {spent:5.0f}", flush=True)


if __name__ == "__main__":
    main()
