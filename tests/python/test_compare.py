"""`gnomon compare`: the command line over the comparison (its numbers are tested in tests/search/test_compare.cpp)."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import BUILD, ROOT, gnomon, write_json


def campaign(**changes: Any) -> dict[str, Any]:
    base = {"version": 1, "name": "g24", "subject": "problem", "problem": "g24", "budget": {"evaluations": 40}}
    return {**base, **changes}


def test_compare_prints_ranks_and_writes_its_files(tmp_path: Path) -> None:
    file, out = write_json(tmp_path / "c.json", campaign()), tmp_path / "out"
    run = gnomon("compare", file, "--agents", "random,nsga2", "--seeds", 4, "--out", out)
    assert run.status == 0, run.err
    assert "mean rank" in run.out and "Friedman" in run.out and "within 1 % of the known optimum" in run.out
    document = json.loads((out / "compare.json").read_text())
    assert document["schema"] == "gnomon/compare/1" and document["seeds"] == 4
    with (out / "compare.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [(row["agent"], row["seed"]) for row in rows] == [(a, str(s)) for a in ("random", "nsga2") for s in range(4)]
    for agent in document["agents"]:
        assert agent["variants"][0]["scores"] == [float(row["score"]) if row["score"] else None for row in rows if row["agent"] == agent["name"]]
    # Nothing is run again: the same document, times included.
    again = gnomon("compare", file, "--agents", "random,nsga2", "--seeds", 4, "--out", out, "--json")
    assert again.json() == document


def test_a_sweep_is_logged_openly(tmp_path: Path) -> None:
    file = write_json(tmp_path / "c.json", campaign())
    document = gnomon("compare", file, "--agents", "random,nsga2", "--seeds", 4, "--sweep", 3, "--out", tmp_path / "out", "--json").json()
    random, nsga2 = document["agents"]
    assert len(nsga2["variants"]) == 3 and nsga2["variants"][0]["options"] == {}
    assert all(variant["options"] for variant in nsga2["variants"][1:])
    assert len(random["variants"]) == 1 and any("random has 1 of 3" in note for note in document["notes"])
    assert document["tuned_pairs"] and set(nsga2["tuned"]["variants"]) <= {0, 1, 2}


def test_the_hypervolume_is_against_the_known_front(tmp_path: Path) -> None:
    file = write_json(tmp_path / "c.json", campaign(problem="zdt1", budget={"evaluations": 60}))
    document = gnomon("compare", file, "--agents", "random,sobol", "--seeds", 2, "--out", tmp_path / "out", "--json").json()
    assert document["score"]["kind"] == "hypervolume_share" and document["score"]["truth_known"]
    for agent in document["agents"]:
        assert all(0 <= score < 1 for score in agent["variants"][0]["scores"])
        curve = [point[0] for point in agent["variants"][0]["curve"]]
        assert curve == sorted(curve)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--agents", "random,nsga", "--seeds", 2], 3, 'did you mean "nsga2"?'),
        (["--agents", "random,random", "--seeds", 2], 2, "stands twice"),
        (["--seeds", 2], 2, "--agents"),
    ],
)
def test_wrong_calls_are_refused(tmp_path: Path, arguments: list[object], status: int, message: str) -> None:
    run = gnomon("compare", write_json(tmp_path / "c.json", campaign()), *arguments, "--out", tmp_path / "out")
    assert run.status == status and message in run.err


def test_an_interrupt_keeps_what_is_done(tmp_path: Path) -> None:
    file, out = write_json(tmp_path / "c.json", campaign(problem="wfg4", budget={"evaluations": 400})), tmp_path / "out"
    command = [str(BUILD / "bin" / "gnomon"), "compare", str(file), "--agents", "random,nsga2", "--seeds", "20", "--out", str(out), "--jobs", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (out / "compare.sqlite").exists() and process.poll() is None:
        time.sleep(0.02)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, talk = process.communicate(timeout=120)
    assert process.returncode == 130 and "the same command goes on" in talk
    assert gnomon(*command[1:], "--json").json()["seeds"] == 20


def test_tables_know_their_best(tmp_path: Path) -> None:
    rows = ["rows,kind,cost,time"] + [f"{r},{k},{r * 3 + i},{200 / r + 7 * i}" for r in (1, 2, 4, 8) for i, k in enumerate(("a", "b", "c"))]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    table = {"name": "table", "file": "t.csv", "parameters": ["rows", "kind"]}
    one = campaign(problem=table, budget={"evaluations": 12}, objectives=[{"metric": "time"}], constraints=[{"metric": "cost", "max": 13}])
    run = gnomon("run", write_json(tmp_path / "c.json", one), "--out", tmp_path / "out", "--agent", "random", "--json")
    assert run.status == 0, run.err
    summary = run.json()
    # All 12 rows are seen: the best of those with cost <= 13 is rows 4, kind a.
    assert summary["best"]["time"]["parameters"] == {"rows": 4, "kind": "a"}
    assert summary["regret"]["value"] == 0 and "every row" in summary["regret"]["truth"]
    assert gnomon("validate", tmp_path / "c.json").status == 0
    wrong = campaign(problem={**table, "parameters": ["row"]}, objectives=[{"metric": "time"}])
    run = gnomon("run", write_json(tmp_path / "w.json", wrong), "--out", tmp_path / "w")
    assert run.status == 3 and 'did you mean "rows"?' in run.err


def test_a_target_is_counted_in_evaluations(tmp_path: Path) -> None:
    file = write_json(tmp_path / "c.json", campaign(target=[-3.0], budget={"evaluations": 200}))
    summary = gnomon("run", file, "--out", tmp_path / "out", "--agent", "nsga2", "--json").json()
    with (tmp_path / "out" / "trials.csv").open() as table:
        rows = list(csv.DictReader(table))
    first = next(i for i, row in enumerate(rows, 1) if row["feasible"] == "1" and float(row["f"]) <= -3)
    assert summary["evaluations_to_target"] == first
    assert summary["regret"]["value"] == pytest.approx(summary["best"]["f"]["objectives"]["f"] + 5.50801327159536)


def test_a_space_table_is_a_problem_with_its_truth(tmp_path: Path) -> None:
    """A committed table by its file: its raw values are those of the problem that reads the same table, whose truth is known."""
    file = ROOT / "search" / "tables" / "dram-stream.table"
    agent = {"name": "random", "batch": 1}
    by_file = campaign(problem={"name": "table", "file": str(file)}, objectives=[{"metric": "cycles"}], agent=agent, budget={"evaluations": 60})
    by_name = campaign(problem="dram-stream", objectives=[{"metric": "total_time_us"}], constraints=[], agent=agent, budget={"evaluations": 60})
    summaries = []
    for name, what in (("file", by_file), ("name", by_name)):
        run = gnomon("run", write_json(tmp_path / f"{name}.json", what), "--out", tmp_path / name, "--json")
        assert run.status == 0, run.err
        summaries.append(run.json())
    with (tmp_path / "file" / "trials.csv").open() as a, (tmp_path / "name" / "trials.csv").open() as b:
        rows = list(zip(csv.DictReader(a), csv.DictReader(b), strict=True))
    assert len(rows) == 60
    for raw, named in rows:
        assert all(raw[key] == named[key] for key in named if key.startswith("controller."))
        assert float(named["total_time_us"]) == pytest.approx(float(raw["cycles"]) * 1.25e-3)  # DDR3-1600: 1.25 ns a cycle
    assert summaries[1]["regret"]["value"] == pytest.approx(1.25e-3 * summaries[0]["regret"]["value"], abs=1e-9)
    wrong = write_json(tmp_path / "wrong.json", {**by_file, "objectives": [{"metric": "cycle"}]})
    run = gnomon("validate", wrong)
    assert run.status == 3 and "cycles" in run.err
    (tmp_path / "cut.table").write_bytes(file.read_bytes()[:-100])
    cut = write_json(tmp_path / "cut.json", {**by_file, "problem": {"name": "table", "file": "cut.table"}})
    assert gnomon("validate", cut).status == 3


def test_several_workloads_are_summed_by_weight(tmp_path: Path, edge: dict[str, Any]) -> None:
    """Truth: each workload simulated alone (design.md: a metric over several workloads is the weighted sum; NAME@MODEL is one of them)."""
    mlp = str(ROOT / "examples" / "workloads" / "mlp.csv")
    several = {
        "version": 1,
        "name": "two",
        "subject": "accelerator",
        "design": edge,
        "workloads": [{"model": mlp, "weight": 3}, {"model": "zoo:mbnet?resolution=8", "weight": 0.5}],
        "space": {"cores.npu.array.rows": {"ordinal": [8, 16]}},
        "objectives": [{"metric": "latency_cycles"}, {"metric": f"energy_pj@{mlp}"}],
        "agent": {"name": "random", "batch": 1},
        "budget": {"evaluations": 2},
    }
    for fidelity in ("analytical", "cycle"):
        run = gnomon("run", write_json(tmp_path / "c.json", {**several, "fidelity": fidelity}), "--out", tmp_path / fidelity)
        assert run.status == 0, run.err
        with (tmp_path / fidelity / "trials.csv").open() as table:
            rows = list(csv.DictReader(table))
        assert len(rows) == 2
        for row in rows:
            design = json.loads(json.dumps(edge))
            design["cores"][0]["array"]["rows"] = int(row["cores.npu.array.rows"])
            arch = write_json(tmp_path / "arch.json", design)
            alone = []
            for model in (mlp, "zoo:mbnet?resolution=8"):
                one = gnomon("simulate", "--arch", arch, "--workload", model, "--fidelity", fidelity, "--json")
                assert one.status == 0, one.err
                alone.append(one.json()["total"])
            for metric in ("latency_cycles", "energy_pj", "macs"):
                assert float(row[metric]) == pytest.approx(3 * alone[0][metric] + 0.5 * alone[1][metric], rel=1e-9), metric
            assert float(row[f"energy_pj@{mlp}"]) == pytest.approx(alone[0]["energy_pj"], rel=1e-9)
