#!/usr/bin/env python3
"""The multi-agent question on DRAM controllers, answered: writes docs/studies/dram-marl.md and its figure.

    .venv/bin/python bench/dram_marl.py [--seeds 20] [--seeds-both N] [--sweep 3] [--budget 1000] [--out DIR] [--jobs N] [--study DIR]

ArchGym's controller space (1,769,472 designs, every one simulated: problems dram-*), four traces, three aims, with and without retention. Runs
`gnomon compare` on each of the 24 campaigns, resumable in DIR; the text holds whatever comes out. Needs matplotlib for the figure.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
from pathlib import Path

from agents import program
from scipy.stats import rankdata
from stratified import holm, smaller_is_better, van_elteren

ROOT = Path(__file__).resolve().parents[1]
TRACES = ["stream", "random", "cloud-1", "cloud-2"]
AIMS = {"latency": ["total_time_us"], "power": ["power_mw"], "both": ["total_time_us", "power_mw"]}
RULES = {"retention": [{"metric": "refresh_missing", "max": 0}], "free": []}
AGENTS = ["random", "aco", "ga", "bayes", "ppo", "sac", "ippo", "mappo"]  # with two objectives nsga2 is the genetic algorithm
QUESTIONS = [("ippo", "ppo"), ("mappo", "ppo"), ("mappo", "ippo"), ("sac", "ppo"), ("ippo", "sac"), ("mappo", "sac"), ("ppo", "random"), ("sac", "random"),
             ("ippo", "random"), ("mappo", "random"), ("ippo", "ga"), ("mappo", "ga"), ("ppo", "ga"), ("sac", "ga"), ("bayes", "ga"), ("ippo", "bayes")]


def compare(trace: str, aim: str, rule: str, options: argparse.Namespace) -> dict:
    name = f"{trace}-{aim}-{rule}"
    folder = options.out / name
    folder.mkdir(parents=True, exist_ok=True)
    campaign = {"version": 1, "name": name, "subject": "problem", "problem": f"dram-{trace}", "budget": {"evaluations": options.budget},
                "objectives": [{"metric": m, "goal": "min"} for m in AIMS[aim]], "constraints": RULES[rule]}
    (folder / "campaign.json").write_text(json.dumps(campaign))
    agents = ["nsga2" if a == "ga" and aim == "both" else a for a in AGENTS]
    done = subprocess.run([str(program()), "compare", str(folder / "campaign.json"), "--agents", ",".join(agents), "--seeds", str(options.seeds_both if aim == "both" else options.seeds), "--sweep",
                           str(options.sweep), "--judge", "anytime", "--jobs", str(options.jobs), "--out", str(folder / "runs"), "--json"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{name}: {done.stderr}")
    return json.loads(done.stdout)


class Scenario:
    def __init__(self, trace: str, aim: str, rule: str, document: dict) -> None:
        self.trace, self.aim, self.rule, self.document = trace, aim, rule, document
        self.name = f"{trace}, {aim}, {'with retention' if rule == 'retention' else 'free'}"
        self.rows = {("ga" if a["name"] == "nsga2" else a["name"]): a for a in document["agents"]}
        self.best = 1.0 if document["score"]["kind"] == "hypervolume_share" else document["score"]["optimum"]

    def choice(self, agent: str, tuned: bool) -> dict:
        row = self.rows[agent]
        return row["tuned"] if tuned and "tuned" in row else row["variants"][0]

    def scores(self, agent: str, tuned: bool) -> list[float]:
        return smaller_is_better(self.document, self.choice(agent, tuned)["anytime"])

    def regret(self, value: float | None) -> float | None:
        """In % of the optimum, or of the exact front's hypervolume."""
        return None if value is None else 100 * abs(value - self.best) / abs(self.best)

    def regrets_at_end(self, agent: str, tuned: bool) -> list[float]:
        return [r for r in (self.regret(v) for v in self.choice(agent, tuned)["scores"]) if r is not None]

    def ranks(self, tuned: bool) -> dict[str, float]:
        by_seed = zip(*(self.scores(a, tuned) for a in AGENTS), strict=True)
        ranks = [rankdata(row) for row in by_seed]
        return {a: statistics.mean(float(row[i]) for row in ranks) for i, a in enumerate(AGENTS)}

    def reached(self, agent: str) -> float:
        """Share of the tuned runs that end at the optimum itself (with 99.9 % of the front's hypervolume)."""
        allowed = 0.1 if self.aim == "both" else 1e-7
        regrets = self.regrets_at_end(agent, True)
        return sum(r <= allowed for r in regrets) / self.document["seeds"]


def figure(scenarios: list[Scenario], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "gnomon"
    matplotlib.rcParams["svg.fonttype"] = "none"
    import matplotlib.pyplot as plt

    colours = dict(zip(AGENTS, ["#888888", "#8c6d31", "#2ca02c", "#1f77b4", "#ff7f0e", "#d62728", "#9467bd", "#e377c2"]))
    columns = list(itertools.product(AIMS, RULES))
    fig, axes = plt.subplots(len(TRACES), len(columns), figsize=(3.1 * len(columns), 2.5 * len(TRACES)), sharex=True, layout="constrained")
    for s in scenarios:
        axis = axes[TRACES.index(s.trace)][columns.index((s.aim, s.rule))]
        marks = s.document["checkpoints"]
        for agent in AGENTS:
            curve = [s.regret(band[0]) for band in s.choice(agent, True)["curve"]]
            points = [(x, max(y, 1e-3)) for x, y in zip(marks, curve) if y is not None]
            axis.plot([x for x, _ in points], [y for _, y in points], label=agent, color=colours[agent], linewidth=1.2)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_title(f"{s.trace}: {s.aim}{', retention' if s.rule == 'retention' else ''}", fontsize=9)
        axis.tick_params(labelsize=7)
        axis.minorticks_off()
    for axis in axes[-1]:
        axis.set_xlabel("evaluations", fontsize=8)
    for row in axes:
        row[0].set_ylabel("regret, %", fontsize=8)
    handles, labels = axes[0][0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncol=len(AGENTS), fontsize=9)
    fig.savefig(path, metadata={"Date": None})
    plt.close(fig)


def p_text(p: float) -> str:
    return "< 1e-6" if p < 1e-6 else f"{p:.2g}"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows]


def number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}g}"


def verdict(scenarios: list[Scenario], a: str, b: str, tuned: bool) -> tuple[float, float, int, int]:
    strata = [(s.scores(a, tuned), s.scores(b, tuned)) for s in scenarios]
    p, better = van_elteren(strata)
    each = [van_elteren([stratum]) for stratum in strata]
    adjusted = holm([one[0] for one in each])
    wins = sum(q < 0.05 and one[1] > 0.5 for q, one in zip(adjusted, each))
    losses = sum(q < 0.05 and one[1] < 0.5 for q, one in zip(adjusted, each))
    return p, better, wins, losses


def sentence(a: str, b: str, result: tuple[float, float, int, int]) -> str:
    p, better, wins, losses = result
    if p >= 0.05:
        return f"`{a}` and `{b}` cannot be told apart (P = {better:.2f}, p = {p_text(p)})"
    word = "better" if better > 0.5 else "worse"
    return f"`{a}` is {word} than `{b}` (P = {better:.2f}, p {'' if p < 1e-6 else '= '}{p_text(p)}; significantly better on {wins}, worse on {losses} of the campaigns)"


def text(scenarios: list[Scenario], options: argparse.Namespace) -> str:
    ended = statistics.mean(s.reached(a) for s in scenarios for a in AGENTS)
    random_ended = statistics.mean(s.reached("random") for s in scenarios)
    out = ["# One agent or many? PPO, SAC, IPPO and MAPPO on DRAM controllers", "",
           "Made by", "", "```sh", f".venv/bin/python bench/dram_marl.py --seeds {options.seeds}{'' if options.seeds_both == options.seeds else f' --seeds-both {options.seeds_both}'} --sweep {options.sweep}", "```", "",
           f"ArchGym's DRAM-controller space (ten parameters, 1,769,472 designs) on its DDR3-1600 device; every design is simulated, so regrets are exact. {len(scenarios)} campaigns: "
           f"{len(TRACES)} traces x low latency (total time), low power, both (hypervolume of the two) x with retention (no refresh may be missing) and free. {options.budget:,} evaluations, "
           f"seeds 0 to {options.seeds - 1}{'' if options.seeds_both == options.seeds else f' (0 to {options.seeds_both - 1} for both)'}, one design at a time. Every agent sees the same space, the same values and the same constraint; there is no target-distance reward (rewards are ranks). "
           f"Tuning: {options.sweep} sets of options each (the defaults, the others around them, drawn by the agent's name alone); each half of the seeds is scored with the set that the other half "
           "liked best, so all have equal budgets and no run judges its own choice. `ga` is NSGA-II where there are two objectives. `ppo` and `sac` are one network that decides all parameters; `ippo` and "
           "`mappo` are one network per parameter, `mappo` with a shared critic and counterfactual credit. All four share edits of the best designs and imitation (docs/search.md), so what differs is what the question is about.",
           "", f"Scores are the mean regret over the run (the area under the curve), which says how soon a run is good: {100 * ended:.0f} % of all tuned runs end at the optimum itself (with 99.9 % of the front's hypervolume, for both), of random search's {100 * random_ended:.0f} %. "
           "P is the probability that a run of the first agent beats a run of the second (ties half), p of van Elteren's test over all campaigns; wins and losses of single campaigns by Mann and Whitney, Holm over campaigns.", ""]
    out += ["## What came out", ""]
    groups = [("all campaigns", scenarios)] + [(f"{aim} only", [s for s in scenarios if s.aim == aim]) for aim in AIMS]
    groups += [("with retention", [s for s in scenarios if s.rule == "retention"]), ("free", [s for s in scenarios if s.rule == "free"])]
    ranks = {name: {a: statistics.mean(s.ranks(True)[a] for s in part) for a in AGENTS} for name, part in groups}
    order = sorted(AGENTS, key=lambda a: ranks["all campaigns"][a])
    single = min(("ppo", "sac"), key=lambda a: ranks["all campaigns"][a])
    multi = min(("ippo", "mappo"), key=lambda a: ranks["all campaigns"][a])
    listed = ", ".join(f"`{a}` {ranks['all campaigns'][a]:.2f}" for a in order)
    out.append(f"Mean ranks over all campaigns: {listed} (of {len(AGENTS)}; 1 is best).")
    out.append("")
    for a, b in ((multi, single), ("ippo", "ppo"), ("mappo", "ppo"), ("mappo", "ippo")):
        line = "* " + ("Best multi-agent against best single-agent policy: " if (a, b) == (multi, single) else "") + sentence(a, b, verdict(scenarios, a, b, True)) + "."
        if line not in out:
            out.append(line)
    for b in ("ga", "bayes", "random"):
        out.append("* " + sentence(multi, b, verdict(scenarios, multi, b, True)) + "; " + sentence(single, b, verdict(scenarios, single, b, True)) + ".")
    out += ["", "![regret curves](dram-marl.svg)", "", "Median regret of the tuned agents in % of the optimum (of the front's hypervolume, for both); values below 0.001 % are drawn there.", ""]
    out += ["## Mean ranks", ""] + table(["campaigns", *order], [[name, *(f"{ranks[name][a]:.2f}" for a in order)] for name, _ in groups]) + [""]
    untuned = {a: statistics.mean(s.ranks(False)[a] for s in scenarios) for a in AGENTS}
    out += ["With the defaults: " + ", ".join(f"`{a}` {untuned[a]:.2f}" for a in sorted(AGENTS, key=lambda a: untuned[a])) + ".", ""]
    out += ["## Pairs", ""]
    pairs = []
    for a, b in QUESTIONS:
        tuned, default = verdict(scenarios, a, b, True), verdict(scenarios, a, b, False)
        pairs.append([f"{a} against {b}", f"{tuned[1]:.2f}", p_text(tuned[0]), str(tuned[2]), str(tuned[3]), f"{default[1]:.2f}", p_text(default[0])])
    out += table(["pair", "P", "p", "wins", "losses", "P, defaults", "p, defaults"], pairs) + [""]
    out += ["## Evaluations until within 1 % of the optimum (90 % of the front's hypervolume), tuned: expected running time", ""]
    rows = [[s.name, *(number(s.choice(a, True)["expected_evaluations_to_target"]) + (f" ({s.choice(a, True)['reached_target']}/{s.document['seeds']})" if s.choice(a, True)["reached_target"] < s.document["seeds"] else "") for a in order)]
            for s in scenarios]
    out += table(["campaign", *order], rows) + ["", "In brackets how many seeds reached it, where not all did.", ""]
    out += [f"## Regret after {options.budget:,} evaluations, median over seeds, %", ""]
    out += table(["campaign", *order], [[s.name, *(number(statistics.median(s.regrets_at_end(a, True))) for a in order)] for s in scenarios]) + [""]
    out += ["## The hyperparameter lottery", "", "Median and largest over the campaigns of (median mean-regret of an agent's worst set) / (that of its best).", ""]
    lottery = []
    for a in order:
        ratios = []
        for s in scenarios:
            medians = []
            for v in s.rows[a]["variants"]:
                values = [x for x in v["anytime"] if x is not None]
                if values:
                    medians.append(max(abs(statistics.median(values) - s.best) / abs(s.best), 1e-9))
            ratios.append(max(medians) / min(medians))
        lottery.append([a, f"{statistics.median(ratios):.2f}", f"{max(ratios):.1f}", str(len(scenarios[0].rows[a]["variants"]))])
    out += table(["agent", "median ratio", "largest", "sets"], lottery) + [""]
    out += ["## Limits", "",
            "Tables are exact for this project's model of the memory (docs/memory.md says how far it agrees with other simulators). Traces have 10,000 reads each, no writes. A space of 1.8 million designs with many equal outcomes is "
            "small, and nothing here speaks of larger ones. The published multi-agent study used rewards that punish beating its target, different "
            "spaces for its agents, and no known optimum; its claims are about that set-up.", ""]
    return "\n".join(out)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seeds-both", type=int, default=0, help="of the campaigns with two objectives, which take most of the time (as --seeds)")
    parser.add_argument("--sweep", type=int, default=3)
    parser.add_argument("--budget", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/dram-marl"))
    parser.add_argument("--study", type=Path, default=ROOT / "docs/studies")
    options = parser.parse_args()
    options.seeds_both = options.seeds_both or options.seeds
    scenarios = []
    for aim, trace, rule in itertools.product(AIMS, TRACES, RULES):
        scenarios.append(Scenario(trace, aim, rule, compare(trace, aim, rule, options)))
        print(f"{scenarios[-1].name} done", file=sys.stderr, flush=True)
    options.study.mkdir(parents=True, exist_ok=True)
    figure(scenarios, options.study / "dram-marl.svg")
    (options.study / "dram-marl.md").write_text(text(scenarios, options))
    print(f"written: {options.study / 'dram-marl.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
