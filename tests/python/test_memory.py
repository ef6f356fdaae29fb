"""Memories by themselves: `gnomon memory`, campaigns over controllers, and the table of every controller."""

import csv
import json
import random
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from conftest import BUILD, ROOT, gnomon, write_json

FIELDS = [
    "cycles", "reads", "writes", "bandwidth_gb_s", "row_hits", "row_misses", "activates", "refreshes", "mean_read_latency_cycles", "energy_pj", "power_mw",
]


def example(name: str) -> dict[str, Any]:
    return json.loads(re.sub(r"^\s*//.*$", "", (ROOT / "examples" / f"{name}.json").read_text(), flags=re.M))


def trace_file(path: Path, count: int, seed: int = 7) -> Path:
    draw = random.Random(seed)
    path.write_text("".join(f"{i},{'W' if draw.random() < 0.3 else 'R'},{hex(draw.randrange(1 << 24) * 64)}\n" for i in range(count)))
    return path


def test_document_of_a_trace(tmp_path: Path) -> None:
    run = gnomon("memory", "--memory", "ddr4-2400", "--trace", trace_file(tmp_path / "t.csv", 5000), "--json")
    assert run.status == 0, run.err
    d = run.json()
    assert all(field in d for field in FIELDS)
    assert d["reads"] + d["writes"] == 5000 == d["row_hits"] + d["row_misses"]
    # Bytes over time: bursts of 64 bytes, clocks of 833 ps.
    assert d["bandwidth_gb_s"] == pytest.approx(5000 * 64 / (d["cycles"] * 833e-12) / 1e9, rel=1e-9)
    assert d["bandwidth_gb_s"] <= d["peak_bandwidth_gb_s"]
    assert d["energy_pj"] == pytest.approx(sum(d["energy_breakdown_pj"].values()), rel=1e-9)
    # E = P t.
    assert d["energy_pj"] == pytest.approx(d["power_mw"] * d["cycles"] * 833 * 1e-3, rel=1e-9)
    assert sum(bank["activates"] for bank in d["banks"]) == d["activates"]
    assert sum(rank["refreshes"] for rank in d["ranks"]) == d["refreshes"]
    assert all(sum(rank["cycles"].values()) == d["cycles"] for rank in d["ranks"])
    latency = d["read_latency_cycles"]
    assert latency["min"] <= latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    text = gnomon("memory", "--memory", "ddr4-2400", "--trace", tmp_path / "t.csv")
    assert text.status == 0 and "row hits" in text.out and "GB/s" in text.out


def test_energies_are_null_without_currents(tmp_path: Path) -> None:
    d = gnomon("memory", "--memory", "hbm2-2000", "--trace", trace_file(tmp_path / "t.csv", 200), "--json").json()
    assert d["energy_pj"] is None and d["power_mw"] is None and d["cycles"] > 0


def test_a_log_is_written_on_demand(tmp_path: Path) -> None:
    log = tmp_path / "commands.log"
    run = gnomon("memory", "--memory", "ddr3-1600", "--trace", trace_file(tmp_path / "t.csv", 300), "--log", log, "--json")
    assert run.status == 0, run.err
    data = log.read_bytes()
    assert data[:8] == b"GNMDRAM1"
    records = (len(data) - 16 - int.from_bytes(data[12:16], "little")) // 24
    d = run.json()
    assert records >= d["reads"] + d["writes"] + d["activates"] + d["refreshes"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timing": {"tRAS": 60}}, "tRC"),
        ({"banks_per_group": 0}, "/banks_per_group"),
        ({"standard": "ddr6"}, "ddr5"),
        ({"address_mapping": "row-bank-column"}, "bankgroup"),
        ({"controller": {"schedular": "fifo"}}, 'did you mean "scheduler"'),
        ({"controller": {"refresh": "same_bank"}}, "/controller/refresh"),
    ],
)
def test_bad_memory_files_say_what_and_where(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    memory = json.loads((ROOT / "arch" / "memories" / "ddr4-2400.json").read_text())
    for key, value in change.items():
        if isinstance(value, dict):
            memory.setdefault(key, {}).update(value)
        else:
            memory[key] = value
    file = write_json(tmp_path / "bad.json", memory)
    for run in (gnomon("memory", "--memory", file, "--trace", "trace:stream"), gnomon("validate", file)):
        assert run.status == 3, run.out
        assert str(file) in run.err and message in run.err, run.err


@pytest.mark.parametrize(
    ("content", "message"),
    [("0,R,0x0\n1,X,0x40\n", "line 2"), ("0,R,0x0\n1,R\n", "line 2"), ("0,R,0xffffffffffff\n", "line 1"), ("", "t.csv"), ("\x00\x01\x02", "line 1")],
)
def test_bad_traces_say_where(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    run = gnomon("memory", "--memory", "ddr4-2400", "--trace", tmp_path / "t.csv")
    assert run.status == 3 and message in run.err, run.err
    assert run.out == ""


def test_unknown_names_get_the_nearest(tmp_path: Path) -> None:
    assert 'did you mean "ddr4-2400"' in gnomon("memory", "--memory", "ddr4-2401", "--trace", "trace:stream").err
    assert gnomon("memory", "--memory", "ddr4-2400", "--trace", "trace:strem").status == 3
    assert gnomon("memory", "--memory", "ddr4-2400", "--trace", tmp_path / "none.csv").status == 3


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_controllers_of_a_trace_are_searched(tmp_path: Path) -> None:
    campaign = example("dram-controller")
    campaign["budget"] = {"evaluations": 48}
    file = write_json(tmp_path / "c.json", campaign)
    one = gnomon("run", file, "--out", tmp_path / "one", "--jobs", "1", "--json")
    four = gnomon("run", file, "--out", tmp_path / "four", "--jobs", "4", "--json")
    assert one.status == four.status == 0, one.err
    assert (tmp_path / "one" / "trials.csv").read_bytes() == (tmp_path / "four" / "trials.csv").read_bytes()
    # Retention is a limit: no design on the front goes without refresh.
    assert all(design["parameters"]["controller.refresh"] == "all_bank" for design in one.json()["pareto"])
    del campaign["constraints"]
    free = gnomon("run", write_json(tmp_path / "free.json", campaign), "--out", tmp_path / "free", "--json")
    assert free.status == 0 and free.json()["feasible"] == 48


def test_mistakes_in_a_memory_campaign(tmp_path: Path) -> None:
    campaign = example("dram-controller")
    campaign["space"]["controller.page_polcy"] = {"categorical": ["open", "closed"]}
    campaign["space"]["controller.scheduler"]["categorical"].append("fr-fcfs")
    campaign["objectives"][0]["metric"] = "area_um2"
    campaign["fidelity"] = "rtl"
    run = gnomon("validate", write_json(tmp_path / "c.json", campaign))
    assert run.status == 3
    assert "fr-fcfs" in run.err and "area_um2" in run.err and "/fidelity" in run.err, run.err


def test_accelerators_own_traffic(tmp_path: Path, edge: dict[str, Any]) -> None:
    campaign = example("edge-dram")
    edge["memory"] = {"type": "ddr4-2400"}
    edge.pop("interconnect", None)
    campaign.update(design=edge, budget={"evaluations": 8}, workloads=[{"model": str(ROOT / "examples" / "workloads" / "mlp.csv")}])
    run = gnomon("run", write_json(tmp_path / "c.json", campaign), "--out", tmp_path / "out", "--json")
    assert run.status == 0, run.err
    rows = trials(tmp_path / "out")
    assert len({row["latency_s"] for row in rows}) > 1
    assert all(float(row["dram_row_hits"]) + float(row["dram_row_misses"]) > 0 for row in rows)
    assert "memory and contention" in (tmp_path / "out" / "report.html").read_text()


def space(trace: Path, out: Path, *more: object) -> list[str]:
    return ["dataset", "memory-space", "--trace", str(trace), "--out", str(out), "--check", "20", *map(str, more)]


def test_whole_space_does_not_depend_on_jobs_or_kills(tmp_path: Path) -> None:
    trace = trace_file(tmp_path / "t.csv", 900)
    whole = gnomon(*space(trace, tmp_path / "whole.table", "--jobs", 1), "--json")
    assert whole.status == 0, whole.err
    d = whole.json()
    assert d["points"] == 1_769_472 and d["simulations"] == d["records"] < 200_000
    assert all(rule["checked"] == min(20, rule["folded"]) for rule in d["rules"])
    assert sum(rule["folded"] > 0 for rule in d["rules"]) >= 6
    # Refresh costs time: without retention the best is at least as good.
    assert d["without_retention"]["least_time"]["total_time_us"] <= d["with_retention"]["least_time"]["total_time_us"]
    assert d["with_retention"]["least_time"]["refresh_missing"] == 0

    out = tmp_path / "killed.table"
    kills = 0
    for _ in range(40):
        child = subprocess.Popen([str(BUILD / "bin" / "gnomon"), *space(trace, out, "--jobs", 2)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        partial = Path(str(out) + ".partial")
        size = partial.stat().st_size if partial.exists() else 0
        deadline = time.monotonic() + 60
        while child.poll() is None and time.monotonic() < deadline and (not partial.exists() or partial.stat().st_size <= size):
            time.sleep(0.002)
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            kills += 1
        child.wait()
        if out.exists() or kills == 4:
            break
    assert kills >= 1
    rest = gnomon(*space(trace, out, "--jobs", 2), "--json")
    assert rest.status == 0, rest.err
    assert rest.json()["resumed"] > 0 and not Path(str(out) + ".partial").exists()
    assert out.read_bytes() == (tmp_path / "whole.table").read_bytes()


def test_parts_of_another_trace_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "x.table"
    Path(str(out) + ".partial").write_text('{"memory_space":1}\n')
    run = gnomon(*space(trace_file(tmp_path / "t.csv", 20), out))
    assert run.status == 3 and "partial" in run.err


# Truth: the model itself. The same agent and seed ask for the same designs, once simulated and once looked up.
@pytest.mark.parametrize("trace", ["stream", "random", "cloud-1", "cloud-2"])
def test_committed_tables_are_what_the_model_says(tmp_path: Path, trace: str) -> None:
    campaign = example("dram-controller")
    campaign.update(workloads=[{"model": f"trace:{trace}"}], agent={"name": "random", "batch": 8}, budget={"evaluations": 40}, constraints=[])
    looked_up = {key: value for key, value in campaign.items() if key not in ("workloads", "design", "fidelity")}
    looked_up.update(subject="problem", problem=f"dram-{trace}", fidelity="analytical")
    for name, what in (("simulated", campaign), ("table", looked_up)):
        run = gnomon("run", write_json(tmp_path / f"{name}.json", what), "--out", tmp_path / name)
        assert run.status == 0, run.err
    simulated, table = trials(tmp_path / "simulated"), trials(tmp_path / "table")
    assert len(simulated) == len(table) == 40
    for a, b in zip(simulated, table):
        assert all(a[key] == b[key] for key in a if key.startswith("controller."))
        for metric in ("total_time_us", "energy_pj", "power_mw", "refresh_missing", "mean_read_latency_cycles"):
            assert float(b[metric]) == pytest.approx(float(a[metric]), rel=1e-8), metric
