#!/usr/bin/env python3
"""How well surrogates answer for public HLS labels: dense layers of hls4ml and the kernels of HLSyn, by splits inside the given data.

    bench/surrogate_gates.py [--data DIR] [--gnomon PROGRAM] [--quick]

The tables are found by GNOMON_DATA (hls/dense_layer_hls4ml.csv, hls/hlsyn.csv.gz). Dense layers: train on both dimensions below 192 (160, 128), test on
the rest. Only rows with d_in = 192 have a reuse factor of 2 d_in, and multiplexers of another kind; no smaller layer shows them, so `seen regimes` is scored
without them, and a last split trains on d_out below 128, which has some. HLSyn: v18 designs with cycles; train on four fifths of the rows of all kernels but
three, test on the other fifth; the three kernels are unknown ones, and must be out of range. `plain` is the interval score of the quantiles of the
training labels.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import random
import subprocess
import tempfile
from pathlib import Path
from typing import Any

Row = dict[str, str]
DENSE_TARGETS = ["FF_hls", "LUT_hls", "DSP_hls", "BRAM_18K_hls", "WorstLatency_hls"]
HLSYN_TARGETS = ["perf_cycles", "lut", "ff", "dsp", "bram"]
UNKNOWN_KERNELS = {"gemm-p", "stencil", "nw"}


def write(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def plain_interval_score(train: list[float], test: list[float], level: float = 0.9) -> float:
    """Interval score of the training labels' own 5 % and 95 % quantiles, for every test row."""
    ordered = sorted(train)
    low = ordered[int((1 - level) / 2 * (len(ordered) - 1))]
    high = ordered[round((1 + level) / 2 * (len(ordered) - 1))]
    return sum(high - low + 2 / (1 - level) * (max(0, low - y) + max(0, y - high)) for y in test) / len(test)


def run(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def compare(gnomon: str, folder: Path, name: str, targets: list[str], train: list[Row], tests: dict[str, list[Row]]) -> Path:
    train_file, model = write(folder / "train.csv", train), folder / "model.gnomon"
    start = os.times().children_user
    report = run([gnomon, "surrogate", "train", "--data", str(train_file), "--targets", ",".join(targets), "--out", str(model), "--json"])
    print(f"{name}: {len(train)} rows trained in {os.times().children_user - start:.1f} CPU s", flush=True)
    for label, test in tests.items():
        scores = run([gnomon, "surrogate", "evaluate", "--model", str(model), "--data", str(write(folder / "test.csv", test)), "--json"])["targets"]
        for target in targets:
            s = scores[target]
            plain = plain_interval_score([float(r[target]) for r in train], [float(r[target]) for r in test])
            print(
                f"  {label:12} {len(test):4} {target:16} R2 {s['r2']:7.4f}  SMAPE {s['smape_percent']:6.2f} %  median error {s['median_error_percent']:6.2f} %  "
                f"coverage {100 * s['coverage']:5.1f} %  width {s['mean_width']:.4g}  interval score {s['interval_score']:.4g} (plain {plain:.4g})  "
                f"in range {100 * s['in_range']:.1f} %  {report['why'][target].split(':')[0]}"
            )
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("GNOMON_DATA", ""))
    parser.add_argument("--gnomon", default="build/release/bin/gnomon")
    parser.add_argument("--quick", action="store_true", help="dense layers only")
    parser.add_argument("--kernels", action="store_true", help="kernels only")
    args = parser.parse_args()
    data = Path(args.data) / "hls"
    with (data / "dense_layer_hls4ml.csv").open() as file:
        dense = list(csv.DictReader(file))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        splits = {f"both dimensions below {limit}": (limit, limit) for limit in (192, 160, 128)} | {"d_out below 128": (10**9, 128)}
        for split, (most_in, most_out) in ({} if args.kernels else splits).items():
            small = [r for r in dense if int(r["d_in"]) < most_in and int(r["d_out"]) < most_out]
            large = [r for r in dense if int(r["d_in"]) >= most_in or int(r["d_out"]) >= most_out]
            seen = [r for r in large if int(r["rf"]) != 2 * int(r["d_in"])]
            compare(args.gnomon, folder, f"dense layers, {split}", DENSE_TARGETS, small, {"all": large} | ({"seen regimes": seen} if most_in == most_out else {}))
        if args.quick:
            return
        with gzip.open(data / "hlsyn.csv.gz", "rt") as file:
            kernels = [r for r in csv.DictReader(file) if r["hls_version"] == "v18" and float(r["perf_cycles"]) > 0]
        known = [r for r in kernels if r["kernel"] not in UNKNOWN_KERNELS]
        random.Random(1).shuffle(known)
        cut = len(known) * 4 // 5
        model = compare(args.gnomon, folder, "HLSyn v18", HLSYN_TARGETS, known[:cut], {"known": known[cut:]})
        unknown = write(folder / "unknown.csv", [r for r in kernels if r["kernel"] in UNKNOWN_KERNELS])
        scores = run([args.gnomon, "surrogate", "evaluate", "--model", str(model), "--data", str(unknown), "--json"])["targets"]
        print(f"  unknown kernels: {100 * (1 - scores['lut']['in_range']):.1f} % flagged out of range")


if __name__ == "__main__":
    main()
