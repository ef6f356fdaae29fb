#!/usr/bin/env python3
"""The shipped model of operators on whole networks: its totals over the cycle model's, with the ends of its 90 % intervals.

    bench/surrogate_networks.py [--build build/release] [--model accelerator]

Nothing here was learned: networks of the zoo on the example designs. The analytical model stands beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DESIGNS = ("edge", "edge-os", "edge-ddr4")
NETWORKS = ("resnet18", "mobilenet_v1", "bert_base")


def simulate(program: Path, design: str, network: str, *more: str) -> dict[str, Any]:
    command = [str(program), "simulate", "--arch", str(ROOT / f"examples/designs/{design}.json"), "--workload", f"zoo:{network}", "--json", *more]
    answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--model", default="accelerator")
    options = parser.parse_args()
    program = options.build / "bin/gnomon"
    print("| design | network | metric | cycle | analytical / cycle | surrogate / cycle | interval / cycle | in range |\n|---|---|---|---|---|---|---|---|")
    for design in DESIGNS:
        for network in NETWORKS:
            truth, model = (simulate(program, design, network, "--fidelity", fidelity)["total"] for fidelity in ("cycle", "analytical"))
            answer = simulate(program, design, network, "--fidelity", "surrogate", "--model", options.model)
            for metric in ("latency_cycles", "energy_pj"):
                ends = answer["intervals"][metric]
                ratios = [value / truth[metric] for value in (model[metric], answer["total"][metric], ends["lower"], ends["upper"])]
                known = "yes" if answer.get("in_range", True) else "no"
                print(f"| {design} | {network} | `{metric}` | {truth[metric]:.4g} | {ratios[0]:.3f} | {ratios[1]:.3f} | {ratios[2]:.2f} to {ratios[3]:.2f} | {known} |")


if __name__ == "__main__":
    main()
