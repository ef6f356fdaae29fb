"""The Python package against the contract of design.md section 6."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gnomon
from conftest import ROOT, gnomon as cli, write_json


def test_simulate_agrees_with_the_command_line(tmp_path: Path, edge: dict[str, Any]) -> None:
    result = gnomon.simulate(edge, "zoo:resnet18", fidelity="cycle")
    document = cli("simulate", "--arch", write_json(tmp_path / "d.json", edge), "--workload", "zoo:resnet18", "--json").json()
    assert result.total.to_dict() == document["total"]
    assert [layer.to_dict() for layer in result.layers] == document["layers"]
    frame = result.to_dataframe()
    assert len(frame) == len(result.layers) and frame["latency_cycles"].sum() == result.total.latency_cycles


def test_simulate_takes_paths_and_dictionaries(tmp_path: Path, edge: dict[str, Any]) -> None:
    (tmp_path / "gemm.csv").write_text("Layer,M,N,K,\nfc,64,32,128,\n")
    path = write_json(tmp_path / "d.json", edge)
    one = gnomon.simulate(path, tmp_path / "gemm.csv", fidelity="analytical")
    two = gnomon.simulate(edge, str(tmp_path / "gemm.csv"), fidelity="analytical", mapping=one.total.mapping)
    assert one.total.latency_cycles == two.total.latency_cycles
    assert one.total.macs == 64 * 32 * 128


def test_simulate_at_rtl_fidelity(tmp_path: Path, edge: dict[str, Any]) -> None:
    (tmp_path / "gemm.csv").write_text("Layer,M,N,K,\nfc,40,20,24,\n")
    result = gnomon.simulate(edge, tmp_path / "gemm.csv", fidelity="rtl")
    assert result.total.outputs_match is True
    assert result.total.latency_cycles == gnomon.simulate(edge, tmp_path / "gemm.csv", fidelity="cycle").total.latency_cycles
    edge["cores"][0]["array"]["dataflow"] = "rs"
    with pytest.raises(gnomon.UnsupportedError, match="rs"):
        gnomon.simulate(edge, tmp_path / "gemm.csv", fidelity="rtl")


def test_errors_are_of_one_family(edge: dict[str, Any]) -> None:
    edge["cores"][0]["array"]["dataflow"] = "wss"
    with pytest.raises(gnomon.InputError) as caught:
        gnomon.simulate(edge, "zoo:resnet18")
    assert isinstance(caught.value, gnomon.Error) and isinstance(caught.value, ValueError)
    assert caught.value.exit_code == 3
    assert caught.value.problems[0][1] == "/cores/0/array/dataflow"
    with pytest.raises(gnomon.InputError, match="no such file|No such file"):
        gnomon.simulate("nowhere.json", "zoo:resnet18")
    with pytest.raises(gnomon.UsageError):
        gnomon.simulate(str(ROOT / "examples/designs/edge.json"), "zoo:resnet18", fidelity="surrogate")
    with pytest.raises(gnomon.InputError, match="no such file"):
        gnomon.make_env("nowhere.json")


SPACE = {"rows": {"int": [8, 128], "step": "pow2"}, "dataflow": {"categorical": ["os", "ws", "is"]}, "clock": {"real": [200, 1200]}}


def cost(params: dict[str, Any]) -> tuple[float, float]:
    """Two objectives in conflict: speed against energy, both closed forms of the parameters."""
    factor = {"os": 1.0, "ws": 1.1, "is": 1.3}[params["dataflow"]]
    return factor * 1e6 / (params["rows"] * params["clock"]), factor * params["rows"] * (params["clock"] / 500) ** 2


@pytest.mark.parametrize("agent", ["random", "sobol", "nsga2", "bayes", "ppo", "ippo"])
def test_study_asks_and_is_told(agent: str) -> None:
    def run() -> gnomon.Study:
        study = gnomon.Study(SPACE, objectives=[("time", "min"), ("energy", "min")], constraints=[("energy", "max", 100.0)], agent=agent, seed=7)
        for _ in range(5):
            for trial in study.ask(4):
                time, energy = cost(trial.params)
                study.tell(trial, objectives=[time, energy], constraints=study.violations({"energy": energy}))
        return study

    study, again = run(), run()
    assert study.trials == again.trials
    assert len(study.trials) == 20
    assert len({str(trial.params) for trial in study.trials}) == 20
    front = study.pareto_front()
    feasible = [trial for trial in study.trials if trial.feasible]
    for trial in front:
        assert trial.objectives[1] <= 100
        assert not any(other.objectives[0] <= trial.objectives[0] and other.objectives[1] < trial.objectives[1] for other in feasible)
    best = study.best()
    assert best is not None and best.objectives[0] == min(trial.objectives[0] for trial in feasible)
    assert study.hypervolume(reference=[1000.0, 200.0]) > 0
    assert len(study.trials_dataframe()) == 20


def test_study_warm_start_failures_and_misuse() -> None:
    study = gnomon.Study(SPACE, objectives=[("time", "min")], agent="random", seed=1)
    number = study.tell(params={"rows": 16, "dataflow": "ws", "clock": 500.0}, objectives=[2.0])
    assert not study.trials[number].asked
    trial = study.ask(1)[0]
    study.tell(trial, failed=True)
    assert study.trials[trial.number].state == "failed"
    with pytest.raises(gnomon.InputError):
        study.tell(trial, objectives=[1.0])
    with pytest.raises(gnomon.InputError):
        study.tell(params={"rows": 17, "dataflow": "ws", "clock": 500.0}, objectives=[2.0])
    with pytest.raises(gnomon.UsageError):
        study.tell(trial)
    with pytest.raises(gnomon.InputError, match='did you mean "bayes"'):
        gnomon.Study(SPACE, objectives=[("time", "min")], agent="baies")
    with pytest.raises(gnomon.UnsupportedError):
        gnomon.Study(SPACE, objectives=[("time", "min"), ("area", "min")], agent="cmaes")


def test_study_ends_with_the_space() -> None:
    study = gnomon.Study({"a": {"int": [1, 3]}}, objectives=[("x", "min")], agent="nsga2", seed=0)
    seen = []
    while trials := study.ask(2):
        for trial in trials:
            seen.append(trial.params["a"])
            study.tell(trial, objectives=[float(trial.params["a"])])
    assert sorted(seen) == [1, 2, 3] and study.exhausted


def test_surrogate_trains_predicts_and_survives_its_file(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    x = random.uniform(1, 100, size=(600, 3))
    y = np.column_stack([x[:, 0] * x[:, 1], 3 * x[:, 2] + x[:, 0]])
    model = gnomon.Surrogate.train(x[:500], y[:500], features=["m", "n", "k"], targets=["product", "sum"], seed=3)
    answer = model.predict(x[500:])
    assert answer.mean.shape == answer.lower.shape == answer.upper.shape == (100, 2)
    truth = y[500:]
    r2 = 1 - ((answer.mean - truth) ** 2).sum(axis=0) / ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    assert (r2 > 0.95).all(), r2
    inside = ((answer.lower <= truth) & (truth <= answer.upper)).mean()
    assert 0.75 <= inside <= 1.0
    assert answer.in_range.mean() > 0.8
    assert not model.predict([[1e6, 1.0, 1.0]]).in_range[0]
    path = tmp_path / "m.gnomon"
    model.save(path)
    again = gnomon.Surrogate.load(path)
    assert np.array_equal(again.predict(x[500:]).mean, answer.mean)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(gnomon.InputError):
        gnomon.Surrogate.load(path)
    with pytest.raises(gnomon.InputError):
        model.predict(x[:, :2])


def test_surrogate_takes_data_frames() -> None:
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(2)
    frame = pandas.DataFrame({"size": random.uniform(1, 50, 200), "kind": random.choice(["a", "b"], 200)})
    frame["cycles"] = frame["size"] * np.where(frame["kind"] == "a", 2.0, 5.0)
    model = gnomon.Surrogate.train(frame, targets=["cycles"])
    assert model.features == ["size", "kind"]
    assert np.abs(model.predict(frame).mean[:, 0] / frame["cycles"].to_numpy() - 1).mean() < 0.1


def test_campaign_from_python(tmp_path: Path) -> None:
    campaign = {"version": 1, "name": "zdt", "subject": "problem", "problem": "zdt1", "objectives": [{"metric": "f1", "goal": "min"}, {"metric": "f2", "goal": "min"}],
                "agent": {"name": "nsga2"}, "budget": {"evaluations": 40}, "fidelity": "analytical", "seed": 1}
    path = write_json(tmp_path / "zdt.json", campaign)
    result = gnomon.Campaign(path).run(out=tmp_path / "out", jobs=2)
    assert result.summary["trials"] == 40 and len(result.trials_dataframe()) == 40
    assert len(gnomon.trials_dataframe(tmp_path / "out")) == 40
    with pytest.raises(gnomon.InputError, match="/seed"):
        gnomon.Campaign(path).run(out=tmp_path / "out", seed=2)
    with pytest.raises(gnomon.InputError):
        gnomon.Campaign(tmp_path / "nothing.json")


def test_stubs_agree_with_the_module() -> None:
    pytest.importorskip("mypy")
    allowlist = str(ROOT / "tests/python/stubtest_allowlist.txt")
    done = subprocess.run([sys.executable, "-m", "mypy.stubtest", "gnomon._core", "--allowlist", allowlist], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_package_is_typed() -> None:
    pytest.importorskip("mypy")
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", str(ROOT / "python/gnomon")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_package_starts_its_program() -> None:
    done = subprocess.run([sys.executable, "-m", "gnomon", "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(f"gnomon {gnomon.__version__} ")
