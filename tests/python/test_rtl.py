"""Arrays of all dataflows in RTL through the program: layers, the SystemC system, campaigns, synthesis."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, gnomon, write_json


def gemm(folder: Path) -> Path:
    path = folder / "gemm.csv"
    path.write_text("Layer,M,N,K,\nfc,40,20,24,\n")
    return path


def small(edge: dict[str, Any], dataflow: str, **array: Any) -> dict[str, Any]:
    design = json.loads(json.dumps(edge))
    design["cores"][0]["array"].update({"rows": 4, "cols": 4, "dataflow": dataflow, **array})
    return design


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_a_layer_in_the_system(tmp_path: Path, edge: dict[str, Any], dataflow: str) -> None:
    design = write_json(tmp_path / "d.json", small(edge, dataflow, overlap=True))
    run = gnomon("cosim", "--arch", design, "--workload", gemm(tmp_path), "--system", "--json")
    assert run.status == 0, run.err
    document = run.json()
    assert document["outputs_match"] is True and document["cycle_difference"] == 0
    system = document["steps"][0]["system"]
    assert system["agrees"] is True and system["latency_difference"] == 0 and system["latency_cycles"] >= document["rtl_cycles"]
    # The same latency as the whole program says at both fidelities.
    for fidelity in ("cycle", "rtl"):
        run = gnomon("simulate", "--arch", design, "--workload", gemm(tmp_path), "--fidelity", fidelity, "--json")
        assert run.status == 0, run.err
        assert run.json()["layers"][0]["latency_cycles"] == system["latency_cycles"]


def campaign(tmp_path: Path, edge: dict[str, Any], **changes: Any) -> Path:
    gemm(tmp_path)
    return write_json(
        tmp_path / "c.json",
        {
            "version": 1,
            "name": "rtl",
            "workloads": [{"model": "gemm.csv"}],
            "design": small(edge, "os"),
            "space": {"cores.npu.array.dataflow": {"categorical": ["os", "ws", "is"]}, "cores.npu.array.overlap": {"categorical": [False, True]}},
            "objectives": [{"metric": "latency_s", "goal": "min"}],
            "agent": {"name": "random", "batch": 2},
            "budget": {"evaluations": 2},
            "fidelity": {"ladder": ["analytical", "rtl"], "promote": 0.5},
            "seed": 3,
            **changes,
        },
    )


def test_a_ladder_that_ends_in_rtl_and_the_cosimulation_of_its_trial(tmp_path: Path, edge: dict[str, Any]) -> None:
    edge["cores"][0]["name"] = "npu"
    out = tmp_path / "out"
    run = gnomon("run", campaign(tmp_path, edge), "--out", out, "--json")
    assert run.status == 0, run.err
    best = next(iter(run.json()["best"].values()))
    number = best["trial"] if "trial" in best else best["number"]
    run = gnomon("cosim", "--campaign", out, "--trial", number, "--base", tmp_path, "--json")
    assert run.status == 0, run.err
    document = run.json()
    assert document["outputs_match"] is True and document["cycle_difference"] == 0 and document["trial"] == number
    folder = out / "cosim" / f"trial-{number}"
    assert json.loads((folder / "results.json").read_text())["rtl_cycles"] == document["rtl_cycles"]
    assert (folder / "design.json").exists() and len(list((folder / "rtl").glob("*.sv"))) == 1
    with sqlite3.connect(out / "campaign.sqlite") as store:
        rows = store.execute("SELECT trial, result FROM cosim").fetchall()
    assert [row[0] for row in rows] == [number] and json.loads(rows[0][1])["rtl_cycles"] == document["rtl_cycles"]
    wrong = gnomon("cosim", "--campaign", out, "--trial", 99999)
    assert wrong.status == 3 and "no trial 99999" in wrong.err


def test_synthesis(tmp_path: Path, edge: dict[str, Any]) -> None:
    if shutil.which("yosys") is None:
        pytest.skip("no yosys")
    design = write_json(tmp_path / "d.json", small(edge, "os"))
    run = gnomon("synth", "--arch", design, "--target", "xcup", "--json")
    assert run.status == 0, run.err
    document = run.json()
    assert document["dsp"] == 16 and document["ff"] > 0 and document["lut"] > 0 and document["bram"] > 0
    assert document["fmax_mhz"] is None and document["area_um2"] is None and "yosys" in document["tool"] and "composed" in document["tool"]
    assert gnomon("synth", "--arch", design, "--target", "stratix").status == 2


def test_a_complete_design_replays_in_icarus(tmp_path: Path) -> None:
    """Truth: a second simulator, in which what was never set is x and differs from all; the replay has the biases' loading before the run too."""
    design = json.loads((ROOT / "examples/designs/edge-os.json").read_text())
    core = design["cores"][0]
    core["array"] |= {"rows": 4, "cols": 4}
    core["vector"] = {"lanes": 4}
    for level in core["levels"]:
        level["kib"] = 4
    small = tmp_path / "small.json"
    small.write_text(json.dumps(design))
    run = gnomon("cosim", "--arch", small, "--workload", ROOT / "tests/hls/workloads/depthwise.json", "--whole", "--icarus", "--json", timeout=600)
    assert run.status == 0, run.err
    document = json.loads(run.out)
    assert document["cycle_difference"] == 0
    assert document["replay"]["mismatches"] == 0
    assert document["replay"]["cycles"] >= document["rtl_cycles"]


def test_a_network_runs_whole_on_a_complete_design() -> None:
    design, network = ROOT / "examples/designs/edge-os.json", ROOT / "examples/workloads/lenet5.json"
    run = gnomon("cosim", "--arch", design, "--workload", network, "--whole", "--json", timeout=900)
    assert run.status == 0, run.err
    document = run.json()
    assert document["outputs_match"] is True and document["cycle_difference"] == 0 and document["whole"] is True
    model = gnomon("simulate", "--arch", design, "--workload", network, "--fidelity", "cycle", "--json").json()
    assert document["rtl_cycles"] == model["total"]["latency_cycles"]
    assert gnomon("cosim", "--arch", design, "--workload", network, "--whole", "--layer", "conv1").status == 2
    refused = gnomon("cosim", "--arch", design, "--workload", "zoo:mobilenet_v2", "--whole")
    assert refused.status == 4 and "Clip" in refused.err
