#!/usr/bin/env python3
"""Search agents on a campaign, side by side: hypervolume of the front after its budget, median and range over seeds 0..n-1.

    .venv/bin/python bench/agents.py [CAMPAIGN] [--agents a,b] [--seeds N] [--budget N] [--fidelity F]

The reference point is common: the componentwise worst of all feasible trials of all runs. Two objectives, both minimised.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def program() -> Path:
    return Path(os.environ.get("GNOMON_BUILD_DIR", ROOT / "build/release")) / "bin/gnomon"


def hypervolume(points: list[tuple[float, float]], reference: tuple[float, float]) -> float:
    """Area between a set of points and the reference, both objectives minimised: a sweep along the first."""
    area, ceiling = 0.0, reference[1]
    for x, y in sorted(point for point in points if point[0] < reference[0]):
        if y < ceiling:
            area += (reference[0] - x) * (ceiling - y)
            ceiling = y
    return area


def feasible_points(folder: Path, objectives: list[str]) -> list[tuple[float, float]]:
    with (folder / "trials.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["feasible"] in ("1", "true")]
    return [(float(row[objectives[0]]), float(row[objectives[1]])) for row in rows]


def run(campaign: Path, agent: str, seed: int, budget: int, fidelity: str, folder: Path) -> float:
    """CPU seconds of the run, workers included."""
    before = time.monotonic()
    command = [str(program()), "run", str(campaign), "--agent", agent, "--seed", str(seed), "--budget", str(budget), "--jobs", "1", "--out", str(folder)]
    if fidelity:
        command += ["--fidelity", fidelity]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{agent}, seed {seed}: {done.stderr}")
    return time.monotonic() - before


def compare(campaign: Path, agents: list[str], seeds: int, budget: int, fidelity: str) -> dict[str, list[float]]:
    """Hypervolumes by agent, in the order of the seeds."""
    text = "\n".join(line for line in campaign.read_text().splitlines() if not line.lstrip().startswith("//"))
    objectives = [objective["metric"] for objective in json.loads(text)["objectives"]]
    with tempfile.TemporaryDirectory() as scratch:
        jobs = [(agent, seed, Path(scratch) / f"{agent}-{seed}") for agent in agents for seed in range(seeds)]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda job: run(campaign, job[0], job[1], budget, fidelity, job[2]), jobs))
        fronts = {(agent, seed): feasible_points(folder, objectives) for agent, seed, folder in jobs}
    every = [point for points in fronts.values() for point in points]
    reference = (max(x for x, _ in every), max(y for _, y in every))
    return {agent: [hypervolume(fronts[agent, seed], reference) for seed in range(seeds)] for agent in agents}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("campaign", nargs="?", default=str(ROOT / "examples/edge-resnet50.json"))
    parser.add_argument("--agents", default="random,sobol,nsga2,bayes,ppo,ippo")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budget", type=int, default=300)
    parser.add_argument("--fidelity", default="analytical")
    options = parser.parse_args()
    result = compare(Path(options.campaign), options.agents.split(","), options.seeds, options.budget, options.fidelity)
    best = max(value for values in result.values() for value in values)
    print(f"{options.campaign}: {options.budget} evaluations, fidelity {options.fidelity}, seeds 0..{options.seeds - 1}; hypervolume in % of the best run")
    print(f"{'agent':8} {'median':>8} {'worst':>8} {'best':>8}")
    for agent, values in result.items():
        print(f"{agent:8} {100 * statistics.median(values) / best:8.2f} {100 * min(values) / best:8.2f} {100 * max(values) / best:8.2f}")


if __name__ == "__main__":
    sys.exit(main())
