"""Long traces on a memory told from a part of the simulation: `gnomon memory --part`, `gnomon simulate` with a memory, and their table."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import gnomon

TWO = ("memory", "--memory", "ddr4-2400", "--trace", "trace:seq", "--beside", "trace:blocks")


def said(*arguments: object) -> dict[str, Any]:
    answer = gnomon(*arguments, "--json")
    assert answer.status == 0, answer.err
    document: dict[str, Any] = json.loads(answer.out)
    return document


def test_a_part_tells_the_whole() -> None:
    """Truth: the whole simulation of both."""
    whole, part = said(*TWO), said(*TWO, "--part", 0.05)
    assert part["simulated_requests"] < 0.06 * whole["simulated_requests"]
    assert whole["cycles"] == max(trace["cycles"] for trace in whole["traces"])
    for truth, told in zip(whole["traces"], part["traces"]):
        assert told["requests"] == truth["requests"]
        assert told["throughput"] == pytest.approx(truth["throughput"], abs=0.04)
    assert part["row_hit_rate"] == pytest.approx(whole["row_hit_rate"], abs=0.05)
    assert part["energy_pj"] == pytest.approx(whole["energy_pj"], rel=0.1)
    # The same by the command for designs.
    assert said("simulate", "--arch", "ddr4-2400", "--workload", "trace:seq", "--beside", "trace:blocks", "--part", 0.05)["traces"] == part["traces"]


def test_one_whole_trace_is_as_without_others() -> None:
    alone = json.loads(gnomon("memory", "--memory", "ddr3-1600", "--trace", "trace:cloud-1", "--json").out)
    assert said("simulate", "--arch", "ddr3-1600", "--workload", "trace:cloud-1")["cycles"] == alone["cycles"]


def test_the_shipped_model(tmp_path: Path) -> None:
    for trace in ("trace:mix", "trace:hot-rows"):
        order = ("memory", "--memory", "ddr4-3200", "--trace", trace)
        truth, told = said(*order, "--beside", "trace:rand"), said(*order, "--beside", "trace:rand", "--part", 0.05, "--model", "part-trace")
        for one, other in zip(truth["traces"], told["traces"]):
            assert other["throughput_lower"] <= other["throughput"] <= other["throughput_upper"]
            assert other["throughput"] == pytest.approx(one["throughput"], abs=0.06)
        assert told["energy_pj_lower"] < told["energy_pj"] < told["energy_pj_upper"]


def test_table_is_taken_up_and_learned(tmp_path: Path) -> None:
    table, model = tmp_path / "parts.csv", tmp_path / "part.gnomon"
    order = ("dataset", "parts", "--of", "traces", "--out", table, "--seed", 5, "--requests", 3000, "--kinds", "stream,random,phases", "--memories", "ddr3-1600,ddr4-2400")
    assert gnomon(*order, "--count", 24).status == 0
    content = table.read_bytes()
    rows = list(csv.DictReader(content.decode().splitlines()))
    assert {row["kind"] for row in rows} <= {"stream", "random", "phases"} and {row["memory"] for row in rows} <= {"ddr3-1600", "ddr4-2400"}
    for row in rows:
        assert float(row["part_error"]) == pytest.approx(float(row["throughput"]) - float(row["told_throughput"]), abs=1e-9)
    table.write_bytes(content[: len(content) * 2 // 3])  # cut within a line
    assert gnomon(*order, "--count", 24).status == 0
    assert table.read_bytes() == content
    other = gnomon(*order[:-2], "--count", 24)
    assert other.status == 3 and "other options" in other.err
    trained = gnomon("surrogate", "train", "--data", table, "--targets", "part_error,row_hit_error,energy_error", "--group", "trace", "--ignore", "seed,row,port,ports,kind,memory,part_share,cycles,throughput",
                     "--family", "ensemble", "--term", "never", "--learner-options", '{"members": 2, "hidden": [8], "max_epochs": 20}', "--out", model)
    assert trained.status == 0, trained.err
    told = said(*TWO, "--part", 0.05, "--model", model)
    assert all(trace["throughput_lower"] <= trace["throughput"] <= trace["throughput_upper"] for trace in told["traces"])
    assert [trace["throughput"] for trace in told["traces"]] != [trace["throughput"] for trace in said(*TWO, "--part", 0.05)["traces"]]


@pytest.mark.parametrize("name", ["stream", "random", "cloud-1", "cloud-2"])
def test_traces_of_a_paper(name: str) -> None:
    """Truth: the whole simulation. A tenth: they have 10,000 reads only."""
    folder = os.environ.get("GNOMON_DATA")
    trace = Path(folder) / "dram" / f"{name}.stl" if folder else None
    if trace is None or not trace.exists():
        pytest.skip("GNOMON_DATA/dram is missing")
    order = ("memory", "--memory", "ddr3-1600", "--trace", trace)
    truth = json.loads(gnomon(*order, "--json").out)
    told = said(*order, "--part", 0.1)
    assert told["cycles"] == pytest.approx(truth["cycles"], rel=0.12)


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        ((*TWO, "--model", "part-trace"), 2, "--part"),
        ((*TWO, "--part", "0.05", "--model", "network"), 3, "part_error"),
        ((*TWO, "--part", "0.0001"), 3, "too few"),
        ((*TWO, "--part", "1"), 2, "--part"),
        ((*TWO, "--log", "x"), 2, "--log"),
        (("simulate", "--arch", "ddr4-2400", "--workload", "trace:seq", "--fidelity", "analytical"), 2, "--fidelity cycle"),
        (("dataset", "parts", "--out", "x.csv", "--kinds", "stream"), 2, "--kinds"),
        (("dataset", "parts", "--of", "traces", "--out", "x.csv", "--networks", "zoo:resnet18"), 2, "--networks"),
        (("dataset", "parts", "--of", "traces", "--out", "x.csv", "--kinds", "streams"), 3, "did you mean"),
    ],
)
def test_refusals(arguments: tuple[object, ...], status: int, words: str) -> None:
    answer = gnomon(*arguments)
    assert answer.status == status, answer.err
    assert words in answer.err
