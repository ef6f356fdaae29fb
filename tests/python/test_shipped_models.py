"""Models that come with gnomon: found by name, small, and as good as their cards say."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import gnomon
import pytest
from conftest import ROOT, gnomon as run

MODELS = ("accelerator", "network", "part")


@pytest.mark.parametrize("name", MODELS)
def test_small_and_found_by_name(name: str) -> None:
    assert (ROOT / f"surrogate/models/{name}.gnomon").stat().st_size < 600_000
    info = gnomon.Surrogate.load(name).info
    assert info["training_rows"] >= 20
    assert info["label_kind"]
    # The card names every target.
    card = (ROOT / "surrogate/models/README.md").read_text()
    assert all(f"`{target['name']}`" in card for target in info["targets"])


def test_a_name_that_is_none() -> None:
    answer = run("surrogate", "predict", "--model", "netwrok", "--data", "none.csv")
    assert answer.status == 3
    assert "network" in answer.err


def test_network_on_exemplars_it_never_saw(tmp_path: Path) -> None:
    """Truth: synthesis and the timing model. Below 20 % SMAPE (+1) for every target on the seven exemplar networks."""
    lines = gzip.decompress((ROOT / "surrogate/data/layers.csv.gz").read_bytes()).decode().splitlines(keepends=True)
    kept = [line for line in lines if ",exemplar," in line]
    table = tmp_path / "exemplars.csv"
    table.write_text(lines[0] + "".join(kept))
    answer = json.loads(run("surrogate", "predict", "--model", "network", "--data", table, "--json").out)["rows"]
    truth = list(csv.DictReader(table.read_text().splitlines()))
    assert len(answer) == len(truth) == 896
    for target in ("bram", "dsp", "ff", "lut", "cycles", "ii"):
        pairs = [(row[target]["mean"], float(real[target])) for row, real in zip(answer, truth)]
        smape = sum(200 * abs(p - y) / (abs(p) + abs(y) + 1) for p, y in pairs) / len(pairs)
        assert smape < 20, target


def test_accelerator_on_designs_it_never_saw(tmp_path: Path) -> None:
    """Truth: the cycle model on designs of another seed. The card's median errors are 7 %; wrong units or columns would be far off."""
    table = tmp_path / "operators.csv"
    assert run("dataset", "operators", "--out", table, "--count", "20", "--seed", "77").status == 0
    scores = json.loads(run("surrogate", "evaluate", "--model", "accelerator", "--data", table, "--json").out)["targets"]
    assert list(scores) == ["latency_cycles", "energy_pj"]
    for score in scores.values():
        assert score["median_error_percent"] < 15 and score["coverage"] > 0.75, score


def test_operators_differ_from_design_to_design(tmp_path: Path) -> None:
    """Four operators on each design, drawn anew for each; no label below the exact compute cycles."""
    table = tmp_path / "operators.csv"
    assert run("dataset", "operators", "--out", table, "--count", "3", "--seed", "77").status == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 12
    assert len({(row["m"], row["n"], row["k"]) for row in rows}) > 8
    for row in rows:
        assert float(row["latency_cycles [cycles]"]) >= float(row["analytical_compute_cycles [cycles]"])


def test_python_takes_columns() -> None:
    """One layer of 16 x 32 at 8 bits, reuse factor 4: 128 multipliers; two of the fields that layers give are learned from, none is typed."""
    layers = "dense:16:32:{reuse}:linear:1:0:1:1:16:1:1:32:1:1"
    rows = [
        dict(kind="fc", family="fc", layers=layers.format(reuse=reuse), network="{}", precision_bits=8, strategy="latency", io="io_parallel", reuse_factor=reuse, layer_count=1)
        for reuse in (2, 4)
    ]
    model = gnomon.Surrogate.load("network")
    answer = model.predict(rows)
    dsp = model.targets.index("dsp")
    assert answer.mean[1][dsp] == pytest.approx(128, rel=0.02)
    assert answer.mean[0][dsp] == pytest.approx(256, rel=0.02)
