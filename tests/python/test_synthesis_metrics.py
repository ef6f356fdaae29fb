"""Metrics of synthesis in campaigns: what a target gives, what it cannot, and lists of targets."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import gnomon as sdk
import pytest
from conftest import ROOT, gnomon, write_json

KERNEL = {"subject": "kernel", "design": str(ROOT / "examples/kernels/gemm.json"), "space": {"directives.unroll.k": {"ordinal": [1, 2]}}}
EDGE = json.loads((ROOT / "examples/designs/edge-os.json").read_text())
ACCELERATOR = {"subject": "accelerator", "design": EDGE, "workloads": [{"model": str(ROOT / "examples/workloads/lenet5.json")}], "space": {"cores.npu.array.rows": {"ordinal": [4, 8]}}}


def campaign(base: dict[str, Any], synthesis: Any, objective: str, constraint: str | None = None, **changes: Any) -> dict[str, Any]:
    return {"version": 1, "name": "s", **base, "synthesis": synthesis, "objectives": [{"metric": objective, "goal": "min"}], "agent": {"name": "random"}, "budget": {"evaluations": 2}, "seed": 1,
            "constraints": [{"metric": constraint, "max": 1e9}] if constraint else [], **changes}  # fmt: skip


def trials(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))


@pytest.mark.parametrize(
    ("text", "pointer", "words"),
    [
        (campaign(KERNEL, "xcup", "fmax_mhz"), "/objectives/0/metric", ['for xcup gives no "fmax_mhz"', "it gives: lut, ff, dsp, bram", "given by: ice40, osu018 ("]),
        (campaign(ACCELERATOR, "xcup", "lut", "fmax_mhz"), "/constraints/0/metric", ['gives no "fmax_mhz"', "osu018-complete"]),
        (campaign(ACCELERATOR, "osu018-complete", "cell_area_um2", "lut"), "/constraints/0/metric", ['gives no "lut"', "xcup-complete"]),
        (campaign(ACCELERATOR, ["xcup", "xcup-complete"], "lut"), "/synthesis/1", ["xcup-complete", "nothing that the targets before it"]),
        (campaign(ACCELERATOR, [], "latency_s"), "/synthesis", ["empty list", "osu018-complete"]),
        (campaign(ACCELERATOR, ["xcup", 7], "lut"), "/synthesis/1", ["found 7", "ice40"]),
        (campaign(ACCELERATOR, "xcpu", "lut"), "/synthesis", ["xcpu", "xcup"]),
        (campaign(KERNEL, ["xcup", "osu018-complete"], "lut"), "/synthesis/1", ["accelerators"]),
    ],
)  # fmt: skip
def test_what_no_target_gives_is_refused_before_the_run(tmp_path: Path, text: dict[str, Any], pointer: str, words: list[str]) -> None:
    run = gnomon("validate", write_json(tmp_path / "c.json", text))
    assert run.status == 3 and pointer in run.err, run.err
    assert all(word in run.err for word in words), run.err


def test_lists_are_in_the_schema() -> None:
    schema = gnomon("schema", "campaign").json()["properties"]["synthesis"]["oneOf"]
    assert schema[0]["enum"] == ["xcup", "xc7", "ice40", "osu018", "xcup-complete", "xc7-complete", "ice40-complete", "osu018-complete"]
    assert schema[1]["type"] == "array" and schema[1]["items"] == schema[0]


@pytest.mark.parametrize("targets", [["xcup", "osu018"], ["osu018", "xcup"]])
def test_two_targets_in_one_campaign(tmp_path: Path, targets: list[str]) -> None:
    """Truth: `gnomon synth` for each target alone. Both have flip-flops; the first one's count."""
    if shutil.which("yosys") is None or shutil.which("sta") is None:
        pytest.skip("no yosys or OpenSTA")
    kernel = ROOT / "examples/kernels/kmp.json"
    text = campaign(KERNEL | {"design": str(kernel), "space": {"directives.clock_ns": {"ordinal": [5]}}}, targets, "lut", "cell_area_um2", budget={"evaluations": 1})
    text["objectives"].append({"metric": "fmax_mhz", "goal": "max"})
    out = tmp_path / "out"
    run = gnomon("run", write_json(tmp_path / "c.json", text), "--out", out, timeout=900)
    assert run.status == 0, run.err
    (trial,) = trials(out)
    alone = {target: gnomon("synth", "--campaign", out, "--trial", trial["trial"], "--target", target, "--json", timeout=900).json() for target in targets}
    assert float(trial["lut"]) == alone["xcup"]["lut"] and float(trial["cell_area_um2"]) == alone["osu018"]["area_um2"]
    assert float(trial["fmax_mhz"]) == pytest.approx(alone["osu018"]["fmax_mhz"])
    assert float(trial["ff"]) == alone[targets[0]]["ff"]
    # A folder of that campaign is taken up, and another order is another campaign.
    assert gnomon("run", tmp_path / "c.json", "--out", out).status == 0
    text["synthesis"] = targets[::-1]
    other = gnomon("run", write_json(tmp_path / "c.json", text), "--out", out)
    assert other.status == 3 and "/synthesis" in other.err, other.err


def test_the_model_predicts_for_a_list(tmp_path: Path) -> None:
    """LUT and fmax of one complete design at the fidelity `surrogate`: the answers of the shipped model; flip-flops are those of the first target."""
    design = {"version": 1, "clock_mhz": 500, "technology": "28nm", "interconnect": {"type": "bus", "bytes_per_cycle": 8}, "memory": {"type": "ideal", "bytes_per_cycle": 8, "latency_cycles": 40},
              "cores": [{"name": "npu", "array": {"rows": 6, "cols": 8, "dataflow": "os", "precision": "int8", "accumulator_bits": 32}, "vector": {"lanes": 8},
                         "levels": [{"name": n, "holds": [n], "kib": 8, "banks": 2} for n in ("ifmap", "filter", "ofmap")]}]}  # fmt: skip
    text = campaign(ACCELERATOR | {"design": design, "space": {"cores.npu.array.rows": {"ordinal": [4, 6, 8]}}}, ["xcup-complete", "osu018-complete"], "lut", "fmax_mhz", fidelity="surrogate",
                    surrogate_model=str(ROOT / "surrogate/models/accelerator.gnomon"), budget={"evaluations": 3})  # fmt: skip
    out = tmp_path / "out"
    run = gnomon("run", write_json(tmp_path / "c.json", text), "--out", out)
    assert run.status in (0, 5), run.err
    model = sdk.Surrogate.load("design")
    for trial in trials(out):
        design["cores"][0]["array"]["rows"] = int(trial["cores.npu.array.rows"])  # type: ignore[index]
        mean = dict(zip(model.targets, model.predict(design).mean[0], strict=True))
        for metric in ("lut", "ff", "fmax_mhz", "cell_area_um2"):
            assert float(trial[metric]) == pytest.approx(mean[metric]), metric


def test_size_decides_what_is_too_big(tmp_path: Path) -> None:
    """Memories that would be millions of flip-flops, and arrays of more than 64 PEs in one piece: refused at once, by size."""
    if shutil.which("yosys") is None:
        pytest.skip("no yosys")
    long = {"version": 1, "name": "lengthy", "tensors": [{"name": "x", "kind": "input", "type": "int32", "shape": [8192]}, {"name": "y", "kind": "output", "type": "int32", "shape": [8192]}],
            "loops": [{"name": "i", "extent": 8192}], "body": [{"name": "a", "op": "load", "tensor": "x", "index": ["i"]}, {"op": "store", "tensor": "y", "index": ["i"], "args": ["a"]}]}  # fmt: skip
    run = gnomon("synth", "--kernel", write_json(tmp_path / "long.json", long), "--target", "osu018", timeout=60)
    assert run.status == 4 and " bits; at most 131072" in run.err, run.err
    text = "\n".join(line for line in (ROOT / "examples/kernels/matmul.json").read_text().splitlines() if not line.startswith("//"))
    array = json.loads(text)
    array["directives"]["unroll"] = {"m": 16, "n": 8}
    run = gnomon("synth", "--kernel", write_json(tmp_path / "array.json", array), "--target", "xcup", timeout=60)
    assert run.status == 4 and "128 PEs; at most 64" in run.err, run.err
