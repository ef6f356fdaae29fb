#!/usr/bin/env python3
"""How well surrogates answer for public HLS labels: dense layers of hls4ml and the kernels of HLSyn, by splits inside the given data.

    bench/surrogate_gates.py [--only dense|hlsyn|beyond] [--quick] [--seeds N] [--data DIR] [--gnomon PROGRAM]

The tables are found by GNOMON_DATA (hls/dense_layer_hls4ml.csv, hls/hlsyn.csv.gz). A training takes one to three CPU-minutes; there are four of dense
layers and one per seed of kernels; --quick takes one of each.

Dense layers: train on both dimensions below 192 (160, 128), test on the rest. Only layers with d_in = 192 have a reuse factor of 2 d_in, and multiplexers
of another kind; no smaller layer shows them, so `seen regimes` is scored without them, and a last split trains on d_out below 160, which has some.
Beyond the given rows (`beyond`) there are no labels here: the model of all rows is asked for the layers of 224 and 256 with the reuse factors that hls4ml takes for
512 and 1024, and its LUTs are compared with a closed form read from the rows by eye, which is no measurement: a multiplexer of the next power of two
of d_out for each multiplier, one of d_in for all, and at a reuse factor of 2 d_in none for the multipliers.
HLSyn: v18 designs with cycles; train on four fifths of the rows of all kernels but three, test on the other fifth; the three kernels are unknown ones, and
must be out of range. `plain` is what the 5 % and 95 % quantiles of the training labels give as an interval: coverage and interval score.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import os
import random
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, str]
DENSE_TARGETS = ["FF_hls", "LUT_hls", "DSP_hls", "BRAM_18K_hls", "WorstLatency_hls"]
HLSYN_TARGETS = ["perf_cycles", "lut", "ff", "dsp", "bram"]
UNKNOWN_KERNELS = {"gemm-p", "stencil", "nw"}
LEVEL = 0.9


def write(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def plain_interval(train: list[float], test: list[float]) -> tuple[float, float]:
    """Coverage and interval score of the training labels' own 5 % and 95 % quantiles, for every test row."""
    ordered = sorted(train)
    low = ordered[int((1 - LEVEL) / 2 * (len(ordered) - 1))]
    high = ordered[round((1 + LEVEL) / 2 * (len(ordered) - 1))]
    score = sum(high - low + 2 / (1 - LEVEL) * (max(0, low - y) + max(0, y - high)) for y in test) / len(test)
    return sum(low <= y <= high for y in test) / len(test), score


def run(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def compare(gnomon: str, folder: Path, name: str, targets: list[str], train: list[Row], tests: dict[str, list[Row]]) -> Path:
    train_file, model = write(folder / "train.csv", train), folder / "model.gnomon"
    start = os.times()
    report = run([gnomon, "surrogate", "train", "--data", str(train_file), "--targets", ",".join(targets), "--out", str(model), "--json"])
    print(f"\n{name}: {len(train)} rows trained in {os.times().children_user - start.children_user:.0f} CPU s ({os.times().elapsed - start.elapsed:.0f} s)")
    print("  rows of          rows target                R2  SMAPE %  median %  coverage %  mean width  interval score   plain %  plain score  in range %  answered by")
    for label, test in tests.items():
        scores = run([gnomon, "surrogate", "evaluate", "--model", str(model), "--data", str(write(folder / "test.csv", test)), "--json"])["targets"]
        for target in targets:
            s = scores[target]
            coverage, plain = plain_interval([float(r[target]) for r in train], [float(r[target]) for r in test])
            print(
                f"  {label:15} {len(test):5} {target:16} {s['r2']:7.4f} {s['smape_percent']:8.2f} {s['median_error_percent']:9.2f} {100 * s['coverage']:11.1f} "
                f"{s['mean_width']:11.4g} {s['interval_score']:15.4g} {100 * coverage:9.1f} {plain:12.4g} {100 * s['in_range']:11.1f}  {report['why'][target].split(':')[0]}",
                flush=True,
            )
    return model


def dense_layers(gnomon: str, folder: Path, data: Path, quick: bool) -> None:
    with (data / "dense_layer_hls4ml.csv").open() as file:
        dense = list(csv.DictReader(file))
    splits = {f"both dimensions below {limit}": (limit, limit) for limit in (192, 160, 128)} | {"d_out below 160": (10**9, 160)}
    for split, (most_in, most_out) in list(splits.items())[: 1 if quick else None]:
        small = [r for r in dense if int(r["d_in"]) < most_in and int(r["d_out"]) < most_out]
        large = [r for r in dense if int(r["d_in"]) >= most_in or int(r["d_out"]) >= most_out]
        seen = [r for r in large if int(r["rf"]) != 2 * int(r["d_in"])]
        compare(gnomon, folder, f"dense layers, {split}", DENSE_TARGETS, small, {"all": large} | ({"seen regimes": seen} if most_in == most_out else {}))


def reuse_factor(d_in: int, d_out: int, wanted: int) -> int:
    """The valid reuse factor next to the wanted one: it divides all products, and above d_in it is a multiple of it. Agrees with every row above 1 that is given."""
    valid = [r for r in range(1, d_in * d_out + 1) if d_in * d_out % r == 0 and (r <= d_in or r % d_in == 0)]
    return min(valid, key=lambda r: (abs(r - wanted), r))


def closed_form(rows: list[Row]) -> Callable[[int, int, int], float]:
    """LUTs by sizes and reuse factor (`resource`, reuse above 1), coefficients fitted to the rows."""
    import numpy

    def factors(d_in: int, d_out: int, reuse: int) -> list[float]:
        products = d_in * d_out / reuse
        return [1, d_in, d_out, products, products * 2 ** math.ceil(math.log2(d_out))]

    shared = [(int(r["d_in"]), int(r["d_out"]), int(r["rf"]), float(r["LUT_hls"])) for r in rows if r["strategy"] == "resource" and int(r["rf"]) > 1]
    usual = [row for row in shared if row[2] != 2 * row[0]]
    weights = numpy.array([1 / (row[3] + 1000) for row in usual])
    x, y = numpy.array([factors(*row[:3]) for row in usual]), numpy.array([row[3] for row in usual])
    full = numpy.linalg.lstsq(x * weights[:, None], y * weights, rcond=None)[0]
    twice = [row for row in shared if row[2] == 2 * row[0]]
    least = numpy.linalg.lstsq(numpy.array([[1, row[1]] for row in twice]), numpy.array([row[3] - full[1] * row[0] for row in twice]), rcond=None)[0]
    found = x @ full
    print(f"\nclosed form of LUT: R2 {1 - float(((found - y) ** 2).sum() / ((y - y.mean()) ** 2).sum()):.4f} on the {len(y)} rows that it is fitted to")

    def lut(d_in: int, d_out: int, reuse: int) -> float:
        return float(least @ [1, d_out] + full[1] * d_in) if reuse == 2 * d_in else float(full @ factors(d_in, d_out, reuse))

    return lut


def beyond(gnomon: str, folder: Path, data: Path) -> None:
    with (data / "dense_layer_hls4ml.csv").open() as file:
        dense = list(csv.DictReader(file))
    for r in dense:
        d_in, d_out, reuse = int(r["d_in"]), int(r["d_out"]), int(r["rf"])
        if r["strategy"] == "resource" and reuse > 1 and reuse not in (reuse_factor(d_in, d_out, 512), reuse_factor(d_in, d_out, 1024)):
            raise SystemExit(f"{r['model_name']}: reuse factor {reuse} is not the one next to 512 or 1024")
    lut = closed_form(dense)
    sizes = range(32, 257, 32)
    asked = []
    for d_in, d_out in [(i, o) for i in sizes for o in sizes if max(i, o) >= 224]:
        for reuse in sorted({reuse_factor(d_in, d_out, wanted) for wanted in (512, 1024)}):
            for bits in range(2, 15, 2):
                asked.append(dense[0] | {"d_in": str(d_in), "d_out": str(d_out), "prec": str(bits), "rf": str(reuse), "strategy": "resource", "LUT_hls": str(lut(d_in, d_out, reuse))})
    compare(gnomon, folder, "beyond the rows, against the closed form", ["LUT_hls"], dense, {"224 and more": asked})


def kernels(gnomon: str, folder: Path, data: Path, seeds: int) -> None:
    with gzip.open(data / "hlsyn.csv.gz", "rt") as file:
        done = [r for r in csv.DictReader(file) if r["hls_version"] == "v18" and float(r["perf_cycles"]) > 0]
    unknown = [r for r in done if r["kernel"] in UNKNOWN_KERNELS]
    for seed in range(1, seeds + 1):
        known = [r for r in done if r["kernel"] not in UNKNOWN_KERNELS]
        random.Random(seed).shuffle(known)
        cut = len(known) * 4 // 5
        model = compare(gnomon, folder, f"HLSyn v18, split {seed}", HLSYN_TARGETS, known[:cut], {"known kernels": known[cut:]})
        flags = {}
        for label, rows in {"unknown": unknown, "known": known[cut:]}.items():
            scores = run([gnomon, "surrogate", "evaluate", "--model", str(model), "--data", str(write(folder / "test.csv", rows)), "--json"])["targets"]
            flags[label] = 100 * (1 - scores["perf_cycles"]["in_range"])
        print(f"  flagged out of range: {flags['unknown']:.1f} % of {len(unknown)} rows of unknown kernels, {flags['known']:.1f} % of {len(known) - cut} of known ones")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("GNOMON_DATA", ""))
    parser.add_argument("--gnomon", default="build/release/bin/gnomon")
    parser.add_argument("--only", choices=["dense", "hlsyn", "beyond"], help="one part alone")
    parser.add_argument("--quick", action="store_true", help="one split of dense layers")
    parser.add_argument("--seeds", type=int, default=1, help="splits of the kernels' rows")
    args = parser.parse_args()
    data = Path(args.data) / "hls"
    if not data.is_dir():
        raise SystemExit(f"{data}: no such folder; set GNOMON_DATA or --data")
    with tempfile.TemporaryDirectory() as name:
        if args.only in (None, "dense"):
            dense_layers(args.gnomon, Path(name), data, args.quick)
        if args.only in (None, "beyond"):
            beyond(args.gnomon, Path(name), data)
        if args.only in (None, "hlsyn"):
            kernels(args.gnomon, Path(name), data, args.seeds)


if __name__ == "__main__":
    main()
