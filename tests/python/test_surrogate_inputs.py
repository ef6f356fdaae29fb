"""Surrogates from Python: what the program's options do, the same inputs everywhere, and what is wrong with others."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import gnomon
import numpy as np
import pytest
from conftest import ROOT
from conftest import gnomon as run

pandas = pytest.importorskip("pandas")
DESIGNS = [json.loads((ROOT / f"examples/designs/{name}.json").read_text()) for name in ("edge", "edge-os")]
GEMM, ATAX = (
    json.loads("\n".join(line for line in (ROOT / f"examples/kernels/{name}.json").read_text().splitlines() if not line.strip().startswith("//"))) for name in ("gemm", "atax")
)


def record(width: int, reuse: int = 1) -> dict[str, Any]:
    """One dense layer in the form of wa-hls4ml."""
    dense = {"class_name": "Dense", "input_shape": "[None, 16]", "output_shape": f"[None, {width}]", "parameters": str(17 * width), "activation": "relu", "reuse_factor": str(reuse)}
    settings = {"Precision": "ap_fixed<8,1>", "ReuseFactor": str(reuse), "Strategy": "Resource"}
    return {"model_config": [dense], "hls_config": {"Model": settings, "io_type": "io_parallel"}, "target_part": "xcu250-figd2104-2L-e"}


def write_table(path: Path, rows: int = 60, seed: int = 5) -> Path:
    """cycles = size * 3 / reuse, twice that where kind is `b`; `mark` says nothing."""
    draw = random.Random(seed)
    lines = ["size,reuse,kind,mark,cycles [cycles]"]
    for i in range(rows):
        size, reuse, kind = draw.randrange(8, 256), draw.choice([1, 2, 4]), draw.choice("ab")
        lines.append(f"{size},{reuse},{kind},{i % 7},{size * 3 / reuse * (2 if kind == 'b' else 1)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_nodes(folder: Path, rows: int = 40) -> tuple[Path, Path]:
    """cost = sum over a row's nodes of width * depth, plus the row's base; `idle` says nothing."""
    draw = random.Random(11)
    table, nodes = ["network,base,cost"], ["network,width,depth,idle"]
    for i in range(rows):
        base, cost = draw.randrange(1, 50), 0
        for _ in range(draw.randrange(2, 5)):
            width, depth = draw.randrange(4, 40), draw.randrange(1, 6)
            cost += width * depth
            nodes.append(f"n{i},{width},{depth},{draw.randrange(1, 9)}")
        table.append(f"n{i},{base},{cost + base}")
    (folder / "rows.csv").write_text("\n".join(table) + "\n")
    (folder / "nodes.csv").write_text("\n".join(nodes) + "\n")
    return folder / "rows.csv", folder / "nodes.csv"


def test_trains_as_the_program_does(tmp_path: Path) -> None:
    """Truth: the bytes of the program's model. Options by their names, tables by path, frame and dict of columns; checkpoints are gone when the model is there."""
    data, test = write_table(tmp_path / "t.csv"), write_table(tmp_path / "test.csv", 30, seed=6)
    told = run("surrogate", "train", "--data", data, "--targets", "cycles", "--ignore", "mark", "--group", "size", "--family", "ensemble", "--term", "never", "--learner-options", '{"members": 2}',
               "--test", test, "--label-kind", "made up", "--seed", "7", "--out", tmp_path / "p.gnomon", "--json")  # fmt: skip
    assert told.status == 0, told.err
    options: dict[str, Any] = {"targets": "cycles", "ignore": "mark", "group": "size", "family": "ensemble", "term": "never", "learner_options": {"members": 2}, "label_kind": "made up", "seed": 7}
    model = gnomon.Surrogate.train(data, **options, test=test, out=tmp_path / "m.gnomon")
    assert (tmp_path / "m.gnomon").read_bytes() == (tmp_path / "p.gnomon").read_bytes()
    assert not (tmp_path / "m.gnomon.checkpoints").exists()
    assert model.tested == told.json()["metrics"][str(test)]
    frame = pandas.read_csv(data)
    for form in (frame, {name: frame[name].to_numpy() for name in frame}, frame.to_dict("records")):
        kept = tmp_path / "pieces"
        again = gnomon.Surrogate.train(form, **options, checkpoints=kept)
        assert kept.is_dir() and any(kept.iterdir())
        again.save(tmp_path / "again.gnomon")
        assert not kept.exists()
        assert (tmp_path / "again.gnomon").read_bytes() == (tmp_path / "p.gnomon").read_bytes()


def test_records_train_as_in_the_program(tmp_path: Path) -> None:
    """Truth: the bytes of the program's model from the same records, by file and as dicts; an output that cannot be written is told before."""
    records = [record(4 + i, 1 + i % 2) | {"resource_report": {"lut": str(40 * (4 + i) // (1 + i % 2))}, "meta_data": {"model_name": f"n{i}"}} for i in range(40)]
    (tmp_path / "r.json").write_text(json.dumps(records))
    told = run("surrogate", "train", "--data", tmp_path / "r.json", "--targets", "lut", "--family", "process", "--term", "never", "--out", tmp_path / "p.gnomon")
    assert told.status == 0, told.err
    for given in (records, tmp_path / "r.json"):
        gnomon.Surrogate.train(given, targets="lut", family="process", term="never", out=tmp_path / "m.gnomon")
        assert (tmp_path / "m.gnomon").read_bytes() == (tmp_path / "p.gnomon").read_bytes()
    for out in (tmp_path, tmp_path / "none" / "m.gnomon"):
        with pytest.raises(gnomon.InputError, match="out: .*cannot be written"):
            gnomon.Surrogate.train(records, targets="lut", family="process", out=out)


def test_every_family_is_told() -> None:
    """Truth: the library's own list."""
    documented = gnomon.Surrogate.train.__doc__
    assert documented
    for family in gnomon._core.SurrogateModel.families():
        assert f"`{family}`" in documented, family


@pytest.mark.parametrize("family", ["graph", "transformer"])
def test_models_of_nodes(tmp_path: Path, family: str) -> None:
    """Truth: the bytes and scores of the program; a cost in which node features act and one says nothing."""
    rows, nodes = write_nodes(tmp_path)
    short = {"members": 1, "max_epochs": 40}
    told = run("surrogate", "train", "--data", rows, "--nodes", nodes, "--targets", "cost", "--ignore", "network", "--family", family, "--term", "never", "--learner-options", json.dumps(short), "--out", tmp_path / "p.gnomon")
    assert told.status == 0, told.err
    model = gnomon.Surrogate.train(pandas.read_csv(rows), targets=["cost"], ignore="network", nodes=pandas.read_csv(nodes), family=family, term="never", learner_options=short, out=tmp_path / "m.gnomon")
    assert (tmp_path / "m.gnomon").read_bytes() == (tmp_path / "p.gnomon").read_bytes()
    scores = run("surrogate", "evaluate", "--model", tmp_path / "m.gnomon", "--data", rows, "--nodes", nodes, "--json").json()["targets"]
    assert model.evaluate(rows, nodes=nodes) == model.evaluate(pandas.read_csv(rows), nodes=pandas.read_csv(nodes)) == scores
    # Contributions by the row's feature and by each feature of its nodes add up, and are those of the program.
    part = model.explain(rows, nodes=nodes, orders=4)
    assert part.inputs == ["base", "nodes.width", "nodes.depth", "nodes.idle"] and "40 rows asked" in part.background
    assert np.allclose(part.contributions.sum(axis=2), part.answer - part.usual, atol=1e-6 * np.abs(part.answer).max())
    assert np.allclose(part.answer, model.predict(rows, nodes=nodes).mean)
    moved = np.abs(part.contributions[:, 0]).mean(axis=0)
    assert moved[1] > moved[3] and moved[2] > moved[3], moved
    printed = run("surrogate", "explain", "--model", tmp_path / "m.gnomon", "--data", rows, "--nodes", nodes, "--orders", "4", "--row", "3", "--json").json()["rows"][0]
    # Orders are drawn by the row's place, so contributions of a row asked alone are other estimates of the same.
    assert printed["cost"]["answer"] == part.answer[3, 0] and list(printed["cost"]["contributions"]) == part.inputs
    # One network alone: the usual one is what training saw.
    one = pandas.read_csv(rows).head(1)
    alone = model.explain(one, nodes=nodes, orders=4)
    assert "training rows" in alone.background and np.abs(alone.contributions).max() > 0
    assert np.allclose(alone.contributions.sum(axis=2), alone.answer - alone.usual, atol=1e-6 * np.abs(part.answer).max())
    with pytest.raises(gnomon.InputError, match="node"):
        model.predict(pandas.read_csv(rows))
    # What lies outside of a node is named as what lies outside of a row is.
    wide = pandas.read_csv(nodes)
    wide.loc[1, "width"] = 4000
    wide.to_csv(tmp_path / "wide.csv", index=False)
    told = model.predict(rows, nodes=wide)
    assert told.reasons[0] == ["nodes.width"] and not told.in_range[0] and told.in_range[1:].any()
    printed = run("surrogate", "predict", "--model", tmp_path / "m.gnomon", "--data", rows, "--nodes", tmp_path / "wide.csv", "--json").json()["rows"][0]
    assert printed["out_of_range"].startswith("node 1: width = 4000 is above"), printed


def test_scores_of_the_program(tmp_path: Path) -> None:
    """Truth: `gnomon surrogate evaluate --json`, by path, frame, records, and array with labels beside it."""
    data = write_table(tmp_path / "t.csv")
    model = gnomon.Surrogate.train(data, targets="cycles", ignore="mark", family="process", out=tmp_path / "m.gnomon")
    other = write_table(tmp_path / "o.csv", 40, seed=8)
    scores = run("surrogate", "evaluate", "--model", tmp_path / "m.gnomon", "--data", other, "--json").json()["targets"]
    frame = pandas.read_csv(other)
    codes = {word: code for code, word in enumerate(model.info["features"][2]["categories"])}
    array = np.column_stack([frame["size"], frame["reuse"], frame["kind"].map(codes)]).astype(float)
    labels = frame["cycles [cycles]"]
    for given in ((other,), (frame,), (frame.to_dict("records"),), (array, labels), (frame.drop(columns="cycles [cycles]"), labels.to_frame("cycles")), (array.tolist(), {"cycles": labels.to_numpy()})):
        assert model.evaluate(*given) == scores
    assert scores["cycles"]["rows"] == 40
    missing = labels.to_numpy().copy()
    missing[:10] = np.nan
    assert model.evaluate(array, missing)["cycles"]["rows"] == 30
    for given, words in (((array,), "Y: missing.*cycles"), ((array, labels[:5]), "row of Y"), ((array, {"time": labels}), "none of the targets cycles"), ((frame, np.where(labels > 300, np.inf, labels)), "infinite")):
        with pytest.raises(gnomon.InputError, match=words):
            model.evaluate(*given)
    shipped = gnomon.Surrogate("design")
    answer = shipped.predict(DESIGNS)
    exact = shipped.evaluate(DESIGNS, answer.mean)
    assert list(exact) == shipped.targets and all(score["rmse"] == 0 and score["coverage"] == 1 for score in exact.values())
    operators = gnomon.Surrogate("accelerator")
    told = operators.predict(DESIGNS, workload="zoo:mbnet?depth=3&width=24&resolution=64")
    assert operators.evaluate(DESIGNS, 2 * told.mean, workload="zoo:mbnet?depth=3&width=24&resolution=64")["latency_cycles"]["median_error_percent"] == 50


ASKED: list[tuple[str, list[dict[str, Any]]]] = [("design", DESIGNS), ("kernel", [GEMM, ATAX]), ("network", [record(8), record(32, 2)])]


@pytest.mark.parametrize(("name", "given"), ASKED)
def test_explains_and_suggests_what_it_predicts(name: str, given: list[dict[str, Any]]) -> None:
    """Truth: the answers of `predict`; contributions add up to the difference. One alone is compared with what the model keeps of its training, and something moves."""
    model = gnomon.Surrogate(name)
    answer = model.predict(given).mean
    told = model.explain(given, orders=2)
    assert np.allclose(told.answer, answer) and told.inputs == model.features
    assert sorted(model.suggest(given, count=2).tolist()) == [0, 1]
    alone = model.explain(given[0], orders=2)
    assert "training rows" in alone.background and np.allclose(alone.answer, answer[:1])
    for part in (told, alone):
        assert np.allclose(part.contributions.sum(axis=2), part.answer - part.usual, atol=1e-6 * np.abs(part.answer).max())
    assert np.abs(alone.contributions).max() > 0
    # A background of another row alone is what was asked for.
    other = model.explain(given[0], given[1], orders=2)
    assert "1 rows of the background" in other.background and np.allclose(other.usual, answer[1:])


def test_the_program_explains_one_design() -> None:
    """Truth: contributions add up to the answer less the usual one, and are not all 0."""
    told = run("surrogate", "explain", "--model", "design", "--data", ROOT / "examples/designs/edge.json", "--orders", "2", "--json").json()
    assert "training rows" in told["background"]
    for target, one in told["rows"][0].items():
        if target == "row":
            continue
        moved = list(one["contributions"].values())
        assert sum(moved) == pytest.approx(one["answer"] - one["usual"], rel=1e-6, abs=1e-6 * abs(one["answer"])) and any(moved)
    printed = run("surrogate", "explain", "--model", "design", "--data", ROOT / "examples/designs/edge.json", "--orders", "1")
    assert printed.out.splitlines()[-1].startswith("usual: what the model keeps of its"), printed.out


def test_workloads_are_explained_and_suggested() -> None:
    """Truth: the sum of contributions is the difference of answers; the answer is that of `predict` but for what it does beyond the model (whole cycles, a least number of them)."""
    model = gnomon.Surrogate("accelerator")
    told = model.explain(DESIGNS, workload="zoo:mbnet?depth=3&width=24&resolution=64", orders=2)
    assert told.contributions.shape == (2, 2, len(model.features))
    assert np.allclose(told.contributions.sum(axis=2), told.answer - told.usual, rtol=1e-6)
    assert np.allclose(told.answer, model.predict(DESIGNS, workload="zoo:mbnet?depth=3&width=24&resolution=64").mean, rtol=0.05)
    slower = json.loads(json.dumps(DESIGNS[0]))
    slower["memory"]["latency_cycles"] = 100
    assert len(set(model.suggest([*DESIGNS, slower], count=2, workload="zoo:mbnet?depth=3&width=24&resolution=64").tolist())) == 2
    for ask in (lambda: model.predict(DESIGNS), lambda: model.explain(DESIGNS), lambda: model.suggest(DESIGNS, count=1)):
        with pytest.raises(gnomon.InputError, match="give workload="):
            ask()
    with pytest.raises(gnomon.InputError, match="does not answer operators.*cores"):
        gnomon.Surrogate("design").explain(DESIGNS, workload="zoo:mbnet?depth=3&width=24&resolution=64")


def test_what_is_wrong_is_said() -> None:
    """Truth: what was given."""
    draw = np.random.default_rng(1)
    x = draw.uniform(1, 10, (60, 2))
    y = x[:, 0] * x[:, 1]
    train = gnomon.Surrogate.train
    model = train({"a": x[:, 0], "b": x[:, 1], "y": y}, targets=["y"], family="process")
    columns = {"a": x[:5, 0], "b": x[:5, 1].tolist()}
    assert np.array_equal(model.predict(columns).mean, model.predict(x[:5]).mean)
    assert np.array_equal(model.predict({"a": 2.0, "b": 3.0}).mean, model.predict([[2.0, 3.0]]).mean)
    with pytest.raises(gnomon.InputError, match=r"a: \[5\], b: \[4\].*one length"):
        model.predict(columns | {"b": x[:4, 1]})
    for bad in (-1, 1.5, True, 2**60):
        with pytest.raises(gnomon.InputError, match="seed: found"):
            train(x, y, targets=["y"], seed=bad)
    for ask in (lambda: train(x.astype(complex), y, targets=["y"]), lambda: train(x, y.astype(complex), targets=["y"]), lambda: model.predict(x.astype(complex))):
        with pytest.raises(gnomon.InputError, match="complex"):
            ask()
    with pytest.raises(gnomon.InputError, match="all 60 rows are equal"):
        train(np.ones((60, 2)), y, targets=["y"])
    with pytest.raises(gnomon.InputError, match="targets: found none"):
        train(x, y, targets=[])
    design = gnomon.Surrogate("design")
    for text in (json.dumps(DESIGNS[0]), [json.dumps(one) for one in DESIGNS]):
        with pytest.raises(gnomon.InputError, match=r"json\.loads\(text\)"):
            design.predict(text)
    with pytest.raises(gnomon.InputError, match="entry 1 is no design"):
        design.predict([DESIGNS[0], GEMM])


def test_what_would_be_passed_over_is_refused(tmp_path: Path) -> None:
    """Truth: what the model takes."""
    rows, nodes = write_nodes(tmp_path)
    model = gnomon.Surrogate.train(rows, targets="cost", ignore="network", family="process", nodes=nodes, test=rows, out=tmp_path / "m.gnomon")
    assert set(model.tested) == {"cost"}
    asked = ("--model", tmp_path / "m.gnomon", "--data", rows)
    records = tmp_path / "r.json"
    records.write_text(json.dumps([record(4 + i, 1 + i % 2) for i in range(3)]))
    for told, words in (
        (run("surrogate", "predict", *asked, "--nodes", nodes), ["takes no nodes", "nodes.csv"]),
        (run("surrogate", "evaluate", *asked, "--nodes", nodes), ["takes no nodes"]),
        (run("surrogate", "predict", *asked, "--batch", "2"), ["--batch", "--workload"]),
        (run("surrogate", "train", "--data", rows, "--targets", "cost", "--node-key", "row", "--out", tmp_path / "n.gnomon"), ["--node-key", "--nodes"]),
        (run("surrogate", "train", "--data", records, "--nodes", nodes, "--targets", "lut", "--out", tmp_path / "n.gnomon"), ["records bring their own nodes"]),
    ):
        assert told.status == 2 and all(word in told.err for word in words), told.err
    for ask in (model.predict, model.evaluate, model.explain):
        with pytest.raises(gnomon.InputError, match="nodes: found for a model that takes none"):
            ask(rows, nodes=nodes)
        with pytest.raises(gnomon.InputError, match="batch: found 2 without a workload"):
            ask(rows, batch=2)


def test_wrong_options_leave_nothing_behind(tmp_path: Path) -> None:
    """Truth: what the families take, told before the first piece is learned."""
    data = write_table(tmp_path / "t.csv")
    for options, words in ((("--family", "ensemble", "--learner-options", '{"member": 2}'), ["member", "members"]), (("--family", "graph"), ["graph", "nodes"])):
        told = run("surrogate", "train", "--data", data, "--targets", "cycles", *options, "--out", tmp_path / "m.gnomon")
        assert told.status == 3 and all(word in told.err for word in words), told.err
        assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]


def test_missing_columns_are_listed_once(tmp_path: Path) -> None:
    """Truth: the table's header, which is told with the first of them."""
    gnomon.Surrogate.train(pandas.DataFrame({"a": range(1, 41), "b": [i * 7 % 11 for i in range(40)], "y": [3 * i + 1 for i in range(40)]}), targets="y", family="process", out=tmp_path / "m.gnomon")
    (tmp_path / "t.csv").write_text("height,depth\n1,2\n")
    told = run("surrogate", "predict", "--model", tmp_path / "m.gnomon", "--data", tmp_path / "t.csv")
    assert told.status == 3 and told.err.count("the model wants a column") == 2 and told.err.count("height, depth") == 1, told.err


def head_of(model: Path) -> Any:
    return json.loads(model.read_bytes().split(b"\n", 1)[0])


def test_models_know_what_made_their_labels(tmp_path: Path) -> None:
    """Truth: the columns `tool`, `target` and `mode` of our own tables, the versions in records, the version of gnomon in a campaign's summary; of a user's table, what the user says."""

    def trained(data: Path, *options: str) -> Any:
        told = run("surrogate", "train", "--data", data, "--family", "process", "--term", "never", "--out", tmp_path / "m.gnomon", *options)
        assert told.status == 0, told.err
        return head_of(tmp_path / "m.gnomon")

    kernels = pandas.read_csv(ROOT / "surrogate/data/kernels.csv.gz").head(40)
    kernels.to_csv(tmp_path / "k.csv", index=False)
    assert set(kernels.tool.dropna()) == {"yosys 0.23"}  # none where a kernel was not compiled
    head = trained(tmp_path / "k.csv", "--targets", "lut", "--features", "lut_add,ff,flip_flop_sum" if "lut_add" in kernels else "ff,flip_flop_sum")
    assert head["label_tool"] == "yosys 0.23, xcup, flat" and "kernels" in head["label_kind"]
    records = [record(4 + i, 1 + i % 2) | {"resource_report": {"lut": str(40 * (4 + i) // (1 + i % 2))}, "vivado_version": "2023.2", "hls4ml_version": f"0.8.{i % 2}"} for i in range(40)]
    (tmp_path / "r.json").write_text(json.dumps(records))
    head = trained(tmp_path / "r.json", "--targets", "lut")
    assert head["label_tool"] == "Vivado 2023.2 with hls4ml 0.8.0; Vivado 2023.2 with hls4ml 0.8.1" and "wa-hls4ml" in head["label_kind"]
    table = write_table(tmp_path / "t.csv")
    head = trained(table, "--targets", "cycles")
    assert head["label_tool"] == "" and head["label_kind"] == ""
    head = trained(table, "--targets", "cycles", "--label-tool", "a stopwatch", "--label-kind", "measured")
    assert head["label_tool"] == "a stopwatch" and head["label_kind"] == "measured"


@pytest.mark.parametrize(
    ("model", "file", "words"),
    [
        ("kernel", "examples/designs/edge.json", ["holds designs", "wants kernels", "tensors"]),
        ("design", "examples/kernels/gemm.json", ["holds kernels", "wants designs", "cores"]),
        ("network", "examples/designs/edge.json", ["holds designs", "wa-hls4ml", "dataset layers"]),
        ("part", "examples/designs/edge.json", ["holds designs", "fluid_throughput"]),
        ("design", "CAMPAIGN", ["a campaign", "wants designs"]),
        ("design", "OTHER", ["\"depth\"", "wants designs"]),
    ],
)
def test_files_for_another_model(tmp_path: Path, model: str, file: str, words: list[str]) -> None:
    """Truth: what the file holds and what the model's card says that it takes."""
    path = ROOT / file
    if file == "CAMPAIGN":
        path = ROOT / "examples/quick-mlp.json"
    elif file == "OTHER":
        path = tmp_path / "other.json"
        path.write_text('{"depth": 3}')
    told = run("surrogate", "predict", "--model", model, "--data", path)
    assert told.status == 3 and path.name in told.err and all(word in told.err for word in words), told.err
    assert "--workload" not in told.err


def test_benchmark_says_what_table_it_wants(tmp_path: Path) -> None:
    told = run("surrogate", "benchmark", "--data", write_table(tmp_path / "t.csv"))
    assert told.status == 3 and "t.csv" in told.err and "gnomon dataset layers" in told.err, told.err


def test_a_campaign_by_its_folder(tmp_path: Path) -> None:
    """Truth: the bytes that the program makes of the same folder."""
    done = run("run", ROOT / "examples/quick-mlp.json", "--out", tmp_path / "c", "--budget", "40", "--jobs", "1")
    assert done.status == 0, done.err
    told = run("surrogate", "train", "--data", tmp_path / "c", "--targets", "latency_s", "--family", "process", "--out", tmp_path / "p.gnomon")
    assert told.status == 0, told.err
    gnomon.Surrogate.train(tmp_path / "c", targets="latency_s", family="process", out=tmp_path / "m.gnomon")
    assert (tmp_path / "m.gnomon").read_bytes() == (tmp_path / "p.gnomon").read_bytes()
    version = json.loads((tmp_path / "c/summary.json").read_text())["provenance"]["version"]
    fidelity = {row["fidelity"] for row in csv.DictReader((tmp_path / "c/trials.csv").open()) if row["state"] == "done"}.pop()
    head = head_of(tmp_path / "p.gnomon")
    assert head["label_tool"] == f"gnomon {version}" and head["label_kind"] == f"trials of a campaign at the fidelity {fidelity}"
