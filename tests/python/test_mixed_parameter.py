"""A campaign's parameter of numbers and words (`4, 8, auto`) is learned as a category; in other tables such a column is refused, with its places, unless it is named a category."""

from __future__ import annotations

import json
import random
from pathlib import Path

from conftest import gnomon


def campaign(folder: Path) -> Path:
    folder.mkdir()
    rng = random.Random(3)
    lines = ["trial,state,feasible,fidelity,depth,width,latency_s"]
    for i in range(120):
        depth, width = rng.choice(["2", "4", "8", "16", "auto"]), rng.randint(1, 64)
        lines.append(f"{i},done,1,cycle,{depth},{width},{(3 if depth == 'auto' else 1 / float(depth)) * width:.6g}")
    (folder / "trials.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_campaigns_parameter(tmp_path: Path) -> None:
    folder, model = campaign(tmp_path / "run"), tmp_path / "m.gnomon"
    trained = gnomon("surrogate", "train", "--data", folder, "--targets", "latency_s", "--out", model)
    assert trained.status == 0, trained.err
    header = json.loads(model.read_bytes().split(b"\n", 1)[0])
    assert {f["name"]: f.get("categories", []) for f in header["features"]}["depth"] == ["16", "2", "4", "8", "auto"]
    # Asked about numbers alone: the same words.
    asked = tmp_path / "asked.csv"
    asked.write_text("depth,width\n2,40\n16,40\n")
    run = gnomon("surrogate", "predict", "--model", model, "--data", asked, "--json")
    assert run.status == 0, run.err
    slow, fast = (row["latency_s"]["mean"] for row in run.json()["rows"])
    assert 5 < slow / fast < 12  # 8 times


def test_a_table_says_so(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    lines = (campaign(tmp_path / "run") / "trials.csv").read_text().splitlines()
    table.write_text("\n".join(",".join(line.split(",")[4:]) for line in lines) + "\n")
    order = ("surrogate", "train", "--data", table, "--targets", "latency_s", "--out", tmp_path / "m.gnomon")
    refused = gnomon(*order)
    assert refused.status == 3 and 'column "depth"' in refused.err and "row " in refused.err and '"auto"' in refused.err, refused.err
    named = gnomon(*order, "--categories", "depth")
    assert named.status == 0, named.err
    assert gnomon(*order, "--categories", "width").status == 3
