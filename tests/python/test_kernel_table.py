"""`gnomon dataset kernels`: the same rows whatever interrupts; resources and cycles are those of `hls` and `synth` on the row's kernel."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from conftest import ROOT, gnomon

needs_yosys = pytest.mark.skipif(shutil.which("yosys") is None, reason="yosys is not installed")
needs_verilator = pytest.mark.skipif(shutil.which("verilator") is None, reason="Verilator is not installed")
TABLE = ["dataset", "kernels", "--seed", "5"]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_follow_from_the_seed_and_are_taken_up(tmp_path: Path) -> None:
    out = tmp_path / "kernels.csv"
    arguments = [*TABLE, "--count", "24", "--target", "none", "--cosim", "0", "--out", str(out)]
    run = gnomon(*arguments, "--json")
    assert run.status == 0, run.err
    document = json.loads(run.out)
    assert document["rows"] == 24 and document["cosimulated"] == 0 and document["without_resources"] == 24
    rows = read(out)
    assert [int(row["row"]) for row in rows] == list(range(24))
    for row in rows:
        kernel = json.loads(row["kernel"])
        assert int(row["processes"]) == len(kernel.get("processes", [0])) and int(row["ii"]) >= 1
        assert 1 <= int(row["latency_cycles"]) <= int(row["total_cycles"]) and int(row["depth_cycles"]) >= 1
        assert int(row["op_store"]) + int(row["op_scatter"]) + int(row["op_write"]) >= 1
        assert row["lut"] == row["tool"] == row["mode"] == "" and row["cosimulated"] == "0"
    assert len({row["kernel"] for row in rows}) == 24
    text = out.read_bytes()
    lines = [0, *(i + 1 for i, byte in enumerate(text) if byte == 10)]
    for cut in (lines[8] + 30, lines[21], lines[1], 10):  # as a kill leaves it: in a row, behind one, behind the header, in the header
        out.write_bytes(text[:cut] if cut > 10 else b"")
        assert gnomon(*arguments, "--jobs", "1").status == 0
        assert out.read_bytes() == text
    # A longer table begins with the same rows.
    assert gnomon(*TABLE, "--count", "30", "--target", "none", "--cosim", "0", "--out", str(out)).status == 0
    assert out.read_bytes().startswith(text) and len(read(out)) == 30
    other = gnomon("dataset", "kernels", "--seed", "6", "--count", "30", "--target", "none", "--out", str(out))
    assert other.status == 3 and "seed 6" in other.err


def test_given_kernels_and_what_they_are_made_of(tmp_path: Path) -> None:
    """Truth: the kernels as written. Four products of bytes a cycle and a tensor of 256 words in `gemm`; 16 taps in `fir`, a product each."""
    out = tmp_path / "kernels.csv"
    arguments = [*TABLE, "--count", "6", "--target", "none", "--cosim", "0", "--out", str(out), "--of", *(str(ROOT / f"examples/kernels/{name}.json") for name in ("gemm", "fir"))]
    assert gnomon(*arguments).status == 0
    rows = read(out)
    assert [row["name"] for row in rows] == ["gemm", "fir"] * 3
    gemm, fir = rows[:2]
    assert (gemm["dsp_blocks"], gemm["ram_blocks"], gemm["file_bits"]) == ("4", "0.5", "32")
    assert (fir["dsp_blocks"], fir["ram_blocks"], fir["narrow_product_bits"]) == ("16", "0", "0")
    for row in rows:  # the kernel with its directives, and what the compiler says of it
        (tmp_path / "kernel.json").write_text(row["kernel"])
        compiled = json.loads(gnomon("hls", "--kernel", str(tmp_path / "kernel.json"), "--out", str(tmp_path / "hls"), "--json").out)
        assert float(row["register_bits"]) == compiled["registers"]["bits"] and float(row["ii"]) == compiled["ii"]
    assert len({row["directives"] for row in rows}) > 2
    text = out.read_bytes()
    out.write_bytes(text[: len(text) // 2])
    assert gnomon(*arguments).status == 0 and out.read_bytes() == text
    other = gnomon(*arguments[:-2], str(ROOT / "examples/kernels/atax.json"))
    assert other.status == 3 and 'kernel "atax"' in other.err


@needs_yosys
@needs_verilator
def test_labels_are_those_of_the_other_commands(tmp_path: Path) -> None:
    out = tmp_path / "kernels.csv"
    run = gnomon(*TABLE, "--count", "2", "--cosim", "1", "--out", str(out))
    assert run.status == 0, run.err
    for row in read(out):
        assert row["cosimulated"] == "1" and row["mode"] == "flat" and row["tool"].startswith("yosys ")
        kernel = tmp_path / "kernel.json"
        kernel.write_text(row["kernel"])
        run = gnomon("hls", "--kernel", str(kernel), "--out", str(tmp_path / "hls"), "--json")
        assert run.status == 0, run.err
        compiled = json.loads(run.out)
        assert all(int(row[name]) == compiled[name] for name in ("ii", "depth_cycles", "latency_cycles"))
        run = gnomon("synth", "--kernel", str(kernel), "--target", "xcup", "--flat", "--json")
        assert run.status == 0, run.err
        whole = json.loads(run.out)
        assert all(float(row[name]) == whole[name] for name in ("lut", "ff", "dsp", "bram"))


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    out = str(tmp_path / "kernels.csv")
    assert gnomon("dataset", "kernels", "--out", out, "--count", "0").status == 2
    assert gnomon("dataset", "kernels", "--out", out, "--target", "osu018").status == 2
    (tmp_path / "kernels.csv").write_text("a,b\n1,2\n")
    run = gnomon("dataset", "kernels", "--out", out, "--target", "none")
    assert run.status == 3 and "another table" in run.err
