"""`gnomon dataset`: traces written by the generator, and what is refused."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from conftest import ROOT, gnomon
from gnomon import Surrogate

# SHA-256 of the trace files with which the peer simulators were measured, made by an independent generator (splitmix64, seed 42).
PUBLISHED = {
    "seq": "a16286ea63b1be3618d9fbe4777752f1cd668cc983ce6d6460635029fa89f4fb",
    "rand": "56c183536dc212e8f465074aba0cf7d4f5b734d24e318fe257da6b41db818c52",
    "mix": "d64a76ebfc4fb28fe33aaf04a36a76277168a638f4bf5ee0b4e6770632123404",
}


def test_four_traces_are_shipped(tmp_path: Path) -> None:
    run = gnomon("dataset", "traces", "--out", str(tmp_path / "traces"), "--json")
    assert run.status == 0, run.err
    traces = json.loads(run.out)["traces"]
    assert [trace["pattern"] for trace in traces] == ["stream", "random", "cloud-1", "cloud-2"]
    for trace in traces:
        lines = Path(trace["file"]).read_text().splitlines()
        assert len(lines) == trace["accesses"] == 10_000
        # One read a cycle, inside a gigabyte.
        cycles = [int(line.split(":")[0]) for line in lines]
        assert cycles == list(range(10_000))
        assert all("\tread\t0x" in line for line in lines)
        assert max(int(line.split("0x")[1], 16) for line in lines) < 1 << 30


def test_published_traces_come_out_bit_by_bit(tmp_path: Path) -> None:
    run = gnomon("dataset", "traces", "--pattern", "seq,rand,mix", "--out", str(tmp_path))
    assert run.status == 0, run.err
    for name, digest in PUBLISHED.items():
        assert hashlib.sha256((tmp_path / f"{name}.csv").read_bytes()).hexdigest() == digest


def test_seed_count_and_format(tmp_path: Path) -> None:
    def make(folder: str, *more: str) -> bytes:
        run = gnomon("dataset", "traces", "--pattern", "rand", "--count", "500", "--format", "stl", "--out", str(tmp_path / folder), *more)
        assert run.status == 0, run.err
        return (tmp_path / folder / "rand.stl").read_bytes()

    assert make("a") == make("b") != make("c", "--seed", "7")
    assert make("a").count(b"\n") == 500


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("traces", "--pattern", "two-stream", "--out", "x"), 3, 'did you mean "two-streams"'),
        (("traces", "--bytes", "1000000", "--out", "x"), 3, "powers of two"),
        (("traces",), 2, "--out"),
        ((), 2, "subcommand"),
    ],
)
def test_wrong_calls(tmp_path: Path, arguments: tuple[str, ...], status: int, message: str) -> None:
    run = gnomon("dataset", *arguments, cwd=tmp_path)
    assert run.status == status
    assert message in run.err
    assert not (tmp_path / "x").exists()


def test_parts_and_wholes(tmp_path: Path) -> None:
    """A row for either core, taken up where a run was cut off; the part costs about what it was allowed to."""
    table = tmp_path / "parts.csv"
    order = ("dataset", "parts", "--out", table, "--count", "2", "--networks", "zoo:mbnet")
    assert gnomon(*order).status == 0
    first = table.read_bytes()
    rows = list(csv.DictReader(first.decode().splitlines()))
    assert len(rows) == 4
    for row in rows:
        assert 0 < float(row["throughput"]) <= 1
        assert 0 < float(row["part_share"]) < 0.15
        # The analytical model knows no other core.
        assert float(row["analytical_throughput"]) >= 0.95 * float(row["throughput"])
    table.write_bytes(first[: first.rindex(b"\n", 0, len(first) - 1) + 20])
    assert gnomon(*order).status == 0
    assert table.read_bytes() == first
    assert gnomon("dataset", "parts", "--out", table, "--count", "2", "--seed", "2").status == 3


def test_points_of_a_table_of_controllers(tmp_path: Path) -> None:
    """Distinct designs of the table, the same for the same seed; without refresh nothing is owed; energy = power x time."""
    table, out = ROOT / "search/tables/dram-stream.table", tmp_path / "points.csv"
    order = ("dataset", "memory-points", "--table", table, "--count", "500", "--out", out)
    assert gnomon(*order).status == 0
    first = out.read_bytes()
    rows = [{key.split(" [")[0]: value for key, value in row.items()} for row in csv.DictReader(first.decode().splitlines())]
    assert len(rows) == 500
    parameters = ["page_policy", "scheduler", "buffer", "request_buffer_size", "response_queue", "refresh", "refresh_max_postponed", "refresh_max_pulled_in"]
    assert len({tuple(row[name] for name in [*parameters, "arbiter", "max_active_transactions"]) for row in rows}) == 500
    for row in rows:
        assert float(row["energy_uj"]) == pytest.approx(float(row["power_mw"]) * float(row["total_time_us"]) * 1e-3, rel=1e-9)
        if row["refresh"] == "none":
            assert row["owed_refreshes"] == row["early_refreshes"] == "0"
    assert gnomon(*order).status == 0 and out.read_bytes() == first
    assert gnomon("dataset", "memory-points", "--table", table, "--count", "1769473", "--out", out).status == 3


def test_rows_to_label_next(tmp_path: Path) -> None:
    """Distinct candidates, the same for the same seed, best first, as numbers and as a table."""
    table, model, chosen = tmp_path / "points.csv", tmp_path / "m.gnomon", tmp_path / "next.csv"
    source = ROOT / "search/tables/dram-stream.table"
    assert gnomon("dataset", "memory-points", "--table", source, "--count", "80", "--out", table).status == 0
    train = gnomon("surrogate", "train", "--data", table, "--targets", "total_time_us", "--ignore", "energy_uj,power_mw,read_latency_cycles,refresh_missing", "--out", model)
    assert train.status == 0, train.err
    order = ("surrogate", "suggest", "--model", model, "--data", table, "--count", "7", "--out", chosen, "--json")
    run = gnomon(*order)
    assert run.status == 0, run.err
    rows = run.json()["rows"]
    assert len(set(rows)) == 7 and all(0 <= row < 80 for row in rows)
    lines = table.read_text().splitlines()
    assert chosen.read_text().splitlines()[1:] == [lines[1 + row] for row in rows]
    assert gnomon(*order).json()["rows"] == rows
    assert gnomon(*order[:7], "81").status == 3
