"""Analytical, surrogate, cycle, rtl: one campaign through all four, with the agreement between them in the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conftest import gnomon, write_json


def test_four_rungs(tmp_path: Path, edge: dict[str, Any]) -> None:
    design = json.loads(json.dumps(edge))
    design["cores"][0]["name"] = "npu"
    design["cores"][0]["array"].update({"rows": 4, "cols": 4, "dataflow": "os"})
    # Ten products a design: the surrogate begins to learn with 60 rows of 8 designs.
    products = "".join(f"p{i},{6 + 3 * i},{4 + i},{5 + 2 * i},\n" for i in range(10))
    (tmp_path / "gemm.csv").write_text("Layer,M,N,K,\n" + products)
    campaign = write_json(
        tmp_path / "c.json",
        {
            "version": 1,
            "name": "four rungs",
            "workloads": [{"model": "gemm.csv"}],
            "design": design,
            "space": {
                # Two arrays to generate; the rest is around them.
                "cores.npu.array.dataflow": {"categorical": ["os", "ws"]},
                "memory.bytes_per_cycle": {"int": [1, 16]},
                "clock_mhz": {"real": [300, 900]},
            },
            "objectives": [{"metric": "latency_s", "goal": "min"}, {"metric": "energy_pj", "goal": "min"}],
            "agent": {"name": "random", "batch": 16},
            "budget": {"evaluations": 6},
            "fidelity": {"ladder": ["analytical", "surrogate", "cycle", "rtl"], "promote": 0.5},
            "seed": 4,
        },
    )
    out = tmp_path / "out"
    run = gnomon("run", campaign, "--out", out, "--jobs", "2", "--json")
    assert run.status == 0, run.err
    summary = run.json()
    counts = summary["evaluations_by_fidelity"]
    # Halves: 16, 8, 4, 2 of each batch.
    assert counts == {"analytical": 48, "surrogate": 24, "cycle": 12, "rtl": 6}
    pairs = {(row["from"], row["to"]) for row in summary["fidelity_agreement"]}
    assert pairs == {("analytical", "surrogate"), ("surrogate", "cycle"), ("cycle", "rtl")}
    # RTL and cycle model are the same to the cycle, so they rank alike.
    last = [row for row in summary["fidelity_agreement"] if row["to"] == "rtl" and row["metric"] == "latency_s"]
    assert last and all(row["designs"] == 6 and row["spearman"] == 1 for row in last)
    page = (out / "report.html").read_text()
    assert "surrogate" in page and "rtl" in page
