"""Campaigns as environments, and campaigns driven from Python."""

from __future__ import annotations

import contextlib
import json
import random
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import gnomon
from conftest import write_json

MIXED = {
    "version": 1,
    "name": "gear",
    "subject": "problem",
    "problem": "speed_reducer",
    "agent": {"name": "random", "batch": 4},
    "budget": {"evaluations": 20},
    "seed": 2,
}
DISCRETE = {**MIXED, "problem": "gear_train"}


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return write_json(tmp_path / "mixed.json", MIXED)


@pytest.fixture
def discrete(tmp_path: Path) -> Path:
    return write_json(tmp_path / "discrete.json", DISCRETE)


@pytest.mark.parametrize("which", ["mixed", "discrete"])
def test_gymnasium_checks_the_environment(which: str, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("gymnasium")
    from gymnasium.utils.env_checker import check_env

    env = gnomon.make_env(request.getfixturevalue(which), horizon=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The environment is made by a function, not registered: gymnasium says that it cannot make it anew.
        warnings.filterwarnings("ignore", message=".*Not able to test alternative render modes.*")
        warnings.filterwarnings("ignore", message=".*wrapped.*")
        check_env(env, skip_render_check=True)


@pytest.mark.parametrize("agents", ["parameter", "subsystem"])
@pytest.mark.parametrize("which", ["mixed", "discrete"])
def test_pettingzoo_checks_the_environment(which: str, agents: str, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("pettingzoo")
    from pettingzoo.test import parallel_api_test

    env = gnomon.make_parallel_env(request.getfixturevalue(which), agents=agents, horizon=5)
    parallel_api_test(env, num_cycles=40)


def test_every_value_can_be_chosen_and_a_better_design_earns_more(discrete: Path) -> None:
    env: Any = gnomon.make_env(discrete, horizon=10_000)
    env.reset(seed=0)
    seen: list[tuple[float, float]] = []
    values: set[int] = set()
    for place in range(49):
        _, reward, _, _, info = env.step([place, 48 - place, 7, 30])
        values.add(info["params"]["a"])
        seen.append((info["metrics"]["f"], reward))
    assert values == set(range(12, 61))
    seen.sort()
    assert [r for _, r in seen] == sorted((r for _, r in seen), reverse=True)
    # A number per parameter: equal parts of [0, 1] for every value, the ends included.
    box: Any = gnomon.make_env(discrete, actions="box")
    assert [box.designs.code_of_share(0, s) for s in (0.0, 0.4999 / 49, 1.0)] == [0.0, 0.0, 1.0]
    # Asked again: answered from memory.
    before = info["evaluations"]
    assert env.step([3, 45, 7, 30])[4]["evaluations"] == before


def test_infeasible_designs_earn_less_than_feasible_ones(mixed: Path) -> None:
    env: Any = gnomon.make_env(mixed, horizon=10_000)
    env.reset(seed=0)
    env.action_space.seed(1)
    rewards: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(300):
        _, reward, _, _, info = env.step(env.action_space.sample())
        rewards[info["feasible"]].append(reward)
    assert rewards[False] and max(rewards[False]) <= -5
    assert all(reward >= -5 for reward in rewards[True])


class Hill:
    """A user's own agent: steps from the best design it was told."""

    def __init__(self) -> None:
        self.random = random.Random(3)
        self.best: tuple[float, dict[str, Any]] | None = None
        self.told = 0

    def ask(self, count: int) -> list[dict[str, Any]]:
        out = []
        for _ in range(count):
            start = self.best[1] if self.best else {name: self.random.randint(12, 60) for name in "abde"}
            out.append({name: min(60, max(12, value + self.random.randint(-4, 4))) for name, value in start.items()})
        return out

    def tell(self, params: dict[str, Any], objectives: list[float], constraints: list[float], failed: bool) -> None:
        self.told += 1
        if not failed and (self.best is None or objectives[0] < self.best[0]):
            self.best = (objectives[0], params)


def test_any_object_with_ask_and_tell_drives_a_campaign(discrete: Path, tmp_path: Path) -> None:
    agent = Hill()
    result = gnomon.Campaign(discrete).run(out=tmp_path / "out", agent=agent, budget=40)
    assert result.summary["trials"] == 40 and agent.told == 40
    assert agent.best is not None and result.summary["best"]["f"]["objectives"]["f"] == agent.best[0]
    assert result.summary["agent"].endswith("Hill")
    # Resumed: told again what is there, then goes on.
    second = Hill()
    more = gnomon.Campaign(discrete).run(out=tmp_path / "out", agent=second, budget=56)
    assert more.summary["trials"] == 56 and second.told == 56

    class Broken(Hill):
        def ask(self, count: int) -> list[dict[str, Any]]:
            raise KeyError("broken on purpose")

    with pytest.raises(KeyError, match="broken on purpose"):
        gnomon.Campaign(discrete).run(out=tmp_path / "broken", agent=Broken())
    with pytest.raises(gnomon.InputError, match="has no method ask"):
        gnomon.Campaign(discrete).run(out=tmp_path / "none", agent=object())


@pytest.mark.parametrize("which", ["mixed", "discrete"])
def test_an_optuna_sampler_drives_a_campaign(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    sampler = optuna.samplers.TPESampler(seed=1, n_startup_trials=5)
    with contextlib.suppress(gnomon.InfeasibleError):  # 24 trials need not meet the speed reducer's limits
        gnomon.Campaign(request.getfixturevalue(which)).run(out=tmp_path / "out", agent=sampler, budget=24)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["trials"] == 24 and summary["failed"] == 0 and summary["agent"].endswith("TPESampler")


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_an_executor_gives_the_same_trials(kind: Any, discrete: Path, tmp_path: Path) -> None:
    plain = gnomon.Campaign(discrete).run(out=tmp_path / "plain")
    with kind(max_workers=2) as executor:
        there = gnomon.Campaign(discrete).run(out=tmp_path / "there", executor=executor)
    assert (plain.folder / "trials.csv").read_text() == (there.folder / "trials.csv").read_text()


def test_executors_that_are_not_there_are_refused(discrete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(gnomon.InputError, match="executor"):
        gnomon.Campaign(discrete).run(out=tmp_path / "x", executor=3)
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(gnomon.UnsupportedError, match="pip install ray"):
        gnomon.Campaign(discrete).run(out=tmp_path / "y", executor="ray")


def test_accuracy_by_a_function_is_asked_for_sound_hardware_only(tmp_path: Path, edge: dict[str, Any]) -> None:
    campaign = {
        "version": 1,
        "name": "co",
        "subject": "accelerator",
        "workloads": [{"model": "zoo:mbnet?channels=1&resolution=8"}],
        "design": edge,
        "space": {"network.depth": {"int": [1, 3]}, "network.width": {"ordinal": [4, 8, 16]}, "cores.npu.array.rows": {"int": [8, 64], "step": "pow2"}},
        "accuracy": {"callable": True},
        "objectives": [{"metric": "accuracy", "goal": "max"}, {"metric": "energy_pj"}],
        "constraints": [{"metric": "area_um2", "max": 1.0e6}],
        "agent": {"name": "random", "batch": 4},
        "budget": {"evaluations": 16},
        "fidelity": "analytical",
    }
    asked: list[dict[str, Any]] = []

    def accuracy(params: dict[str, Any]) -> float:
        asked.append(params)
        return 0.1 * params["network.depth"] + 0.01 * params["network.width"]

    file = write_json(tmp_path / "c.json", campaign)
    areas = gnomon.Campaign(write_json(tmp_path / "probe.json", {**campaign, "constraints": []})).run(out=tmp_path / "probe", accuracy=accuracy)
    limit = float(areas.trials_dataframe()["area_um2"].median())
    campaign["constraints"] = [{"metric": "area_um2", "max": limit}]
    asked.clear()
    result = gnomon.Campaign(write_json(file, campaign)).run(out=tmp_path / "out", accuracy=accuracy)
    table = result.trials_dataframe()
    sound = table[table["area_um2"] <= limit]
    assert 0 < len(sound) < len(table) and len(asked) == len(sound)
    assert (table["trained"] == (table["area_um2"] <= limit)).all()
    assert list(sound["accuracy"]) == pytest.approx(list(0.1 * sound["network.depth"] + 0.01 * sound["network.width"]))
    # Deeper networks cost more energy on the same array: the sizes reach the model.
    same = table[table["network.width"] == 8].groupby("cores.npu.array.rows")
    for _, rows in same:
        assert rows.sort_values("network.depth")["energy_pj"].is_monotonic_increasing
    with pytest.raises(gnomon.Error, match="accuracy=function"):
        gnomon.Campaign(file).run(out=tmp_path / "without")


def test_the_trainer_learns(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    from gnomon import trainer

    sizes = {**trainer.SIZES, "depth": 1, "width": 8, "expansion": 2}
    first = trainer.train(sizes, epochs=4, seed=1)
    assert first > 0.3  # chance is 0.1
    assert trainer.train(sizes, epochs=4, seed=1) == first
    assert trainer.sizes_of({"network.depth": 2, "clock_mhz": 3}) == {**trainer.SIZES, "depth": 2}
    with pytest.raises(gnomon.InputError, match="unknown size"):
        trainer.sizes_of({"network.dept": 2})


def test_the_trainer_answers_a_campaign(tmp_path: Path, edge: dict[str, Any]) -> None:
    pytest.importorskip("sklearn")
    campaign = {
        "version": 1,
        "subject": "accelerator",
        "workloads": [{"model": "zoo:mbnet?channels=1&resolution=8"}],
        "design": edge,
        "space": {"network.depth": {"int": [1, 2]}, "network.width": {"ordinal": [4, 6]}, "cores.npu.array.rows": {"ordinal": [8, 16]}},
        "accuracy": {"trainer": "digits", "epochs": 1},
        "objectives": [{"metric": "accuracy", "goal": "max"}],
        "agent": {"name": "random", "batch": 8},
        "budget": {"evaluations": 8},
        "fidelity": "analytical",
    }
    table = gnomon.Campaign(write_json(tmp_path / "c.json", campaign)).run(out=tmp_path / "out", jobs=1).trials_dataframe()
    assert table["accuracy"].between(0.02, 1).all()
    # The accuracy belongs to the network, whatever array runs it.
    for _, rows in table.groupby(["network.depth", "network.width"]):
        assert rows["accuracy"].nunique() == 1
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["best"]["accuracy"]["metrics"]["trained"] == 1
