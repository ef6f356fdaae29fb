"""Networks of layers: `gnomon dataset layers`, and network files in `hls`, `cosim`, `synth`."""

import csv
import gzip
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import BUILD, ROOT, gnomon

needs_yosys = pytest.mark.skipif(shutil.which("yosys") is None, reason="yosys is not installed")
needs_verilator = pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed")
TABLE = ["dataset", "layers", "--count", "2", "--conv", "1", "--cosim", "0", "--seed", "5"]


def test_no_flat_labels_and_no_json_of_areas(tmp_path: Path) -> None:
    for option in (["--flat", "1"], ["--wa-json", str(tmp_path / "wa.json")]):
        run = gnomon(*TABLE, "--target", "osu018", "--out", str(tmp_path / "layers.csv"), *option)
        assert run.status != 0 and "xcup and xc7" in run.err


@needs_yosys
def test_the_same_rows_whatever_interrupts(tmp_path: Path) -> None:
    out = tmp_path / "layers.csv"
    run = gnomon(*TABLE, "--out", str(out), "--jobs", "2", "--wa-json", str(tmp_path / "wa.json"))
    assert run.status == 0, run.err
    rows = list(csv.DictReader(out.open()))
    assert [row["kind"] for row in rows] == ["fc", "fc", "conv"]
    for row in rows:
        assert row["mode"] == "composed" and row["tool"].startswith("yosys ")
        assert all(float(row[name]) >= 0 for name in ("lut", "ff", "dsp", "bram")) and 1 <= int(row["ii"]) <= int(row["cycles"])
        network = json.loads(row["network"])
        assert len(network["layers"]) == len(row["layers"].split(";")) == int(row["layer_count"])
        multipliers = 0
        for layer in row["layers"].split(";"):
            fields = layer.split(":")
            assert len(fields) == 15
            n_in, n_out, reuse = (int(v) for v in fields[1:4])
            if n_in:
                assert n_in * n_out % reuse == 0
                multipliers += n_in * n_out // reuse
        assert multipliers == int(row["multipliers"])
    # Cut in the middle of a row, as a kill leaves it; one job instead of two.
    text = out.read_bytes()
    for cut in (len(text) - 40, text.index(b"\n") + 1, 10):
        out.write_bytes(text[:cut] if cut > 10 else b"")
        assert gnomon(*TABLE, "--out", str(out), "--jobs", "1").status == 0
        assert out.read_bytes() == text
    # Killed somewhere, compressed.
    packed = tmp_path / "layers.csv.gz"
    child = subprocess.Popen([str(BUILD / "bin" / "gnomon"), *TABLE, "--out", str(packed)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert gnomon(*TABLE, "--out", str(packed)).status == 0
    assert gzip.decompress(packed.read_bytes()) == text
    # Another seed does not go on with it.
    other = gnomon("dataset", "layers", "--count", "2", "--conv", "1", "--cosim", "0", "--seed", "6", "--out", str(out))
    assert other.status == 3 and "seed 6" in other.err

    records = json.loads((tmp_path / "wa.json").read_text())
    assert len(records) == 3
    for record, row in zip(records, rows):
        assert list(record) == ["meta_data", "model_config", "hls_config", "resource_report", "hls_resource_report", "latency_report", "target_part", "vivado_version", "hls4ml_version"]
        assert record["resource_report"] == {"bram": row["bram"], "dsp": row["dsp"], "ff": row["ff"], "lut": row["lut"], "uram": "0"}
        assert record["latency_report"]["cycles_min"] == row["cycles"] and record["latency_report"]["interval_max"] == row["ii"]
        assert record["hls_config"]["Model"]["Precision"] == f"ap_fixed<{row['precision_bits']},1>"
        for layer in record["model_config"]:
            assert {"class_name", "input_shape", "output_shape", "parameters"} <= set(layer)
            assert layer["class_name"] in ("Dense", "Conv1D", "Conv2D", "Flatten", "MaxPooling1D", "MaxPooling2D")


def test_bad_networks_are_refused_with_their_place(tmp_path: Path) -> None:
    good = json.loads((ROOT / "examples/networks/jet_tagger.json").read_text())
    file = tmp_path / "network.json"
    for change, pointer, words in [
        ({"precision_bits": 33}, "/precision_bits", "32"),
        ({"layers": [{"type": "dense", "size": 8, "precision": {"weight": "ap_fixd<8,1>"}}]}, "/layers/0/precision/weight", "ap_fixed"),
        ({"layers": [{"type": "dense", "size": 8, "activation": "reul"}]}, "/layers/0/activation", "relu"),
        ({"layers": [{"type": "dense", "size": 8, "activation": "softmax"}, {"type": "dense", "size": 4}]}, "/layers/0/activation", "last"),
        ({"layers": [{"type": "conv2d", "size": 8, "kernel": 3}]}, "/layers/0/kernel", "window"),
        ({"layers": [{"type": "dense", "size": 8, "reuse_factor": 7}]}, "/layers/0/reuse_factor", "8"),
        ({"layers": [{"type": "dense", "size": 8, "residual": True}]}, "/layers/0/residual", "as many neurons"),
    ]:
        file.write_text(json.dumps(good | change))
        run = gnomon("hls", "--kernel", str(file), "--out", str(tmp_path / "out"))
        assert run.status in (3, 4) and pointer in run.err and words in run.err, run.err


@needs_verilator
def test_examples_run_in_rtl(tmp_path: Path) -> None:
    names = sorted((ROOT / "examples/networks").glob("*.json")) if os.environ.get("GNOMON_LONG") else [ROOT / "examples/networks/dense_shared.json"]
    for name in names:
        run = gnomon("cosim", "--kernel", str(name), "--stall", "0.3", "--json")
        assert run.status == 0, run.err
        result = json.loads(run.out)
        assert result["outputs_match"] and result["cycle_difference"] == 0
        run = gnomon("hls", "--kernel", str(name), "--out", str(tmp_path / name.stem), "--json")
        assert run.status == 0 and json.loads(run.out)["ii"] >= 1
        assert {Path(file).name for file in json.loads(run.out)["files"]} == {"network.sv", "network.cpp", "network.json"}


@needs_yosys
@needs_verilator
def test_the_share_that_runs_in_rtl_is_filled_in_later(tmp_path: Path) -> None:
    out, share = tmp_path / "layers.csv", tmp_path / "layers.csv.cosim.csv"
    assert gnomon(*TABLE, "--out", str(out)).status == 0
    before = out.read_text()
    command = [word if word != "0" else "0.4" for word in TABLE]
    run = gnomon(*command, "--out", str(out))
    assert run.status == 0 and "1 co-simulated" in run.out, run.err
    rows, old = list(csv.DictReader(out.open())), list(csv.DictReader(before.splitlines()))
    assert [row["cosimulated"] for row in rows].count("1") == 1
    assert [row | {"cosimulated": "0"} for row in rows] == old
    # What was run is not run again, and a table is the same from nothing.
    after, lines = out.read_text(), share.read_text()
    again = gnomon(*command, "--out", str(out))
    assert again.status == 0 and "of 1" not in again.err
    assert out.read_text() == after and share.read_text() == lines
    # Cycles that are not the network's own are refused.
    one = next(row for row in rows if row["cosimulated"] == "1")
    out.write_text(after.replace(f",{one['cycles']},{one['ii']},xcup,", f",{int(one['cycles']) + 1},{one['ii']},xcup,"))
    refused = gnomon(*command, "--out", str(out))
    assert refused.status != 0 and f"row {one['row']}: the table has {int(one['cycles']) + 1} cycles" in refused.err


@needs_yosys
@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "examples/networks").glob("*.json")))
def test_yosys_check_is_clean(tmp_path: Path, name: str) -> None:
    """No driver conflict, no loop of gates, nothing undriven in the RTL of the shipped networks."""
    assert gnomon("hls", "--kernel", ROOT / f"examples/networks/{name}.json", "--out", tmp_path / "out").status == 0
    (rtl,) = (tmp_path / "out").rglob("*.sv")
    done = subprocess.run(["yosys", "-q", "-p", f"read_verilog -sv {rtl}; hierarchy -check -auto-top; proc; opt; check -assert"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
