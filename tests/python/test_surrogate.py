"""Surrogates and bad input, through the program and from Python; wa-hls4ml records; explain."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run, gnomon, write_json

gnomon_py = pytest.importorskip("gnomon")


def table(path: Path, rows: int = 60, *, head: str = "size,reuse,kind,cycles [cycles]") -> Path:
    """cycles = size * 3 / reuse, twice that where kind is `b`."""
    draw = random.Random(7)
    lines = [head]
    for _ in range(rows):
        size, reuse, kind = draw.randrange(8, 256), draw.choice([1, 2, 4]), draw.choice("ab")
        lines.append(f"{size},{reuse},{kind},{size * 3 / reuse * (2 if kind == 'b' else 1)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def train(data: Path, out: Path, *more: object, targets: str = "cycles") -> Run:
    return gnomon("surrogate", "train", "--data", data, "--targets", targets, "--family", "process", "--term", "never", "--out", out, *more)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("surrogate")
    run = train(table(folder / "train.csv"), folder / "m.gnomon")
    assert run.status == 0, run.err
    return folder / "m.gnomon"


def refused(run: Run, *words: str) -> None:
    assert run.status == 3, (run.status, run.out, run.err)
    for word in words:
        assert word in run.err, run.err


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["size,reuse,kind,cycles", "8,1,a,24"], ["1 ", "20"]),  # one row
        (["size,reuse,kind,cycles"], ["m.csv"]),  # none
        (["size,reuse,kind,cycles", *["8,1,a,24"] * 40], ["m.csv"]),  # one group
        (["size,reuse,kind,time", *[f"{i},1,a,{i}" for i in range(40)]], ["cycles"]),  # no target
        (["size,reuse,kind,cycles", *[f"{i},1,a," for i in range(40)]], ["cycles"]),  # no label
        (["size,reuse,kind,cycles", *[f"{i},1,a,many" for i in range(40)]], ["cycles"]),  # words for labels
        (["size,reuse,kind,cycles", *[f"{i},1,a,{i}" for i in range(40)], "1,2"], ["m.csv"]),  # a short row
        (["size,size,kind,cycles", *[f"{i},1,a,{i}" for i in range(40)]], ["size"]),  # a column twice
        ([""], ["m.csv"]),
    ],
)
def test_tables_that_cannot_be_learned(tmp_path: Path, lines: list[str], words: list[str]) -> None:
    data = tmp_path / "m.csv"
    data.write_text("\n".join(lines) + "\n")
    refused(train(data, tmp_path / "m.gnomon"), *words)
    assert not (tmp_path / "m.gnomon").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("reuse,kind\n1,a\n", ["size"]),  # a column missing
        ("sise,reuse,kind\n8,1,a\n", ["size"]),
        ("size [bytes],reuse,kind\n8,1,a\n", ["size", "bytes", "none"]),  # the model has no unit for it
        ("size,reuse,kind\n,1,a\n", ["size", "no value"]),  # a value missing
        ("size,reuse,kind\nnan,1,a\n", ["size"]),
        ("size,reuse,kind\ninf,1,a\n", ["size"]),
        ("size,reuse,kind\n8,1,a\nwide,1,a\n", ["row 2 (line 3)", "size", "wide"]),
        ("size,reuse,kind\n-8,1,a\n", ["row 1", "size", "-8"]),  # training saw 8 to 255
    ],
)
def test_queries_that_cannot_be_answered(tmp_path: Path, model: Path, text: str, words: list[str]) -> None:
    data = tmp_path / "q.csv"
    data.write_text(text)
    run = gnomon("surrogate", "predict", "--model", model, "--data", data, "--json")
    refused(run, "q.csv", *words)


def test_another_unit_is_refused(tmp_path: Path) -> None:
    learned = table(tmp_path / "train.csv", head="size [bytes],reuse,kind,cycles [cycles]")
    assert train(learned, tmp_path / "m.gnomon").status == 0
    (tmp_path / "q.csv").write_text("size [kib],reuse,kind\n8,1,a\n")
    refused(gnomon("surrogate", "predict", "--model", tmp_path / "m.gnomon", "--data", tmp_path / "q.csv"), "size", "kib", "bytes")


@pytest.mark.parametrize("row", ["0,1,a", "1e300,1,a", "64,1,never"])
def test_values_outside_are_flagged_and_bounded(tmp_path: Path, model: Path, row: str) -> None:
    (tmp_path / "q.csv").write_text(f"size,reuse,kind\n{row}\n")
    run = gnomon("surrogate", "predict", "--model", model, "--data", tmp_path / "q.csv", "--json")
    assert run.status == 0, run.err
    answer = run.json()["rows"][0]
    assert not answer["in_range"] and answer["out_of_range"]
    assert 0 <= answer["cycles"]["lower"] <= answer["cycles"]["mean"] <= answer["cycles"]["upper"]
    # Answer and interval are bounded, however far the value lies off.
    assert answer["cycles"]["upper"] < 1e6


@pytest.mark.parametrize("word", ["nan", "inf", "abc", "1e999"])
def test_one_word_among_numbers_is_refused(tmp_path: Path, word: str) -> None:
    """Truth: the places where the words were put. A column of one such word among 120 numbers is not one of categories, whether feature or label."""
    for column in (0, 1, 3):
        lines = table(tmp_path / "train.csv", 120).read_text().splitlines()
        for row in (17, 80):
            fields = lines[row].split(",")
            fields[column] = word
            lines[row] = ",".join(fields)
        (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
        name = ("size", "reuse", "kind", "cycles")[column]
        refused(train(tmp_path / "train.csv", tmp_path / "m.gnomon"), "train.csv", "row 17 (line 18)", "row 80 (line 81)", name, word)
        # Left out, it does no harm; a label cannot be.
        if column == 0:
            assert train(tmp_path / "train.csv", tmp_path / "m.gnomon", "--ignore", "size").status == 0
    frame = pytest.importorskip("pandas").read_csv(table(tmp_path / "frame.csv", 60))
    frame = frame.rename(columns={"cycles [cycles]": "cycles"}).astype({"size": float})
    frame.loc[9, "size"] = np.inf
    with pytest.raises(gnomon_py.InputError, match="row 10.*size.*inf"):
        gnomon_py.Surrogate.train(frame, targets=["cycles"], family="process")
    frame.loc[9, "size"] = np.nan  # is missing
    assert gnomon_py.Surrogate.train(frame, targets=["cycles"], family="process").predict(frame.head(12)).mean.shape == (12, 1)


def test_negative_amounts(tmp_path: Path) -> None:
    """Truth: what the units say. Amounts are refused, a number without a unit is told about."""

    def spoilt(head: str) -> Path:
        lines = table(tmp_path / "train.csv", 120, head=head).read_text().splitlines()
        lines[17] = "-8" + lines[17][lines[17].index(",") :]
        (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
        return tmp_path / "train.csv"

    for head in ("size [KiB],reuse,kind,cycles", "size_bytes,reuse,kind,cycles", "size [s],reuse,kind,cycles", "size [pJ],reuse,kind,cycles"):
        refused(train(spoilt(head), tmp_path / "m.gnomon"), "row 17", "-8", "not negative")
    for head in ("size,reuse,kind,cycles", "size_delta [KiB],reuse,kind,cycles"):
        run = train(spoilt(head), tmp_path / "m.gnomon", "--json")
        assert run.status == 0, run.err
        notes = run.json()["notes"]
        assert len(notes) == 1 and "-8 in row 17" in notes[0] and "1 of 120" in notes[0], notes


def layers(path: Path, rows: int = 40, *, spoil: str = "", value: str = "") -> Path:
    """hls4ml's table of layers in form, with LUTs of a made-up law."""
    draw = random.Random(3)
    lines = ["d_in,d_out,prec,rf,strategy,LUT_hls"]
    for i in range(rows):
        row = {"d_in": draw.randrange(8, 129), "d_out": draw.randrange(8, 129), "prec": draw.choice([2, 4, 8]), "rf": draw.choice([1, 2, 4]), "strategy": "resource"}
        row["LUT_hls"] = row["d_in"] * row["d_out"] * row["prec"] // row["rf"]
        if i == 5 and spoil:
            row[spoil] = value
        lines.append(",".join(map(str, row.values())))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_known_layouts_take_counts_only(tmp_path: Path) -> None:
    """Truth: dimensions, reuse factors and bits are whole and at least 1, resources are not negative."""
    for column, value in (("d_in", "-64"), ("d_in", "0"), ("rf", "0"), ("prec", "-2"), ("prec", "4.5"), ("LUT_hls", "-1"), ("d_in", "nan")):
        refused(train(layers(tmp_path / "l.csv", spoil=column, value=value), tmp_path / "m.gnomon", targets="LUT_hls"), "l.csv", "row 6 (line 7)", column, value)
    assert train(layers(tmp_path / "l.csv"), tmp_path / "m.gnomon", targets="LUT_hls").status == 0
    for column, value in (("d_in", "-64"), ("rf", "0"), ("prec", "4.5"), ("d_out", "nan")):
        run = gnomon("surrogate", "predict", "--model", tmp_path / "m.gnomon", "--data", layers(tmp_path / "q.csv", spoil=column, value=value))
        refused(run, "q.csv", "row 6", column, value)
    # The same from an array.
    model = gnomon_py.Surrogate.load(tmp_path / "m.gnomon")
    for bad in ([-64, 8, 2, 1, 0], [64, 8, 4.5, 1, 0], [64, 8, 2, 0, 0]):
        with pytest.raises(gnomon_py.InputError, match="row 1"):
            model.predict([bad])
    refused(gnomon("surrogate", "evaluate", "--model", tmp_path / "m.gnomon", "--data", layers(tmp_path / "q.csv", spoil="LUT_hls", value="-3")), "row 6", "-3")


def test_models_that_are_none(tmp_path: Path, model: Path) -> None:
    query = tmp_path / "q.csv"
    query.write_text("size,reuse,kind\n8,1,a\n")
    head, blob = model.read_bytes().split(b"\n", 1)

    def ask(content: bytes) -> Run:
        (tmp_path / "m.gnomon").write_bytes(content)
        return gnomon("surrogate", "predict", "--model", tmp_path / "m.gnomon", "--data", query)

    for content in (b"", b"{}\n", b"PK\x03\x04", head, model.read_bytes()[:-4], model.read_bytes() + b"\0\0\0\0", head.replace(b"cycles", b"cycled") + b"\n" + blob):
        refused(ask(content), "m.gnomon")
    # Of another version, and otherwise sound.
    assert head.count(b'"version":2,') == 1
    later = ask(head.replace(b'"version":2,', b'"version":99,') + b"\n" + blob)
    assert later.status == 4 and "m.gnomon" in later.err and "99" in later.err, later.err
    refused(gnomon("surrogate", "predict", "--model", tmp_path / "nothing.gnomon", "--data", query), "nothing.gnomon")


def test_python_refuses_what_is_wrong(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    x = draw.uniform(1, 100, size=(80, 2))
    y = x[:, :1] * x[:, 1:]
    args: dict[str, Any] = {"targets": ["y"], "family": "process"}
    for bad_x, bad_y in ((x[:1], y[:1]), (x, y[:-1]), (x[:0], y[:0]), (np.where(x > 50, np.inf, x), y), (x, np.full_like(y, np.nan))):
        with pytest.raises(gnomon_py.InputError):
            gnomon_py.Surrogate.train(bad_x, bad_y, **args)
    with pytest.raises(gnomon_py.InputError):
        gnomon_py.Surrogate.train(x, y, targets=["y", "z"], family="process")
    with pytest.raises(gnomon_py.InputError, match="process"):
        gnomon_py.Surrogate.train(x, y, targets=["y"], family="proces")
    model = gnomon_py.Surrogate.train(x, y, **args)
    for query in ([[np.nan, 1.0]], [[np.inf, 1.0]], [[1.0]], [[1.0, 2.0, 3.0]]):
        with pytest.raises(gnomon_py.InputError):
            model.predict(query)
    assert not model.predict([[0.0, 10.0]]).in_range[0]
    with pytest.raises(gnomon_py.InputError, match='row 2, "x0": found -5'):
        model.predict([[5.0, 10.0], [-5.0, 10.0]])
    assert model.predict(np.empty((0, 2))).mean.shape == (0, 1)


def test_python_explains(tmp_path: Path) -> None:
    """Truth: y = 4 a + b of independent a, b, and c that moves nothing. Shapley values of a sum are its addends; they add up to the answer exactly."""
    pandas = pytest.importorskip("pandas")
    draw = np.random.default_rng(3)
    frame = pandas.DataFrame({"a": draw.uniform(0, 10, 200), "b": draw.uniform(0, 10, 200), "c": draw.uniform(0, 10, 200)})
    frame["y"] = 4 * frame["a"] + frame["b"]
    model = gnomon_py.Surrogate.train(frame, targets=["y"], family="process")
    told = model.explain(frame.head(5), frame)
    assert told.usual.shape == told.answer.shape == (5, 1) and told.contributions.shape == (5, 1, 3)
    assert np.allclose(told.contributions.sum(axis=2), told.answer - told.usual, atol=1e-6)
    assert np.allclose(told.answer, model.predict(frame.head(5)).mean)
    parts = np.column_stack([4 * (frame["a"] - frame["a"].median()), frame["b"] - frame["b"].median(), np.zeros(200)])[:5]
    assert np.abs(told.contributions[:, 0] - parts).max() < 0.5
    with pytest.raises(gnomon_py.InputError):
        model.explain(frame[["a", "b"]].head(5), frame)
    arrays = model.explain(frame[["a", "b", "c"]].to_numpy()[:5], frame[["a", "b", "c"]].to_numpy())
    assert np.array_equal(arrays.contributions, told.contributions)
    with pytest.raises(gnomon_py.InputError, match="array"):
        model.explain(frame[["a", "b"]].to_numpy(), frame)
    # What is asked for in vain says so.
    with pytest.raises(gnomon_py.InputError, match="numbers"):
        model.predict([["wide", 1.0, 2.0]])
    with pytest.raises(gnomon_py.InputError, match="X: is empty.*a, b, c"):
        model.predict([])
    with pytest.raises(gnomon_py.InputError, match="Y: missing"):
        gnomon_py.Surrogate.train(frame[["a", "b"]].to_numpy(), targets=["y"])
    # The features outside [0, 10] are named, row by row.
    assert model.predict([[5.0, 5.0, 5.0], [5.0, 90.0, 70.0], [40.0, 5.0, 5.0]]).reasons == [[], ["b", "c"], ["a"]]
    # A missing column is told by its name, with what the frame has.
    with pytest.raises(gnomon_py.InputError, match='wants a column "c".*a, b'):
        model.predict(frame[["a", "b"]])


def test_numbers_whose_squares_are_none(tmp_path: Path) -> None:
    lines = table(tmp_path / "train.csv").read_text().splitlines()
    lines[9] = "16,1,a,1e308"
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    refused(train(tmp_path / "train.csv", tmp_path / "m.gnomon"), "row 9", "cycles", "1e+308", "1e150")


def record(index: int, *, labelled: bool = True) -> dict[str, Any]:
    """A record in the form of wa-hls4ml (arXiv 2511.05615): all values are strings; `resource_report` is empty where synthesis did not finish."""
    width, reuse, bits = 8 * (1 + index % 6), 2 ** (index % 4), 4 + 2 * (index % 3)
    layers = []
    for n, (inputs, neurons) in enumerate(((16, width), (width, 5))):
        layers.append(
            {
                "class_name": "Dense", "layer_name": f"dense_{n}", "input_shape": f"[None, {inputs}]", "output_shape": f"[None, {neurons}]",
                "parameters": str(inputs * neurons + neurons), "neurons": str(neurons), "activation": "relu", "reuse_factor": str(reuse), "precision": f"ap_fixed<{bits},1>",
            }
        )
    macs = 16 * width + width * 5
    return {
        "meta_data": {"uuid": hashlib.sha256(str(index).encode()).hexdigest()[:32], "model_name": f"net_{index}", "artifacts_file": f"net_{index}.tar.gz"},
        "model_config": layers,
        "hls_config": {"Model": {"Precision": f"ap_fixed<{bits},1>", "ReuseFactor": str(reuse), "Strategy": "Resource"}, "clock_period": "5", "io_type": "io_parallel"},
        "resource_report": {"bram": "0.5", "dsp": str(macs // reuse), "ff": str(macs * bits // reuse), "lut": str(3 * macs * bits // reuse), "uram": "0"} if labelled else {},
        "hls_resource_report": {"bram": "1", "dsp": "1", "ff": "1", "lut": "1", "uram": "0"},
        "latency_report": {"cycles_min": str(10 + reuse), "cycles_max": str(12 + reuse), "target_clock": "5", "estimated_clock": "3.6", "interval_min": str(reuse), "interval_max": str(reuse)},
        "target_part": "xcu250-figd2104-2L-e", "vivado_version": "2023.2", "hls4ml_version": "0.8.1",
    }


@pytest.mark.parametrize("lines", [False, True])
def test_records_of_wa_hls4ml(tmp_path: Path, lines: bool) -> None:
    records = [record(i, labelled=i % 5 != 0) for i in range(60)]
    path = tmp_path / ("nets.jsonl" if lines else "nets.json")
    path.write_text("\n".join(map(json.dumps, records)) if lines else json.dumps(records))
    out = tmp_path / "m.gnomon"
    run = train(path, out, "--json", targets="lut,dsp,cycles,ii")
    assert run.status == 0, run.err
    # A fifth has no resources: missing, not 0; all have cycles.
    scores = gnomon("surrogate", "evaluate", "--model", out, "--data", path, "--json").json()["targets"]
    assert scores["lut"]["rows"] == scores["dsp"]["rows"] == 48 and scores["cycles"]["rows"] == 60
    answers = gnomon("surrogate", "predict", "--model", out, "--data", path, "--json").json()["rows"]
    for given, answer in zip(records, answers, strict=True):
        assert answer["cycles"]["mean"] == pytest.approx(int(given["latency_report"]["cycles_max"]), rel=0.1)


def features(model: Path) -> set[str]:
    return {feature["name"] for feature in json.loads(model.read_bytes().split(b"\n", 1)[0])["features"]}


def test_labels_and_names_are_no_features(tmp_path: Path) -> None:
    """One label of many is asked for: the others, and what names a row, would tell it, and are not there when somebody asks."""
    path = write_json(tmp_path / "nets.json", [record(i) for i in range(40)])
    assert train(path, tmp_path / "wa.gnomon", targets="lut").status == 0
    assert features(tmp_path / "wa.gnomon") & {"network", "name", "lut", "ff", "dsp", "bram", "cycles", "ii"} == set()
    bare = write_json(tmp_path / "bare.json", [record(3, labelled=False)])
    answer = gnomon("surrogate", "predict", "--model", tmp_path / "wa.gnomon", "--data", bare, "--json")
    assert answer.status == 0 and answer.json()["rows"][0]["in_range"], answer.err
    kernels, operators = tmp_path / "kernels.csv", tmp_path / "operators.csv"
    assert gnomon("dataset", "kernels", "--out", kernels, "--count", 24, "--seed", 1, "--cosim", 0, "--target", "none").status == 0
    assert train(kernels, tmp_path / "k.gnomon", targets="latency_cycles").status == 0
    assert features(tmp_path / "k.gnomon") & {"row", "seed", "name", "kernel", "ii", "depth_cycles", "total_cycles", "lut", "ff", "dsp", "bram"} == set()
    assert gnomon("dataset", "operators", "--out", operators, "--count", 12, "--seed", 1).status == 0
    assert train(operators, tmp_path / "o.gnomon", targets="latency_cycles").status == 0
    assert features(tmp_path / "o.gnomon") & {"design", "layer", "energy_pj"} == set()


def test_unfinished_designs_have_no_labels_when_scored(tmp_path: Path) -> None:
    """HLSyn gives designs on which the tool did not finish 0 cycles: training leaves them out, and so does scoring."""
    draw = random.Random(3)
    lines = ["kernel,point_json,perf_cycles,lut"]
    for i in range(80):
        parallel = draw.choice([1, 2, 4, 8])
        done = i % 4 != 0
        point = json.dumps({"__PARA__L0": parallel}).replace('"', '""')
        lines.append(f'gemm,"{point}",{4096 // parallel if done else 0},{200 * parallel if done else 0}')
    path = tmp_path / "hlsyn.csv"
    path.write_text("\n".join(lines) + "\n")
    run = train(path, tmp_path / "h.gnomon", targets="perf_cycles,lut")
    assert run.status == 0, run.err
    scores = gnomon("surrogate", "evaluate", "--model", tmp_path / "h.gnomon", "--data", path, "--json").json()["targets"]
    assert scores["perf_cycles"]["rows"] == scores["lut"]["rows"] == 60 and scores["lut"]["r2"] > 0.99, scores


def test_where_a_model_cannot_be_written_nothing_is_trained(tmp_path: Path) -> None:
    data = table(tmp_path / "train.csv")
    for out, words in ((tmp_path / "none" / "m.gnomon", "does not exist"), (tmp_path, "is a folder")):
        run = train(data, out)
        assert run.status == 2 and words in run.err, run.err
    run = train(data, tmp_path / "m.gnomon", "--test", tmp_path / "gone.csv")
    assert run.status == 3 and "gone.csv" in run.err and not (tmp_path / "m.gnomon").exists(), run.err
    # A table that turns out to be of another unit costs the scores alone.
    other = table(tmp_path / "other.csv", head="size,reuse,kind,cycles [us]")
    refused(train(data, tmp_path / "m.gnomon", "--test", other), "us")
    assert gnomon("surrogate", "predict", "--model", tmp_path / "m.gnomon", "--data", data).status == 0


def test_keys_of_nodes_are_no_features(tmp_path: Path) -> None:
    """Rows and nodes belong together by a number that could be any other: renumbered, the answers are the same."""
    draw = random.Random(5)

    def tables(shift: int) -> tuple[Path, Path]:
        draw.seed(5)
        rows, nodes = ["network,bits,lut"], ["network,size,kind"]
        for i in range(40):
            bits, sizes = draw.choice([4, 8]), [draw.randrange(4, 64) for _ in range(3)]
            rows.append(f"{i + shift},{bits},{sum(sizes) * bits}")
            nodes += [f"{i + shift},{size},dense" for size in sizes]
        paths = tmp_path / f"rows{shift}.csv", tmp_path / f"nodes{shift}.csv"
        for path, lines in zip(paths, (rows, nodes)):
            path.write_text("\n".join(lines) + "\n")
        return paths

    (rows, nodes), (renumbered, of_them) = tables(0), tables(1000)
    out = tmp_path / "g.gnomon"
    run = gnomon("surrogate", "train", "--data", rows, "--nodes", nodes, "--targets", "lut", "--family", "graph", "--term", "never", "--learner-options", '{"max_epochs": 4, "members": 1}', "--out", out)
    assert run.status == 0, run.err
    assert features(out) == {"bits"}
    answers = [gnomon("surrogate", "predict", "--model", out, "--data", a, "--nodes", b, "--json").json()["rows"] for a, b in ((rows, nodes), (renumbered, of_them))]
    assert [r["lut"] for r in answers[0]] == [r["lut"] for r in answers[1]]


@pytest.mark.parametrize("spoil", ["reuse_factor", "model_config", "json", "list"])
def test_records_that_are_not_of_the_schema(tmp_path: Path, spoil: str) -> None:
    one: Any = record(1)
    if spoil == "reuse_factor":
        one["model_config"][0]["reuse_factor"] = "many"
    elif spoil == "model_config":
        one["model_config"] = "none"
    text = {"json": '[{"model_config": ', "list": "[1, 2]"}.get(spoil, json.dumps([one]))
    path = tmp_path / "bad.json"
    path.write_text(text)
    refused(train(path, tmp_path / "m.gnomon", targets="lut"), "bad.json")
    refused(train(write_json(tmp_path / "none.json", []), tmp_path / "m.gnomon", targets="lut"), "none.json")


def record_of(row: Any) -> dict[str, Any]:
    """The record in the form of wa-hls4ml that describes a row of `gnomon dataset layers`, written from the text of its layers; softmax and sums as layers of their own, as Keras has them."""
    layers: list[dict[str, Any]] = []

    def shape(h: str, w: str, c: str) -> str:
        return "[" + ", ".join(["None", *([h] if h != "1" else []), *([w] if h != "1" or w != "1" else []), c]) + "]"

    for part in row.layers.split(";"):
        kind, n_in, n_out, reuse, activation, bias, residual, ih, iw, ic, h, w, c, kernel, stride = part.split(":")
        two = kind == "conv2d" or (kind == "max_pool" and ih != "1")
        name = {"dense": "Dense", "flatten": "Flatten", "max_pool": "MaxPooling2D" if two else "MaxPooling1D"}.get(kind, "Conv2D" if two else "Conv1D")
        own = {"class_name": name, "input_shape": shape(ih, iw, ic), "output_shape": shape(h, w, c)}
        if n_in != "0":
            own |= {"parameters": str(int(n_in) * int(n_out) + int(bias) * int(n_out)), "reuse_factor": reuse, "activation": "linear" if activation == "softmax" else activation}
        if name.startswith("Conv"):
            own |= {"kernel_size": f"({kernel}, {kernel})" if two else f"({kernel},)", "strides": f"({stride}, {stride})" if two else f"({stride},)", "padding": "valid"}
        layers.append(own)
        if activation == "softmax":
            layers.append({"class_name": "Softmax", "input_shape": own["output_shape"], "output_shape": own["output_shape"]})
        if residual == "1":
            layers.append({"class_name": "Add", "input_shape": f"[{own['input_shape']}, {own['output_shape']}]", "output_shape": own["output_shape"]})
    settings = {"Precision": f"ap_fixed<{row.precision_bits},1>", "ReuseFactor": str(row.reuse_factor), "Strategy": row.strategy.capitalize()}
    return {"model_config": layers, "hls_config": {"Model": settings, "io_type": row.io}, "resource_report": {"lut": str(row.lut)}, "latency_report": {}, "target_part": "xcu250-figd2104-2L-e"}


def test_records_and_table_of_the_same_networks(tmp_path: Path) -> None:
    """Truth: what the model says of the same networks in the table. All kinds of networks, the exemplars of several precisions among them."""
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(Path(__file__).parents[2] / "surrogate/data/layers.csv.gz")
    rows = pandas.concat([part.iloc[:: max(1, len(part) // 24)] for _, part in table.groupby("family")])
    assert {"conv1d", "conv2d"} < set(rows.family) and rows.layers.str.contains("softmax").any() and rows.layers.str.contains("max_pool").any()
    records = [record_of(row) for row in rows.itertuples()]
    write_json(tmp_path / "nets.json", records)
    rows.to_csv(tmp_path / "nets.csv", index=False)
    ask = ("surrogate", "predict", "--model", "network", "--json")
    by_table, by_records = gnomon(*ask, "--data", tmp_path / "nets.csv").json()["rows"], gnomon(*ask, "--wa-json", tmp_path / "nets.json").json()["rows"]
    assert by_table == by_records and len(by_table) == len(rows)
    model = gnomon_py.Surrogate("network")
    answer = model.predict(records)
    assert answer.mean[:, model.targets.index("lut")].tolist() == [row["lut"]["mean"] for row in by_table]
    assert answer.in_range.tolist() == [row["in_range"] for row in by_table]
    frame = model.predict(rows)
    assert np.array_equal(frame.mean, answer.mean) and np.array_equal(frame.upper, answer.upper)
    # A column with another spelling of its unit goes through the importer, column by column.
    assert np.array_equal(model.predict(rows.rename(columns={"precision_bits": "precision_bits [bit]"})).mean, answer.mean)
    # Labels come along where the records have them.
    scores = gnomon("surrogate", "evaluate", "--model", "network", "--data", tmp_path / "nets.json", "--json").json()["targets"]
    assert scores["lut"]["rows"] == len(rows) and scores["ff"]["rows"] == 0


def test_records_that_the_network_model_does_not_model(tmp_path: Path) -> None:
    """Truth: what our own networks can be (docs/labels.md). What cannot be said of them is refused, what was not learned is told."""

    def ask(change: Any) -> Run:
        one = record(1)
        one["hls_config"]["Model"]["Strategy"] = "Resource"
        change(one)
        return gnomon("surrogate", "predict", "--model", "network", "--wa-json", write_json(tmp_path / "n.json", [one]), "--json")

    assert ask(lambda r: None).json()["rows"][0]["in_range"]
    for change, words in (
        (lambda r: r["model_config"][1].update(precision="ap_fixed<16,1>"), ["/0/model_config/1/precision", "ap_fixed<16,1>", "one precision"]),
        (lambda r: r["hls_config"].update(LayerName={"dense_0": {"Precision": {"weight": "fixed<3,1>"}}}), ["/0/hls_config/LayerName/dense_0/Precision/weight", "fixed<3,1>"]),
        (lambda r: r["hls_config"].update(LayerName={"dense_0": {"Strategy": "Latency"}}), ["one strategy"]),
        (lambda r: r["model_config"].insert(1, {"class_name": "BatchNormalization"}), ["/0/model_config/1", "BatchNormalization"]),
        (lambda r: r["model_config"][0].update(activation="elu"), ["elu", "relu"]),
        (lambda r: r["model_config"].append({"class_name": "Add"}), ["/0/model_config/2", "sum"]),
    ):
        run = ask(change)
        assert run.status == 4 and all(word in run.err for word in words), run.err
    for change, words in (
        (lambda r: r["model_config"][1].update(input_shape="[None, 17]"), ["/0/model_config/1/input_shape", "17"]),
        (lambda r: r["model_config"][0].update(output_shape="[]"), ["/0/model_config/0/output_shape"]),
        (lambda r: r["hls_config"]["Model"].update(Precision=""), ["/0/hls_config/Model/Precision"]),
        (lambda r: r.update(model_config=[]), ["/0/model_config"]),
        (lambda r: r["model_config"][1].update(neurons="64"), ["/0/model_config/1/neurons", "64", "output_shape says 5"]),
        (lambda r: r["model_config"][1].update(neurons="-5"), ["/0/model_config/1/neurons", "-5"]),
        (lambda r: r["resource_report"].update(lut="nan"), ["/0/resource_report/lut", "nan"]),
    ):
        refused(ask(change), "n.json", *words)
    for change, words in (
        (lambda r: r["hls_config"]["Model"].update(Precision="ap_fixed<6,3>") or [layer.update(precision="ap_fixed<6,3>") for layer in r["model_config"]], "integer bits = 3"),
        (lambda r: r.update(target_part="xc7z020clg400-1"), "xc7z020"),
        (lambda r: r["model_config"][0].update(reuse_factor="7"), "reuse factor = 7"),
        (lambda r: r["model_config"][0].update(parameters="12345"), "parameters = 12345"),
    ):
        answer = ask(change).json()["rows"][0]
        assert not answer["in_range"] and words in answer["out_of_range"], answer
        one = json.loads((tmp_path / "n.json").read_text())
        told = gnomon_py.Surrogate("network").predict(one)
        assert not told.in_range[0] and words in told.reasons[0][0]
    for bad in (("--data", tmp_path / "n.json", "--wa-json", tmp_path / "n.json"), (), ("--wa-json", tmp_path / "n.csv")):
        assert gnomon("surrogate", "predict", "--model", "network", *bad).status == 2


def test_frames_go_by_their_cells_or_their_text(tmp_path: Path, model: Path) -> None:
    """Truth: the same rows as a CSV file. Types that a CSV file would write otherwise take that way."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"size": [8, 64, 200], "reuse": [1.0, 2.0, 4.0], "kind": ["a", "b", "a"]})
    frame.to_csv(tmp_path / "q.csv", index=False)
    told = gnomon("surrogate", "predict", "--model", model, "--data", tmp_path / "q.csv", "--json").json()["rows"]
    wanted = [row["cycles"]["mean"] for row in told]
    loaded = gnomon_py.Surrogate(model)
    for other in (frame, frame.astype({"size": str}), frame.astype({"kind": "category"}), frame.rename(columns={"size": " size"}), frame[["kind", "size", "reuse"]]):
        assert loaded.predict(other).mean[:, 0].tolist() == wanted
    for cell, words in ((np.inf, "row 2.*size.*inf"), ("wide", "row 2.*size.*wide"), (None, "size")):
        spoilt = frame.astype({"size": object})
        spoilt.loc[1, "size"] = cell
        with pytest.raises(gnomon_py.InputError, match=words):
            loaded.predict(spoilt)
