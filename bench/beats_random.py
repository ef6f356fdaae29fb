#!/usr/bin/env python3
"""Whether agents beat random search on the problems that ship with their truth.

    .venv/bin/python bench/beats_random.py [--seeds 20] [--budget 300] [--agents ga,nsga2,bayes,forest,auto] [--out DIR] [--jobs N] [--problems a,b]

Runs `gnomon compare` on each problem of `gnomon list problems` (seeds 0..n-1; an agent for one objective only where there is one), resumable in DIR.
Problems on which the median of random search is the optimum (or 99.9 % of the exact front's hypervolume) are left out: nothing is to be won there.
Per agent: van Elteren's test against random pooled over problems, and on how many problems it is better or worse by Mann and Whitney's test at
0.05 with Holm's correction over the problems.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from agents import program
from stratified import holm, smaller_is_better, van_elteren

ONE_OBJECTIVE = {"ga", "cmaes", "anneal"}


def problems() -> list[str]:
    listed = json.loads(subprocess.run([str(program()), "list", "problems", "--json"], capture_output=True, text=True, check=True).stdout)
    return [item["problem"] for item in listed["items"] if item["problem"] not in ("table", "iccad22")]


def compare(name: str, options: argparse.Namespace) -> dict:
    folder = options.out / name
    folder.mkdir(parents=True, exist_ok=True)
    campaign = folder / "campaign.json"
    campaign.write_text(json.dumps({"version": 1, "name": name, "subject": "problem", "problem": name, "budget": {"evaluations": options.budget}}))
    agents = ["random"] + options.agents
    for attempt in (agents, [a for a in agents if a not in ONE_OBJECTIVE]):
        done = subprocess.run([str(program()), "compare", str(campaign), "--agents", ",".join(attempt), "--seeds", str(options.seeds), "--jobs", str(options.jobs),
                               "--out", str(folder / "runs"), "--json"], capture_output=True, text=True)
        if done.returncode == 0:
            return json.loads(done.stdout)
        if done.returncode != 4:  # 4: an agent that is not made for the problem
            break
    raise SystemExit(f"{name}: {done.stderr}")


def solved(document: dict) -> bool:
    median = document["agents"][0]["variants"][0]["median"]
    if median is None:
        return False
    if document["score"]["kind"] == "hypervolume_share":
        return document["score"]["truth_known"] and median >= 0.999
    optimum = document["score"]["optimum"]
    return optimum is not None and abs(median - optimum) <= 1e-9 * max(1.0, abs(optimum))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--budget", type=int, default=300)
    parser.add_argument("--agents", type=lambda text: text.split(","), default=["ga", "nsga2", "bayes", "forest", "auto"])
    parser.add_argument("--problems", type=lambda text: text.split(","), default=None)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/beats-random"))
    options = parser.parse_args()
    pooled: dict[str, list] = {a: [] for a in options.agents}
    easy = []
    print(f"median scores after {options.budget} evaluations, {options.seeds} seeds; in brackets P(better than random)")
    for name in options.problems or problems():
        document = compare(name, options)
        if solved(document):
            easy.append(name)
            continue
        rows = {a["name"]: smaller_is_better(document, a["variants"][0]["scores"]) for a in document["agents"]}
        line = f"{name:18} random {statistics.median(rows['random']):10.4g}"
        for agent in options.agents:
            if agent not in rows:
                continue
            p, better = van_elteren([(rows[agent], rows["random"])])
            pooled[agent].append((name, rows[agent], rows["random"], p, better))
            line += f"  {agent} {statistics.median(rows[agent]):10.4g} [{better:.2f}]"
        print(line, flush=True)
    print(f"\nsolved by random search, left out: {', '.join(easy) or 'none'}")
    print(f"{'agent':8} {'problems':>8} {'P(better)':>9} {'pooled p':>10}  significantly better  worse")
    for agent, strata in pooled.items():
        if not strata:
            continue
        p, better = van_elteren([(a, b) for _, a, b, _, _ in strata])
        adjusted = holm([s[3] for s in strata])
        up = [s[0] for s, q in zip(strata, adjusted) if q < 0.05 and s[4] > 0.5]
        down = [s[0] for s, q in zip(strata, adjusted) if q < 0.05 and s[4] < 0.5]
        print(f"{agent:8} {len(strata):8} {better:9.3f} {p:10.2g}  {len(up):20}  {', '.join(down) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
