"""Networks beside each other on one memory, simulated whole and told from a part: `gnomon simulate --beside --part`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import ROOT, gnomon

PAIR = ROOT / "examples/designs/pair.json"
TWO = ("simulate", "--arch", PAIR, "--workload", "zoo:resnet18", "--beside", "zoo:mobilenet_v1")


def cores(*arguments: object) -> tuple[int, list[dict[str, float]]]:
    answer = gnomon(*arguments, "--json")
    assert answer.status == 0, answer.err
    document = json.loads(answer.out)
    return document["simulated_cycles"], document["cores"]


def test_a_part_tells_the_whole(tmp_path: Path) -> None:
    """Truth: the whole simulation of both; beside another, neither network is faster than alone."""
    simulated, whole = cores(*TWO)
    cut, part = cores(*TWO, "--part", 0.05)
    assert simulated == max(core["latency_cycles"] for core in whole)
    assert cut <= 0.06 * simulated
    for truth, said in zip(whole, part):
        assert said["macs"] == truth["macs"]
        assert said["throughput"] == pytest.approx(truth["throughput"], abs=0.03)
        assert said["latency_cycles"] == pytest.approx(said["macs"] / (said["throughput"] * 256), rel=1e-6)
        assert 0 < said["sampled_share"] <= 1
    for core, network in enumerate(("zoo:resnet18", "zoo:mobilenet_v1")):
        design = json.loads(PAIR.read_text())
        design["cores"] = [design["cores"][core]]
        alone = tmp_path / "alone.json"
        alone.write_text(json.dumps(design))
        _, single = cores("simulate", "--arch", alone, "--workload", network, "--part", 1)
        assert single[0]["latency_cycles"] <= whole[core]["latency_cycles"]


def test_a_learned_correction(tmp_path: Path) -> None:
    """A model of a table of parts is asked by its features' names: its answer has an interval around it. The table is taken up where it was cut, with the same bytes."""
    table, model = tmp_path / "parts.csv", tmp_path / "part.gnomon"
    order = ("dataset", "parts", "--out", table, "--seed", 5)
    assert gnomon(*order, "--count", 12).status == 0
    content = table.read_bytes()
    table.write_bytes(content[: len(content) * 2 // 3])  # within a line
    assert gnomon(*order, "--count", 12).status == 0
    assert table.read_bytes() == content
    for start, said in ((b"seed,row,other\n", "its header differs"), (content.replace(b"\n5,", b"\n6,"), "row 0 is not of seed 5")):
        table.write_bytes(start)
        refused = gnomon(*order, "--count", 12)
        assert refused.status == 3 and said in refused.err and table.read_bytes() == start
    table.write_bytes(content)
    trained = gnomon("surrogate", "train", "--data", table, "--targets", "part_error", "--group", "network", "--ignore", "seed,row,core,latency_cycles,part_share,throughput",
                     "--family", "ensemble", "--term", "never", "--learner-options", '{"members": 2, "hidden": [8], "max_epochs": 20}', "--out", model)
    assert trained.status == 0, trained.err
    _, bare = cores(*TWO, "--part", 0.05)
    _, said = cores(*TWO, "--part", 0.05, "--model", model)
    assert all(core["throughput_lower"] <= core["throughput"] <= core["throughput_upper"] for core in said)
    assert [core["throughput"] for core in said] != [core["throughput"] for core in bare]


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        ((*TWO, "--beside", "zoo:mobilenet_v1"), 3, "2 cores for 3 networks"),
        ((*TWO, "--fidelity", "analytical"), 2, "--fidelity cycle"),
        ((*TWO, "--model", "network"), 2, "--part"),
        ((*TWO, "--part", "0.05", "--model", "network"), 3, "part_error"),
        ((*TWO, "--part", "1e-9"), 4, "too small to be cut"),
        ((*TWO, "--part", "2"), 2, "--part"),
    ],
)
def test_refusals(arguments: tuple[object, ...], status: int, words: str) -> None:
    answer = gnomon(*arguments)
    assert answer.status == status, answer.err
    assert words in answer.err
