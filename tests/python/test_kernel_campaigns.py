"""Campaigns over kernels: directives as parameters; figures are those of `gnomon hls`, `cosim` and `synth` on the same kernel."""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import gnomon as sdk
import pytest
from conftest import ROOT, gnomon, write_json

KERNEL = ROOT / "examples/kernels/gemm.json"


def strip_comments(text: str) -> Any:
    return json.loads("\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//")))


def campaign(**changes: Any) -> dict[str, Any]:
    return {"version": 1, "name": "k", "subject": "kernel", "design": str(KERNEL),
            "space": {"directives.unroll.k": {"ordinal": [1, 2, 4, 8]}, "directives.clock_ns": {"ordinal": [4, 10]}},
            "objectives": [{"metric": "latency_cycles", "goal": "min"}, {"metric": "register_bits", "goal": "min"}],
            "agent": {"name": "random", "batch": 2}, "budget": {"evaluations": 8}, "seed": 3} | changes


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_trial_is_the_kernel_with_those_directives(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = gnomon("run", write_json(tmp_path / "c.json", campaign()), "--out", out, "--jobs", 1)
    assert run.status == 0, run.err
    rows = trials(out)
    assert len(rows) == 8 and all(row["state"] == "done" for row in rows)
    assert len({row["latency_cycles"] for row in rows}) > 3  # directives move the figures
    for row in rows[:3]:
        kernel = strip_comments(KERNEL.read_text())
        kernel["directives"]["unroll"]["k"] = int(row["directives.unroll.k"])
        kernel["directives"]["clock_ns"] = float(row["directives.clock_ns"])
        alone = gnomon("hls", "--kernel", write_json(tmp_path / "k.json", kernel), "--out", tmp_path / "hls", "--json")
        assert alone.status == 0, alone.err
        document = alone.json()
        assert int(row["ii"]) == document["ii"] and int(row["depth_cycles"]) == document["depth_cycles"]
        assert int(row["compute_cycles"]) == document["latency_cycles"] < int(row["latency_cycles"])
        assert float(row["latency_s"]) == pytest.approx(int(row["latency_cycles"]) * float(row["directives.clock_ns"]) * 1e-9)
    again = tmp_path / "again"
    assert gnomon("run", tmp_path / "c.json", "--out", again, "--jobs", 2).status == 0
    assert (again / "trials.csv").read_bytes() == (out / "trials.csv").read_bytes()


def test_directives_that_cannot_be_carried_out_fail_their_trial(tmp_path: Path) -> None:
    text = campaign(space={"directives.unroll.n": {"ordinal": [1, 2]}}, budget={"evaluations": 2})
    run = gnomon("run", write_json(tmp_path / "c.json", text), "--out", tmp_path / "out")
    assert run.status == 0, run.err
    assert sorted(row["state"] for row in trials(tmp_path / "out")) == ["done", "failed"]
    assert "unrolling \"n\"" in run.err and "order of dependent accesses" in run.err


def test_a_chosen_kernel_runs_in_rtl_and_is_synthesised(tmp_path: Path) -> None:
    if shutil.which("verilator") is None or shutil.which("yosys") is None:
        pytest.skip("no Verilator or yosys")
    text = campaign(space={"directives.unroll.k": {"ordinal": [1, 4]}}, budget={"evaluations": 2}, synthesis="xcup", fidelity={"ladder": ["cycle", "rtl"], "promote": 0.5},
                    objectives=[{"metric": "latency_cycles", "goal": "min"}], constraints=[{"metric": "lut", "max": 100000}])
    text["budget"] = {"evaluations": 1}
    out = tmp_path / "out"
    run = gnomon("run", write_json(tmp_path / "c.json", text), "--out", out, timeout=900)
    assert run.status == 0, run.err
    last = [row for row in trials(out) if row["fidelity"] == "rtl"]
    assert len(last) == 1 and last[0]["outputs_match"] == "1" and last[0]["cycle_difference"] == "0" and float(last[0]["lut"]) > 0
    number = last[0]["trial"]
    again = gnomon("cosim", "--campaign", out, "--trial", number, "--json", timeout=900)
    assert again.status == 0, again.err
    assert again.json()["outputs_match"] and again.json()["rtl_cycles"] == int(last[0]["rtl_cycles"])
    folder = out / "cosim" / f"trial-{number}"
    assert {path.suffix for path in folder.iterdir()} >= {".sv", ".cpp", ".json"}
    assert {path.name for path in (folder / "testbench").iterdir()} >= {"dut.sv", "tb.sv", "vectors.hex", "opening.fst"}
    assert gnomon("cosim", "--campaign", out, "--trial", number, "--system").status == 2
    replayed = gnomon("cosim", "--campaign", out, "--trial", number, "--icarus", "--json", timeout=900)
    assert replayed.status == 0 and replayed.json()["steps"][0]["replay"]["mismatches"] == 0
    with sqlite3.connect(out / "campaign.sqlite") as store:
        rows = [json.loads(row[0]) for row in store.execute("SELECT result FROM cosim")]
    assert [row["kind"] for row in rows] == ["kernel"], "the same run again takes the place of the first"
    synth = gnomon("synth", "--campaign", out, "--trial", number, "--target", "xcup", "--json", timeout=900)
    assert synth.status == 0 and synth.json()["lut"] == float(last[0]["lut"])


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"fidelity": "analytical"}, "/fidelity", "cycle"),
        ({"design": "nowhere.json"}, "nowhere.json", "no such file"),
        ({"design": {"version": 1}}, "/design", "loops"),
        ({"space": {"directives.unrol.k": {"ordinal": [1, 2]}}}, "directives", "unroll"),
        ({"objectives": [{"metric": "energy_pj", "goal": "min"}]}, "/objectives/0/metric", "register_bits"),
        ({"objectives": [{"metric": "lut", "goal": "min"}]}, "/objectives/0/metric", "synthesis"),
        ({"synthesis": "xcup-complete"}, "/synthesis", "accelerators"),
        ({"workloads": [{"model": "zoo:lenet5"}]}, "/workloads", "accelerator"),
    ],
)
def test_bad_campaigns(tmp_path: Path, changes: dict[str, Any], pointer: str, words: str) -> None:
    run = gnomon("validate", write_json(tmp_path / "c.json", campaign(**changes)))
    assert run.status == 3 and pointer in run.err and words in run.err, run.err


def test_the_base_kernel_is_checked(tmp_path: Path) -> None:
    kernel = strip_comments(KERNEL.read_text())
    kernel["body"][0]["tensor"] = "nothing"
    run = gnomon("validate", write_json(tmp_path / "c.json", campaign(design=kernel)))
    assert run.status == 3 and "/design" in run.err and "nothing" in run.err, run.err
    with pytest.raises(sdk.InputError, match="nothing"):
        sdk.make_env(tmp_path / "c.json")


def test_the_example(tmp_path: Path) -> None:
    run = gnomon("run", ROOT / "examples/gemm-directives.json", "--out", tmp_path / "out", "--json")
    assert run.status == 0, run.err
    assert len(run.json()["pareto"]) >= 5
    # Names are as long as it takes to tell them apart.
    table = gnomon("run", ROOT / "examples/gemm-directives.json", "--out", tmp_path / "out").out
    assert " unroll.k " in table and " a.0.factor " in table and " b.0.factor " in table
