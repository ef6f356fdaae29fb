#!/usr/bin/env python3
"""Does a ladder `surrogate`, `cycle` find with a fifth of the simulations what a search by simulation alone finds?

    .venv/bin/python bench/surrogate_ladder.py [CAMPAIGN...] [--seeds N] [--share 0.2] [--promote F] [--batch N] [--by rank|residual] [--jobs N]
        [--keep DIR]

For each campaign (default: the three of bench/ladder) and each seed 0..n-1: one run with its budget of cycle-level simulations, and one run of the ladder that may
simulate `share` of them. Same agent, same seed. Printed: the median over seeds of the ladder's hypervolume over that of the search by simulation, simulations
counted. Hypervolume counts simulated designs only, against the componentwise worst of all feasible simulated designs of all runs of the campaign; two objectives,
each as its logarithm, so that no unit and no outlier decides.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from agents import hypervolume, program  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


def read(campaign: Path) -> dict:
    return json.loads("\n".join(line for line in campaign.read_text().splitlines() if not line.lstrip().startswith("//")))


def run(campaign: Path, changes: dict, seed: int, budget: int, folder: Path) -> None:
    """One run of the campaign with some entries replaced; the changed campaign stands beside the original while it runs, for its relative paths."""
    document = read(campaign)
    document.update({key: value for key, value in changes.items() if key != "batch"})
    if "batch" in changes:
        document["agent"]["batch"] = changes["batch"]
    document["budget"] = {"evaluations": budget}
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=campaign.parent, prefix=".ladder-") as file:
        json.dump(document, file)
        file.flush()
        command = [str(program()), "run", file.name, "--seed", str(seed), "--jobs", "1", "--out", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{campaign.name}, seed {seed}: {done.stderr}")


def simulated(folder: Path, objectives: list[str]) -> tuple[int, list[tuple[float, float]]]:
    """Simulations of a run, and the (log) objectives of its feasible simulated designs."""
    with (folder / "trials.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["fidelity"] == "cycle"]
    points = [(math.log(float(row[objectives[0]])), math.log(float(row[objectives[1]]))) for row in rows if row["feasible"] in ("1", "true")]
    return len(rows), points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaigns", nargs="*", type=Path, default=[ROOT / f"bench/ladder/{name}.json" for name in ("single-core", "dram-controller", "two-cores")])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--promote", type=float, default=0.125)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--by", default="residual")
    parser.add_argument("--keep", help="folder for the runs; finished ones that lie there are not run again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    print(f"{'campaign':18} {'simulations':>11} {'ladder':>7} {'median ratio':>12} {'worst':>7} {'best':>7}")
    for campaign in options.campaigns:
        document = read(campaign)
        objectives = [objective["metric"] for objective in document["objectives"]]
        budget = document["budget"]["evaluations"]
        ladder = {"fidelity": {"ladder": ["surrogate", "cycle"], "promote": options.promote, "by": options.by}, "batch": options.batch}
        with tempfile.TemporaryDirectory() as temporary:
            scratch = options.keep or temporary
            cells = [(kind, seed) for seed in range(options.seeds) for kind in ("cycle", "ladder")]

            def one(cell: tuple[str, int]) -> tuple[int, list[tuple[float, float]]]:
                kind, seed = cell
                variant = kind if kind == "cycle" else f"ladder-{options.promote}-{options.batch}-{options.by}-{options.share}"
                folder = Path(scratch) / campaign.stem / f"{variant}-{seed}"
                run(campaign, {} if kind == "cycle" else ladder, seed, budget if kind == "cycle" else round(options.share * budget), folder)
                return simulated(folder, objectives)

            with ThreadPoolExecutor(options.jobs) as pool:
                results = dict(zip(cells, pool.map(one, cells)))
        every = [point for _, points in results.values() for point in points]
        reference = (max(x for x, _ in every), max(y for _, y in every))
        volume = {cell: hypervolume(points, reference) for cell, (_, points) in results.items()}
        ratios = [volume["ladder", seed] / volume["cycle", seed] for seed in range(options.seeds)]
        count = {kind: statistics.median(results[kind, seed][0] for seed in range(options.seeds)) for kind in ("cycle", "ladder")}
        print(f"{campaign.stem:18} {count['cycle']:11.0f} {count['ladder']:7.0f} {statistics.median(ratios):12.4f} {min(ratios):7.4f} {max(ratios):7.4f}", flush=True)


if __name__ == "__main__":
    main()
