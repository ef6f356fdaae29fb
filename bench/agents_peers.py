#!/usr/bin/env python3
"""Search agents beside Optuna's samplers and pagmo's algorithms on closed-form systolic arrays with 12 mixed parameters, or a table of designs.

    bench/agents_peers.py [--problem edp|front] [--variant resnet18|bert] [--agents auto,bayes,ga] [--seeds 10] [--evaluations 1000] [--keep DIR]
    bench/agents_peers.py --table [--problem ...]     # 64,800 arrays for ResNet-18, each simulated (analytically) once: two minutes

edp: one objective, the energy-delay product; area and tile constraints. front: latency, energy, area; tile constraint; hypervolume
of the logarithms against a corner that nine of ten uniform feasible designs stay below. Both sides are given the same constraint
values: gnomon's agents and Optuna's samplers through their constraint interfaces, pagmo's algorithms, which have none for several
objectives, as the penalty that facts of this kind usually get (log of the objective + 2 + violation). Scores: best / best of all runs
(edp), hypervolume in % of the front of all runs together. Peers that are not installed are said and left out
(`pip install optuna cmaes pygmo`). Times: processor time per evaluation, the peer's whole loop included. With --keep every run is a file of DIR
that is not made again.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gnomon

LEVELS = [4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128]
BUFFERS = [8 << i for i in range(8)]
PORTS = [2 << i for i in range(7)]
CLOCKS = list(range(200, 1600, 100))
SPACE = {
    "rows": LEVELS, "cols": LEVELS, "ifmap": BUFFERS, "filter": BUFFERS, "ofmap": BUFFERS, "port": PORTS,
    "tile_m": BUFFERS, "tile_n": BUFFERS, "tile_k": BUFFERS, "mhz": CLOCKS,
    "dataflow": ["os", "ws", "is"], "order": ["mnk", "mkn", "nmk", "nkm", "kmn", "knm"],
}
CATEGORICAL = {"dataflow", "order"}

# The table: every design of this space on ResNet-18; parameters named as in a campaign, the rest as in examples/designs/edge.json.
TABLE_SPACE = {
    "cores.npu.array.rows": [8, 16, 32, 64, 128], "cores.npu.array.cols": [8, 16, 32, 64, 128], "cores.npu.array.dataflow": ["os", "ws", "is"],
    "cores.npu.array.overlap": [False, True], "cores.npu.levels.ifmap.kib": BUFFERS[1:7], "cores.npu.levels.filter.kib": BUFFERS[1:7],
    "cores.npu.levels.ofmap.kib": BUFFERS[1:7], "memory.bytes_per_cycle": [8, 32],
}

# Network (output pixels or tokens, filters, filter volume, how often), areas in um2 of a PE, a KiB and a byte/cycle, area limit,
# pJ per MAC, SRAM access and DRAM byte, leakage in W/um2 at 1 V, supply in V at 200 MHz and what 1300 MHz more add.
VARIANTS = {
    "resnet18": ([(12544, 64, 147, 1), (3136, 64, 576, 4), (784, 128, 576, 1), (784, 128, 1152, 3), (784, 128, 64, 1), (196, 256, 1152, 1),
                  (196, 256, 2304, 3), (196, 256, 128, 1), (49, 512, 2304, 1), (49, 512, 4608, 3), (49, 512, 256, 1), (1, 1000, 512, 1)],
                 1200, 5500, 9000, 8e6, 0.25, 0.15, 20, 2e-8, 0.7, 0.4),
    "bert": ([(384, 768, 768, 48), (384, 384, 64, 144), (384, 64, 384, 144), (384, 3072, 768, 12), (384, 768, 3072, 12)],
             700, 4000, 15000, 5e6, 0.12, 0.2, 35, 5e-8, 0.6, 0.6),
}


def evaluate(d: dict, variant: tuple) -> tuple[float, float, float, float]:
    """Latency in s, energy in pJ, area in um2, and by how much the largest tile exceeds its buffer; the formulas of bench/agents.cpp."""
    network, pe, kib, port_area, _, mac_pj, sram_pj, dram_pj, leakage, low, rise = variant
    rows, cols, tm, tn, tk = d["rows"], d["cols"], d["tile_m"], d["tile_n"], d["tile_k"]
    excess = max(2 * tm * tk / (d["ifmap"] * 1024), 2 * tk * tn / (d["filter"] * 1024), 8 * tm * tn / (d["ofmap"] * 1024)) - 1
    volts = low + rise * (d["mhz"] - 200) / 1300
    scale = volts * volts / 0.81
    flow, order = d["dataflow"], d["order"]
    reuse = math.sqrt(d["ifmap"]) / cols + math.sqrt(d["filter"]) / rows + math.sqrt(d["ofmap"]) / max(rows, cols)
    cycles = energy = 0.0
    for gm, gn, gk, count in network:
        m, n, k = min(tm, gm), min(tn, gn), min(tk, gk)
        tiles = {"m": math.ceil(gm / m), "n": math.ceil(gn / n), "k": math.ceil(gk / k)}
        on_rows, on_cols, streamed = (m, n, k) if flow == "os" else (k, n, m) if flow == "ws" else (k, m, n)
        folds = math.ceil(on_rows / rows) * math.ceil(on_cols / cols)

        def fetches(pair: str) -> int:
            inner = max(order.index(pair[0]), order.index(pair[1]))
            return math.prod(tiles[loop] for loop in order[: inner + 1])

        spilled = fetches("mn")
        moved = fetches("mk") * m * k + fetches("nk") * n * k + m * n * (spilled + 3 * (spilled - tiles["m"] * tiles["n"]))
        cycles += count * max(folds * (streamed + 2 * rows + cols - 2) * tiles["m"] * tiles["n"] * tiles["k"], moved / d["port"])
        macs = gm * gn * gk
        energy += count * (scale * (mac_pj + sram_pj * reuse) * macs + dram_pj * moved)
    area = pe * rows * cols + kib * (d["ifmap"] + d["filter"] + d["ofmap"]) + port_area * d["port"]
    seconds = cycles / (d["mhz"] * 1e6)
    return seconds, energy + seconds * area * leakage * volts * 1e12, area, excess


class Task:
    """One problem; `log` of a run holds (objectives, feasible) in the order of evaluation."""

    def __init__(self, problem: str, variant: str) -> None:
        self.edp, self.variant = problem == "edp", VARIANTS[variant]
        self.space, self.categorical = SPACE, CATEGORICAL
        self.limit = self.variant[4]
        self.objectives, self.constraints = (1, 2) if self.edp else (3, 1)

    def __call__(self, design: dict, log: list) -> tuple[list[float], list[float]]:
        seconds, energy, area, excess = evaluate(design, self.variant)
        objectives = [seconds * energy] if self.edp else [seconds, energy, area]
        violations = [area / self.limit - 1, excess] if self.edp else [excess]
        log.append((objectives, all(v <= 0 for v in violations)))
        return objectives, violations

    def everything(self) -> list:
        """The log of all designs there are; empty where they are too many."""
        return []


class Table(Task):
    """Designs that were simulated before: energy-delay product within an area, or latency, energy and area."""

    def __init__(self, problem: str, file: Path) -> None:
        self.edp = problem == "edp"
        self.space, self.categorical = TABLE_SPACE, {"cores.npu.array.dataflow", "cores.npu.array.overlap"}
        self.objectives, self.constraints = (1, 1) if self.edp else (3, 0)
        self.limit = 4e6
        if not file.exists():
            make_table(file)
        self.rows = {tuple(point): values for point, values in json.loads(file.read_text())}

    def __call__(self, design: dict, log: list) -> tuple[list[float], list[float]]:
        seconds, energy, area = self.rows[tuple(design[name] for name in self.space)]
        objectives = [seconds * energy] if self.edp else [seconds, energy, area]
        violations = [area / self.limit - 1] if self.edp else []
        log.append((objectives, all(v <= 0 for v in violations)))
        return objectives, violations

    def everything(self) -> list:
        log: list = []
        for point in self.rows:
            self(dict(zip(self.space, point)), log)
        return log


def make_table(file: Path) -> None:
    from gnomon import _core

    file.parent.mkdir(parents=True, exist_ok=True)
    space = {name: {"categorical" if isinstance(values[0], (str, bool)) else "ordinal": values} for name, values in TABLE_SPACE.items()}
    description = file.with_suffix(".campaign.json")
    description.write_text(json.dumps({
        "version": 1, "name": "table", "subject": "accelerator", "workloads": [{"model": "zoo:resnet18", "batch": 1}],
        "design": str(Path(__file__).resolve().parents[1] / "examples/designs/edge.json"), "space": space, "fidelity": "analytical",
        "objectives": [{"metric": m, "goal": "min"} for m in ("latency_s", "energy_pj", "area_um2")], "budget": {"evaluations": 1}}))
    campaign = _core.Campaign(str(description))
    campaign.open("analytical", 0, [])
    points = list(itertools.product(*TABLE_SPACE.values()))
    answers = campaign.evaluate([json.dumps(dict(zip(TABLE_SPACE, point))) for point in points])
    file.write_text(json.dumps([[point, json.loads(answer)["objectives"]] for point, answer in zip(points, answers)]))


def penalised(objectives: list[float], violations: list[float]) -> list[float]:
    broken = sum(max(0.0, v) for v in violations)
    return [math.log10(o) + (2 + broken if broken > 0 else 0) for o in objectives]


def run_gnomon(agent: str) -> Callable:
    def run(task: Task, evaluations: int, seed: int) -> list:
        space = {name: {"categorical" if name in task.categorical else "ordinal": values} for name, values in task.space.items()}
        study = gnomon.Study(space, objectives=[(f"f{i}", "min") for i in range(task.objectives)],
                             constraints=[(f"c{i}", "max", 0) for i in range(task.constraints)], agent=agent, seed=seed)
        log: list = []
        for _ in range(evaluations):
            for trial in study.ask(1):
                objectives, violations = task(trial.params, log)
                study.tell(trial, objectives=objectives, constraints=violations)
        return log

    return run


def run_optuna(kind: str) -> Callable:
    def run(task: Task, evaluations: int, seed: int) -> list:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        import warnings

        warnings.simplefilter("ignore")
        limits = lambda trial: trial.user_attrs["violations"]  # noqa: E731
        if kind == "tpe":
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constraints_func=limits)
        elif kind == "nsga2":
            sampler = optuna.samplers.NSGAIISampler(seed=seed, population_size=20 if task.edp else 40, constraints_func=limits)
        else:  # takes no constraints, so it gets the penalty; started away from the middle of the box
            start = __import__("random").Random(seed)
            sampler = optuna.samplers.CmaEsSampler(seed=seed, x0={name: start.randrange(len(values)) for name, values in task.space.items()})
        study = optuna.create_study(directions=["minimize"] * task.objectives, sampler=sampler)
        log: list = []
        for _ in range(evaluations):
            trial = study.ask()
            if kind == "cmaes":  # indices: this sampler leaves categorical parameters to random draws
                design = {name: values[trial.suggest_int(name, 0, len(values) - 1)] for name, values in task.space.items()}
            else:
                design = {name: trial.suggest_categorical(name, values) if name in task.categorical
                          else values[trial.suggest_int(name, 0, len(values) - 1)] for name, values in task.space.items()}
            objectives, violations = task(design, log)
            trial.set_user_attr("violations", violations)
            study.tell(trial, penalised(objectives, violations) if kind == "cmaes" else [math.log10(o) for o in objectives])
        return log

    return run


def run_pagmo(kind: str) -> Callable:
    def run(task: Task, evaluations: int, seed: int) -> list:
        import pygmo

        log: list = []
        space = task.space

        class Penalty:
            def fitness(self, x: list[float]) -> list[float]:
                return penalised(*task({name: space[name][int(round(v))] for name, v in zip(space, x)}, log))

            def get_bounds(self) -> tuple[list[float], list[float]]:
                return [0.0] * len(space), [float(len(values) - 1) for values in space.values()]

            def get_nix(self) -> int:
                return 0 if kind in ("cmaes", "moead") else len(space)

            def get_nobj(self) -> int:
                return task.objectives

        size = {"nsga2": 40, "moead": 45, "maco": 40, "gaco": 20, "cmaes": 20}[kind]
        generations = max(1, evaluations // size - 1)
        algorithm = {"nsga2": lambda: pygmo.nsga2(gen=generations, seed=seed), "moead": lambda: pygmo.moead(gen=generations, seed=seed),
                     "maco": lambda: pygmo.maco(gen=generations, ker=size, seed=seed),
                     "gaco": lambda: pygmo.gaco(gen=generations, ker=size, seed=seed),
                     "cmaes": lambda: pygmo.cmaes(gen=generations, seed=seed, force_bounds=True)}[kind]()
        population = pygmo.population(pygmo.problem(Penalty()), size=size, seed=seed)
        pygmo.algorithm(algorithm).evolve(population)
        return log[:evaluations]

    return run


def contenders(task: Task, agents: list[str]) -> dict[str, Callable]:
    out = {f"gnomon {agent}": run_gnomon(agent) for agent in agents}
    if importlib.util.find_spec("optuna"):
        for kind in ("tpe", "nsga2"):
            out[f"optuna {kind}"] = run_optuna(kind)
        if task.edp and importlib.util.find_spec("cmaes"):
            out["optuna cmaes"] = run_optuna("cmaes")
    else:
        print("optuna is not installed: left out")
    if importlib.util.find_spec("pygmo"):
        for kind in ("gaco", "cmaes") if task.edp else ("nsga2", "moead", "maco"):
            out[f"pagmo {kind}"] = run_pagmo(kind)
    else:
        print("pygmo is not installed: pagmo left out")
    return out


def nondominated(points: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    front: list[tuple[float, ...]] = []
    for p in sorted(set(points)):
        if not any(all(a <= b for a, b in zip(q, p)) for q in front):
            front.append(p)
    return front


def volume(points: list[tuple[float, ...]], corner: tuple[float, ...]) -> float:
    """Hypervolume of three objectives: slabs along the last one, staircases in the first two."""
    inside = sorted((p for p in nondominated(points) if all(a < b for a, b in zip(p, corner))), key=lambda p: p[2])
    total = 0.0
    stairs: list[tuple[float, float]] = []
    for i, p in enumerate(inside):
        stairs = [s for s in stairs if not (s[0] >= p[0] and s[1] >= p[1])]
        if not any(s[0] <= p[0] and s[1] <= p[1] for s in stairs):
            stairs.append((p[0], p[1]))
        stairs.sort()
        top = inside[i + 1][2] if i + 1 < len(inside) else corner[2]
        area = sum((corner[0] - x) * ((stairs[j - 1][1] if j else corner[1]) - y) for j, (x, y) in enumerate(stairs))
        total += area * (top - p[2])
    return total


def scores(logs: dict[str, list[list]], task: Task, marks: list[int]) -> dict[str, list[list[float]]]:
    every = [o for log in [task.everything()] + [log for runs in logs.values() for log in runs] for o, good in log if good]
    if task.edp:
        best = min(o[0] for o in every)
        return {name: [[min((o[0] for o, good in log[:mark] if good), default=math.inf) / best for log in runs] for mark in marks]
                for name, runs in logs.items()}
    logarithms = [tuple(math.log10(x) for x in o) for o in every]
    corner = corner_of(task)
    whole = volume(logarithms, corner)
    return {name: [[100 * volume([tuple(math.log10(x) for x in o) for o, good in log[:mark] if good], corner) / whole for log in runs]
                   for mark in marks] for name, runs in logs.items()}


def corner_of(task: Task) -> tuple[float, ...]:
    draw = __import__("random").Random(20261122)
    log: list = []
    for _ in range(4000):
        task({name: draw.choice(values) for name, values in task.space.items()}, log)
    return tuple(sorted(math.log10(o[k]) for o, good in log if good)[sum(good for _, good in log) * 9 // 10] for k in range(3))


def one_run(name: str, run: Callable, task: Task, seed: int, options: argparse.Namespace) -> tuple[list, float]:
    """Log and processor time of a run, from its file where there is one."""
    file = options.keep and options.keep / f"{options.problem}-{'table' if options.table else options.variant}-{name.replace(' ', '-')}-{seed}-{options.evaluations}.json"
    if file and file.exists():
        kept = json.loads(file.read_text())
        return kept["log"], kept["cpu_seconds"]
    start = time.process_time()
    log = run(task, options.evaluations, seed)
    seconds = time.process_time() - start
    if file:
        file.write_text(json.dumps({"cpu_seconds": seconds, "log": log}))
    return log, seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", choices=["edp", "front"], default="edp")
    parser.add_argument("--variant", choices=list(VARIANTS), default="resnet18")
    parser.add_argument("--agents", default="auto,bayes,nsga2")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evaluations", type=int, default=1000)
    parser.add_argument("--only", default="", help="comma-separated contenders, such as \"gnomon auto,pagmo moead\"")
    parser.add_argument("--keep", type=Path, help="folder of the runs")
    parser.add_argument("--table", type=Path, nargs="?", const=Path("out/agents-peers/table.json"), help="a table of designs instead of the closed form; made where it is missing")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    task = Table(options.problem, options.table) if options.table else Task(options.problem, options.variant)
    marks = [mark for mark in (100, 300, 1000) if mark <= options.evaluations]
    logs: dict[str, list[list]] = {}
    cost: dict[str, float] = {}
    chosen = contenders(task, options.agents.split(","))
    for name, run in chosen.items():
        if options.only and name not in options.only.split(","):
            continue
        runs = [one_run(name, run, task, seed, options) for seed in range(options.seeds)]
        logs[name] = [log for log, _ in runs]
        cost[name] = 1000 * sum(seconds for _, seconds in runs) / options.seeds / options.evaluations
        print(f"{name} done", file=sys.stderr)
    whole = "the whole table" if options.table else "all runs"
    unit = f"best / best of {whole}" if task.edp else f"hypervolume in % of {whole} together"
    print(f"{options.problem}, {'table' if options.table else options.variant}, seeds 0..{options.seeds - 1}; {unit}: median [range] after {', '.join(map(str, marks))} evaluations; CPU ms per evaluation")
    if task.edp and not options.table:
        print(f"best of all runs: {min(o[0] for runs in logs.values() for log in runs for o, good in log if good):.5g} pJ s")
    for name, by_mark in scores(logs, task, marks).items():
        print(f"{name:15}" + "".join(f"  {statistics.median(v):7.2f} [{min(v):.2f}-{max(v):.2f}]" for v in by_mark) + f"  {cost[name]:8.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
