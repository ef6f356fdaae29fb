"""The fidelity `surrogate` of memories and kernels: learned from a campaign's own results, or read from a model file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from conftest import ROOT, gnomon, write_json


def memory(**changes: Any) -> dict[str, Any]:
    return {"version": 1, "name": "m", "subject": "memory", "workloads": [{"model": "trace:cloud-1"}], "design": "ddr3-1600",
            "space": {"controller.page_policy": {"categorical": ["open", "closed"]},
                      "controller.scheduler": {"categorical": ["fifo", "frfcfs"]},
                      "controller.request_buffer_size": {"int": [1, 8]},
                      "controller.max_active_transactions": {"int": [1, 128], "step": "pow2"}},
            "objectives": [{"metric": "total_time_us", "goal": "min"}, {"metric": "power_mw", "goal": "min"}],
            "constraints": [{"metric": "refresh_missing", "max": 0}],
            "agent": {"name": "random", "batch": 16}, "budget": {"evaluations": 48},
            "fidelity": {"ladder": ["surrogate", "cycle"], "promote": 0.25}, "seed": 2} | changes


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_memory_campaign_learns_and_sends_fewer_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = gnomon("run", write_json(tmp_path / "c.json", memory()), "--out", out, "--jobs", 1, "--json")
    assert run.status == 0, run.err
    rows = trials(out)
    assert all(row["state"] == "done" for row in rows)
    # Two batches of which nothing is known are simulated whole (24 rows are needed); of the others a quarter goes on.
    assert [row["fidelity"] for row in rows[:32]] == ["cycle"] * 32
    later = [row["fidelity"] for row in rows[32:]]
    assert sum(f == "cycle" for f in later) == 16 and len(later) == 64
    # What went on is better by what the simulation says: the median time of those against the first two batches, drawn at random.
    def median(of: list[dict[str, str]]) -> float:
        return sorted(float(row["total_time_us"]) for row in of)[len(of) // 2]
    assert median([row for row in rows[32:] if row["fidelity"] == "cycle"]) < median(rows[:32])
    again = tmp_path / "again"
    assert gnomon("run", tmp_path / "c.json", "--out", again, "--jobs", 2).status == 0
    assert (again / "trials.csv").read_bytes() == (out / "trials.csv").read_bytes()


def test_a_model_of_a_campaign_answers_for_its_parameters(tmp_path: Path) -> None:
    first = tmp_path / "first"
    assert gnomon("run", write_json(tmp_path / "c.json", memory(fidelity="cycle", budget={"evaluations": 100})), "--out", first).status == 0
    model = tmp_path / "m.gnomon"
    trained = gnomon("surrogate", "train", "--data", first, "--targets", "total_time_us,power_mw,refresh_missing", "--family", "ensemble", "--out", model)
    assert trained.status == 0, trained.err
    alone = memory(fidelity="surrogate", surrogate_model=str(model), budget={"evaluations": 100})
    run = gnomon("run", write_json(tmp_path / "s.json", alone), "--out", tmp_path / "second")
    assert run.status == 0, run.err
    # The same seed draws the same designs, which the model has learned: predictions follow the simulated figures.
    truth = [float(row["total_time_us"]) for row in trials(first)]
    said = [float(row["total_time_us"]) for row in trials(tmp_path / "second")]
    mean = sum(truth) / len(truth)
    assert sum((a - b) ** 2 for a, b in zip(truth, said)) < 0.2 * sum((a - mean) ** 2 for a in truth)
    assert {row["fidelity"] for row in trials(tmp_path / "second")} == {"surrogate"}
    # A parameter that the model does not know, and one that it lacks.
    other = alone | {"space": {"controller.page_policy": {"categorical": ["open", "closed"]}}}
    lacking = gnomon("run", write_json(tmp_path / "o.json", other), "--out", tmp_path / "third")
    assert lacking.status != 0 and "is no parameter of this campaign" in lacking.err


def test_designs_outside_a_model_are_simulated(tmp_path: Path) -> None:
    """A model that saw buffers of up to four requests is asked about eight: what it does not know is simulated, alone and on a ladder."""
    narrow = memory()["space"] | {"controller.request_buffer_size": {"int": [1, 4]}}
    first = tmp_path / "first"
    assert gnomon("run", write_json(tmp_path / "c.json", memory(fidelity="cycle", space=narrow, budget={"evaluations": 80})), "--out", first).status == 0
    model = tmp_path / "m.gnomon"
    trained = gnomon("surrogate", "train", "--data", first, "--targets", "total_time_us,power_mw,refresh_missing", "--family", "ensemble", "--out", model)
    assert trained.status == 0, trained.err

    def wide(row: dict[str, str]) -> bool:
        return int(row["controller.request_buffer_size"]) > 4

    # Simulation's own figures of the same designs: a random agent draws them alike.
    truth = tmp_path / "truth"
    assert gnomon("run", write_json(tmp_path / "t.json", memory(fidelity="cycle")), "--out", truth).status == 0
    alone = write_json(tmp_path / "s.json", memory(fidelity="surrogate", surrogate_model=str(model)))
    run = gnomon("run", alone, "--out", tmp_path / "one", "--jobs", 1, "--json")
    assert run.status == 0, run.err
    rows, simulated = trials(tmp_path / "one"), trials(truth)
    assert len(rows) == 48 and any(map(wide, rows)) and not all(map(wide, rows))
    for row, true in zip(rows, simulated, strict=True):
        assert row["fidelity"] == ("cycle" if wide(row) else "surrogate")
        if wide(row):
            assert row["total_time_us"] == true["total_time_us"] and row["power_mw"] == true["power_mw"]
    count = sum(map(wide, rows))
    assert json.loads(run.out)["evaluations_by_fidelity"] == {"surrogate": 48, "cycle": count}
    assert f"{count} of 48 designs lie outside what the surrogate learned and were simulated (cycle)" in run.err
    # With other workers, and in two sessions of which the first ends within a batch.
    two = tmp_path / "two"
    assert gnomon("run", write_json(tmp_path / "part.json", memory(fidelity="surrogate", surrogate_model=str(model), budget={"evaluations": 21})), "--out", two, "--jobs", 2).status == 0
    assert len([row for row in trials(two) if row["state"] == "done"]) == 21
    assert gnomon("run", alone, "--out", two, "--jobs", 2).status == 0
    assert (two / "trials.csv").read_bytes() == (tmp_path / "one" / "trials.csv").read_bytes()
    # A ladder sends them on beside its best.
    out = tmp_path / "ladder"
    assert gnomon("run", write_json(tmp_path / "l.json", memory(surrogate_model=str(model), budget={"evaluations": 20})), "--out", out).status == 0
    rows = [row for row in trials(out) if row["state"] == "done"]
    assert all(row["fidelity"] == "cycle" for row in rows if wide(row)) and any(row["fidelity"] == "surrogate" for row in rows)


def test_a_model_that_cannot_answer_is_refused_before_anything_runs(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(40)))
    model = tmp_path / "foreign.gnomon"
    assert gnomon("surrogate", "train", "--data", table, "--targets", "b", "--out", model).status == 0
    for changes in ({"fidelity": "surrogate"}, {}):
        run = gnomon("run", write_json(tmp_path / "c.json", memory(surrogate_model=str(model)) | changes), "--out", tmp_path / "out")
        assert run.status == 3 and "fidelity \"surrogate\"" in run.err and "is no parameter of this campaign" in run.err, run.err
        plan = gnomon("run", tmp_path / "c.json", "--dry-run")
        assert plan.status == 3 and "is no parameter of this campaign" in plan.err
    run = gnomon("run", write_json(tmp_path / "c.json", memory(fidelity="surrogate", surrogate_model="acelerator")), "--out", tmp_path / "out")
    assert run.status == 3 and "acelerator" in run.err and "accelerator" in run.err.replace("acelerator", ""), run.err


def test_a_shipped_model_by_its_name(tmp_path: Path) -> None:
    """The name and the file of the same model give the same campaign."""
    campaign = {"version": 1, "name": "n", "subject": "accelerator", "workloads": [{"model": "zoo:mobilenet_v1"}], "design": str(ROOT / "examples/designs/edge.json"),
                "space": {"cores.npu.array.rows": {"int": [8, 64], "step": "pow2"}, "cores.npu.array.cols": {"int": [8, 64], "step": "pow2"}},
                "objectives": [{"metric": "latency_s", "goal": "min"}, {"metric": "energy_pj", "goal": "min"}], "agent": {"name": "random", "batch": 4},
                "budget": {"evaluations": 8}, "fidelity": "surrogate", "seed": 1}  # fmt: skip
    texts = []
    for name in ("accelerator", str(ROOT / "surrogate/models/accelerator.gnomon")):
        out = tmp_path / Path(name).stem / str(len(texts))
        run = gnomon("run", write_json(tmp_path / "c.json", campaign | {"surrogate_model": name}), "--out", out)
        assert run.status == 0, run.err
        texts.append((out / "trials.csv").read_text())
    assert texts[0] == texts[1] and ",surrogate," in texts[0]


def test_what_it_cannot_know_is_refused(tmp_path: Path) -> None:
    run = gnomon("validate", write_json(tmp_path / "c.json", memory(fidelity="surrogate")))
    assert run.status == 3 and "/fidelity: surrogate alone needs a model file" in run.err
    run = gnomon("validate", write_json(tmp_path / "c.json", memory(fidelity="analytical")))
    assert run.status == 3 and "a memory has the fidelities surrogate and cycle" in run.err


def test_a_kernel_campaign_learns_its_metrics(tmp_path: Path) -> None:
    campaign = json.loads("\n".join(line for line in (ROOT / "examples/gemm-directives.json").read_text().splitlines() if not line.lstrip().startswith("//")))
    campaign |= {"design": str(ROOT / "examples/kernels/gemm.json"), "fidelity": {"ladder": ["surrogate", "cycle"], "promote": 0.25}, "budget": {"evaluations": 40},
                 "agent": {"name": "random", "batch": 16}}
    out = tmp_path / "out"
    run = gnomon("run", write_json(tmp_path / "c.json", campaign), "--out", out, "--jobs", 2)
    assert run.status == 0, run.err
    rows = trials(out)
    predicted = [row for row in rows if row["fidelity"] == "surrogate" and row["state"] == "done"]
    assert len(predicted) > 10 and all(float(row["latency_s"]) > 0 and float(row["register_bits"]) > 0 for row in predicted)
