"""`gnomon dataset kernels --nodes`: dependence graphs of kernels, from which a graph network is trained. Truth: the table's own rows; positions inside a row's list."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

from conftest import gnomon


def test_nodes_of_kernels(tmp_path: Path) -> None:
    table, nodes, model = tmp_path / "k.csv", tmp_path / "n.csv", tmp_path / "m.gnomon"
    made = gnomon("dataset", "kernels", "--out", table, "--nodes", nodes, "--count", 24, "--seed", 4, "--target", "none", "--cosim", 0)
    assert made.status == 0, made.err
    rows = list(csv.DictReader(table.read_text().splitlines()))
    by_row: dict[str, list[dict[str, str]]] = defaultdict(list)
    for node in csv.DictReader(nodes.read_text().splitlines()):
        by_row[node["row"]].append(node)
    assert set(by_row) == {row["row"] for row in rows}
    for row in rows:
        some = by_row[row["row"]]
        for at, node in enumerate(some):
            inputs = [int(word) for word in node["inputs"].split()]
            assert all(0 <= i < len(some) and i != at for i in inputs) and inputs == sorted(set(inputs))
        assert any(node["kind"] == "load" or node["kind"] == "read" or node["kind"] == "compute" or node["kind"] == "store" for node in some)
    # The same bytes again, and a model that takes them.
    first = nodes.read_bytes()
    assert gnomon("dataset", "kernels", "--out", table, "--nodes", nodes, "--count", 24, "--seed", 4, "--target", "none", "--cosim", 0).status == 0
    assert nodes.read_bytes() == first
    order = ("surrogate", "train", "--data", table, "--nodes", nodes, "--node-key", "row", "--targets", "ii", "--features", "clock_ns,loops", "--family", "graph", "--term", "never",
             "--learner-options", '{"members": 2, "width": 8, "layers": 2, "max_epochs": 10}', "--out", model)
    trained = gnomon(*order)
    assert trained.status == 0, trained.err
    assert gnomon("surrogate", "predict", "--model", model, "--data", table, "--nodes", nodes).status == 0
