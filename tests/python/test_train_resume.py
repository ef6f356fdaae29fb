"""`gnomon surrogate train` killed at a seeded point and started again ends with the same bytes; pieces that are damaged or of another training are passed over."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BUILD, gnomon

SEED = 7


def table(path: Path, shift: float = 0.0) -> Path:
    rng = random.Random(SEED)
    lines = ["group,a,b,y,z"]
    for i in range(260):
        a, b = rng.uniform(1, 64), rng.uniform(1, 64)
        lines.append(f"{i % 40},{a:.6g},{b:.6g},{a * b + 30 * rng.random() + shift:.6g},{a / b + 1:.6g}")
    path.write_text("\n".join(lines) + "\n")
    return path


def order(data: Path, out: Path, family: str) -> list[str]:
    return ["surrogate", "train", "--data", str(data), "--targets", "y,z", "--group", "group", "--family", family, "--out", str(out)]


@pytest.mark.parametrize("family", ["ensemble", "auto"])
def test_killed_and_taken_up(tmp_path: Path, family: str) -> None:
    data, whole, cut = table(tmp_path / "t.csv"), tmp_path / "whole.gnomon", tmp_path / "cut.gnomon"
    pieces = tmp_path / "cut.gnomon.checkpoints"
    assert gnomon(*order(data, whole, family)).status == 0
    assert not (tmp_path / "whole.gnomon.checkpoints").exists()
    point = random.Random(SEED).randint(3, 9)
    print("seed", SEED, "killed after", point, "pieces")
    process = subprocess.Popen([str(BUILD / "bin" / "gnomon"), *order(data, cut, family)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and (not pieces.exists() or len(list(pieces.glob("*.piece"))) < point):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not cut.exists(), "the training was done before it could be killed"
    kept = sorted(pieces.glob("*.piece"))
    assert len(kept) >= point
    # One of them is damaged in a byte; one is cut short.
    spoilt = bytearray(kept[0].read_bytes())
    spoilt[-1] ^= 1
    kept[0].write_bytes(bytes(spoilt))
    kept[1].write_bytes(kept[1].read_bytes()[:20])
    again = gnomon(*order(data, cut, family))
    assert again.status == 0, again.err
    assert "is damaged" in again.err and "is no piece of a training" in again.err and "finished pieces of an earlier run were taken over" in again.err
    assert cut.read_bytes() == whole.read_bytes()
    assert not pieces.exists()


def test_pieces_of_another_training(tmp_path: Path) -> None:
    """Other labels: nothing is taken over, and the model is that of its own labels."""
    data, other = table(tmp_path / "t.csv"), table(tmp_path / "u.csv", 5.0)
    out, fresh = tmp_path / "m.gnomon", tmp_path / "fresh.gnomon"
    pieces = tmp_path / "m.gnomon.checkpoints"
    process = subprocess.Popen([str(BUILD / "bin" / "gnomon"), *order(data, out, "ensemble")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and (not pieces.exists() or len(list(pieces.glob("*.piece"))) < 3):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists(), "the training was done before it could be killed"
    again = gnomon(*order(other, out, "ensemble"))
    assert again.status == 0 and "pieces of another training" in again.err and "taken over;" not in again.err, again.err
    assert gnomon(*order(other, fresh, "ensemble")).status == 0
    assert out.read_bytes() == fresh.read_bytes()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    data, out = table(tmp_path / "t.csv"), tmp_path / "m.gnomon"
    (tmp_path / "m.gnomon.checkpoints").write_text("a file is in the way\n")
    run = gnomon(*order(data, out, "ensemble"))
    assert run.status == 0 and "cannot be taken up" in run.err, run.err
    assert os.path.getsize(out) > 0
