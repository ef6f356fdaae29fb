"""Arrays of all dataflows in RTL through the program: layers, the SystemC system, campaigns, synthesis."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
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


def two_branches(folder: Path) -> Path:
    """Two convolutions of one image, their sum, and a convolution of it."""
    shapes = {"x": [1, 8, 12, 12], "a.w": [12, 8, 3, 3], "b.w": [12, 8, 3, 3], "a.out": [1, 12, 10, 10], "b.out": [1, 12, 10, 10], "sum": [1, 12, 10, 10], "c.w": [6, 12, 1, 1], "c.out": [1, 6, 10, 10]}
    window = {"groups": 1, "stride": [1, 1], "pad_begin": [0, 0], "pad_end": [0, 0]}
    operators = [{"name": n, "op": "convolution", "type": "Conv", "inputs": [i, n + ".w"], "outputs": [n + ".out"], "convolution": window} for n, i in (("a", "x"), ("b", "x"), ("c", "sum"))]
    operators.insert(2, {"name": "add", "op": "elementwise", "type": "Add", "inputs": ["a.out", "b.out"], "outputs": ["sum"]})
    tensors = [{"name": n, "shape": s, **({"constant": True} if n.endswith(".w") else {})} for n, s in shapes.items()]
    return write_json(folder / "two.json", {"version": 1, "name": "two", "tensors": tensors, "operators": operators})


@pytest.mark.parametrize("rtl", [[], ["b"]])
def test_a_network_on_two_cores_in_one_system(tmp_path: Path, rtl: list[str]) -> None:
    """RTL on both cores, or on one beside a model: they meet at the bus and the DRAM, and every step starts and ends when the models say."""
    design = json.loads((ROOT / "examples" / "designs" / "pair.json").read_text())
    for core in design["cores"]:
        core["array"].update({"rows": 4, "cols": 4})
    files = ["--arch", write_json(tmp_path / "pair.json", design), "--workload", two_branches(tmp_path)]
    cores = [word for name in rtl for word in ("--rtl-core", name)]
    run = gnomon("cosim", *files, "--together", *cores, "--json")
    assert run.status == 0, run.err
    together = run.json()["together"]
    assert together["agrees"] is True and together["difference"] is None
    steps = {step["step"]: step for step in together["steps"]}
    assert {steps[name]["core"] for name in "ab"} == {"a", "b"} and steps["add"]["rtl"] is False
    assert all(step["rtl"] == (not rtl or step["core"] in rtl) for name, step in steps.items() if name != "add")
    assert all(step["outputs"] > 0 and step["mismatches"] == 0 for step in steps.values() if step["rtl"])
    # Both cores are at work at the same time, and the program's latency is the models'.
    assert abs(steps["a"]["start_cycle"] - steps["b"]["start_cycle"]) < min(steps["a"]["latency_cycles"], steps["b"]["latency_cycles"])
    assert all(step["start_cycle"] == step["model_start_cycle"] and step["latency_cycles"] == step["model_latency_cycles"] for step in steps.values())
    simulated = gnomon("simulate", *files, "--fidelity", "cycle", "--json").json()
    assert simulated["total"]["latency_cycles"] == together["latency_cycles"]
    # Streams that come late cost cycles, no outputs, and no bytes.
    late = gnomon("cosim", *files, "--together", *cores, "--stall", "0.3", "--json").json()["together"]
    assert late["agrees"] is True and late["latency_cycles"] > together["latency_cycles"]


def test_layouts_cost_the_same_turns_in_rtl_and_model(tmp_path: Path, edge: dict[str, Any]) -> None:
    """Words that share a bank take turns: a step alone in the system, all steps together, and the fidelity `rtl`."""
    files = ["--arch", write_json(tmp_path / "d.json", small(edge, "ws", overlap=True)), "--workload", gemm(tmp_path)]
    mapping = gnomon("simulate", *files, "--json").json()["total"]["mapping"]
    latency = {}
    for layout in ("streamed", "row_major"):
        for step in mapping["steps"].values():
            step["layout"] = {operand: layout for operand in ("ifmap", "filter", "ofmap")}
        given = [*files, "--mapping", write_json(tmp_path / "mapping.json", mapping)]
        run = gnomon("cosim", *given, "--system", "--together", "--json")
        assert run.status == 0, run.err
        document = run.json()
        assert all(step["system"]["agrees"] for step in document["steps"]) and document["together"]["agrees"] is True
        latency[layout] = gnomon("simulate", *given, "--fidelity", "rtl", "--json").json()["total"]["latency_cycles"]
        assert document["together"]["latency_cycles"] == latency[layout]
    assert latency["row_major"] > latency["streamed"]


def test_cores_are_named_and_go_together(tmp_path: Path) -> None:
    files = ["--arch", ROOT / "examples" / "designs" / "pair.json", "--workload", two_branches(tmp_path)]
    unknown = gnomon("cosim", *files, "--together", "--rtl-core", "c")
    assert unknown.status == 3 and 'unknown core "c"; allowed: a, b' in unknown.err
    assert gnomon("cosim", *files, "--rtl-core", "a").status == 2


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


def check_product(bench: Path, tmp_path: Path) -> None:
    """The step's product as Vitis-style C++, compiled with the stand-ins and run: the integer product of two matrices, which is worked out here."""
    tensors = {t["name"]: t for t in json.loads((bench / "product.json").read_text())["tensors"]}
    (m, k), n = tensors["a"]["shape"], tensors["b"]["shape"][1]
    assert [tensors[name]["type"] for name in "abc"] == ["int8", "int8", "int32"]
    left = [[(7 * i + 13 * j) % 256 - 128 for j in range(k)] for i in range(m)]
    right = [[(31 * i + 5 * j) % 256 - 128 for j in range(n)] for i in range(k)]

    def table(name: str, rows: list[list[int]]) -> str:
        return f"static const ap_int<8> {name}[{len(rows)}][{len(rows[0])}] = {{{', '.join('{' + ', '.join(map(str, row)) + '}' for row in rows)}}};\n"

    main = f'#include "{bench / "product.cpp"}"\n#include <cstdio>\n{table("left", left)}{table("right", right)}static ap_int<32> sums[{m}][{n}];\n'
    main += f'int main() {{ kernel_product(left, right, sums); for (auto& row : sums) for (auto& sum : row) std::printf("%lld ", (long long)sum.bits); }}\n'
    (tmp_path / "main.cpp").write_text(main)
    subprocess.run(["g++", "-std=c++17", "-O0", "-fsanitize=address", "-Wno-unknown-pragmas", "-I", ROOT / "hls/standin", tmp_path / "main.cpp", "-o", tmp_path / "product"], check=True)
    out = subprocess.run([tmp_path / "product"], check=True, capture_output=True, text=True, timeout=120).stdout
    expected = [sum(a * right[x][j] for x, a in enumerate(row)) for row in left for j in range(n)]
    assert [int(word) for word in out.split()] == expected


@pytest.mark.parametrize("complete", [True, False])
def test_a_trial_with_device_memory_runs_at_the_device(tmp_path: Path, edge: dict[str, Any], complete: bool) -> None:
    """Complete RTL where the design has it; else the arrays are RTL, the rest models, and results and store say so. Truth: the cycles that the campaign stored."""
    edge["cores"][0]["name"] = "npu"
    design = small(edge, "os")
    design["memory"] = {"type": "ddr4-2400", "channels": 1}
    design["cores"][0]["array"]["accumulator_bits"] = 32 if complete else 28
    out = tmp_path / "out"
    run = gnomon("run", campaign(tmp_path, edge, design=design, fidelity="cycle"), "--out", out, "--json")
    assert run.status == 0, run.err
    best = next(iter(run.json()["best"].values()))
    run = gnomon("cosim", "--campaign", out, "--trial", best["trial"], "--base", tmp_path, "--json")
    assert run.status == 0, run.err
    (whole,) = run.json()["whole"]
    with sqlite3.connect(out / "campaign.sqlite") as store:
        kept = {row["kind"]: row for row in (json.loads(text) for (text,) in store.execute("SELECT result FROM cosim"))}
    assert set(kept) == {"array", "whole" if complete else "together"}
    if complete:
        assert whole["whole"] is True and whole["outputs_match"] is True and whole["rtl_cycles"] == whole["model_cycles"] == best["metrics"]["latency_cycles"]
        assert kept["whole"]["rtl_cycles"] == whole["rtl_cycles"]
        return
    assert "no complete RTL" in run.err and "in RTL: array of core npu; as models: levels, links, memory (ddr4-2400), vector work" in run.err
    assert whole["whole"] is False and "/cores/0/array/accumulator_bits" in whole["unsupported"]
    assert whole["in_rtl"] == ["array of core npu"] and "memory (ddr4-2400)" in whole["in_models"]
    together = whole["together"]
    assert together["agrees"] is True and together["latency_cycles"] == together["model_latency_cycles"] == best["metrics"]["latency_cycles"]
    assert all(step["rtl"] and step["mismatches"] == 0 and step["outputs"] == 40 * 20 for step in together["steps"])
    assert kept["together"]["rtl_cycles"] == together["latency_cycles"] and kept["together"]["in_models"] == whole["in_models"]
    assert kept["together"]["outputs_match"] is True and kept["together"]["cycle_difference"] == 0


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
    assert (folder / "whole" / "opening.fst").exists()
    for bench in (folder / "rtl" / "testbench").iterdir():
        assert {path.name for path in bench.iterdir()} >= {"dut.sv", "tb.sv", "vectors.hex", "opening.fst", "product.cpp"}
        if shutil.which("g++"):
            check_product(bench, tmp_path)
    again = gnomon("cosim", "--campaign", out, "--trial", number, "--base", tmp_path, "--trace", tmp_path / "whole.fst", "--trace-cycles", 0, 40, "--json")
    assert again.status == 0, again.err
    header = (tmp_path / "whole.fst").read_bytes()[:25]
    assert 0 < int.from_bytes(header[17:25], "big") < 10 * (40 + 100), "waves of the whole design's first 40 cycles, and of what comes before them"
    with sqlite3.connect(out / "campaign.sqlite") as store:
        rows = store.execute("SELECT trial, result FROM cosim").fetchall()
    kept = {json.loads(text)["kind"]: json.loads(text) for _, text in rows}
    assert [row[0] for row in rows] == [number, number] and set(kept) == {"array", "whole"}
    assert kept["array"]["rtl_cycles"] == document["rtl_cycles"] and kept["whole"]["rtl_cycles"] == document["whole"][0]["rtl_cycles"]
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


@pytest.mark.parametrize("name", ["lenet5", "resnet50-block"])
def test_the_chosen_design_of_a_campaign_runs_whole(tmp_path: Path, name: str) -> None:
    """Truth: an interpreter of the network in integers, and the cycles that the campaign's own SystemC evaluation stored for the trial."""
    if shutil.which("verilator") is None:
        pytest.skip("no Verilator")
    if name != "lenet5" and "GNOMON_LONG" not in os.environ:
        pytest.skip("a minute; GNOMON_LONG=1 runs it")
    out = tmp_path / "out"
    run = gnomon("run", ROOT / f"examples/{name}-rtl.json", "--out", out, "--json", *(() if "GNOMON_LONG" in os.environ else ("--budget", 16)))
    assert run.status == 0, run.err
    best = run.json()["best"]["latency_s"]
    assert best["parameters"]["cores.npu.array.rows"] * best["parameters"]["cores.npu.array.cols"] > 16
    done = gnomon("cosim", "--campaign", out, "--trial", best["trial"], "--base", ROOT / "examples", "--json", timeout=1200)
    assert done.status == 0, done.err
    (whole,) = done.json()["whole"]
    assert whole["whole"] is True and whole["outputs_match"] is True and whole["mismatches"] == 0 and whole["outputs"] > 5000
    assert whole["cycle_difference"] == 0 and whole["rtl_cycles"] == best["metrics"]["latency_cycles"]
    assert {path.suffix for path in (out / "cosim" / f"trial-{best['trial']}" / "whole").rglob("*") if path.is_file()} >= {".sv", ".cpp"}
