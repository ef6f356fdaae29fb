"""Campaigns as reinforcement-learning environments: one step is one design.

A step's action chooses every parameter; the design is evaluated as the campaign says, and the reward is

    mean over the objectives of log10(reference / value)     for a feasible design (10 times better than the reference: +1),
    -5 - min(5, log10(1 + total violation, in shares of the limits))     for one that breaks a limit, a rule, or fails,

with value and reference exchanged for a maximised objective, clipped to [-5, 5]. The reference is the first feasible one of 32 designs drawn
by the campaign's seed. So a better design always earns more: there is no target to overshoot. Where an objective is not positive, its
difference to the reference in shares of the reference's size takes the place of the logarithm. A design that was evaluated before is answered
from memory; `info["evaluations"]` counts real evaluations.
"""

from __future__ import annotations

import copy
import json
import math
import os
from typing import TYPE_CHECKING, Any

from . import _core
from ._core import InputError
from ._lazy import need

if TYPE_CHECKING:
    import gymnasium

_WORST = -10.0
_INFEASIBLE = -5.0


class _Designs:
    """What both environments share: actions to designs, designs to rewards and observations."""

    def __init__(self, path: str | os.PathLike[str], fidelity: str | None, jobs: int, memory: int) -> None:
        from .campaign import program

        self.numpy = need("numpy", "make_env()")
        self.core = _core.Campaign(str(path))
        self.info = json.loads(self.core.info())
        self.parameters = self.info["parameters"]
        self.objectives = self.info["objectives"]
        self.limit_values = self.info["limit_values"]
        self.core.open(fidelity or "", jobs, [str(program()), "worker"])
        self.known: dict[str, dict[str, Any]] = {}
        self.memory = memory
        self.evaluations = 0
        self.best: float | None = None
        self.best_params: dict[str, Any] | None = None
        self.reference = self._reference()

    def _reference(self) -> list[float] | None:
        for draw in range(32):
            answer = self._answer(self.core.sample((self.info["seed"] + draw * 7919) % 2**63))
            if answer.get("feasible"):
                return list(answer["objectives"])
        return None

    def _answer(self, params: str) -> dict[str, Any]:
        if params not in self.known:
            if len(self.known) >= self.memory:
                self.known.pop(next(iter(self.known)))
            self.known[params] = json.loads(self.core.evaluate([params])[0])
            self.evaluations += 1
        return self.known[params]

    def reward(self, answer: dict[str, Any]) -> float:
        if not answer.get("feasible"):
            if "violations" not in answer:
                return _WORST
            shares = [max(0.0, v) / (abs(limit) or 1.0) for v, limit in zip(answer["violations"], self.limit_values)]
            return max(_WORST, _INFEASIBLE - min(5.0, math.log10(1 + sum(shares))))
        if self.reference is None:
            self.reference = list(answer["objectives"])
        total = 0.0
        for goal, value, reference in zip(self.objectives, answer["objectives"], self.reference):
            if value > 0 and reference > 0:
                gain = math.log10(reference / value)
            else:
                gain = (reference - value) / (abs(reference) or 1.0)
            total += -gain if goal["goal"] == "max" else gain
        return max(_INFEASIBLE, min(-_INFEASIBLE, total / len(self.objectives)))

    def judge(self, code: list[float]) -> tuple[float, Any, dict[str, Any]]:
        """Reward, observation and info of the design that a code in [0, 1] per parameter stands for."""
        raw = self.core.decode(code)
        params = self.core.checked(raw)
        answer: dict[str, Any] = {"error": "breaks a rule"} if params is None else self._answer(params)
        reward = self.reward(answer)
        if answer.get("feasible") and (self.best is None or reward > self.best):
            self.best = reward
            self.best_params = json.loads(params or raw)
        info: dict[str, Any] = {
            "params": json.loads(params or raw),
            "feasible": bool(answer.get("feasible")),
            "metrics": dict(answer.get("metrics", {})),
            "evaluations": self.evaluations,
            "best_params": copy.deepcopy(self.best_params),
        }
        if "error" in answer:
            info["error"] = answer["error"]
        return reward, self.observe(code, answer, reward), info

    def size(self) -> int:
        return len(self.parameters) + len(self.objectives) + len(self.limit_values) + 2

    def observe(self, code: list[float], answer: dict[str, Any] | None, reward: float) -> Any:
        """Code of the last design, its objectives against the reference, its violations, its reward and the best one, all within [-1, 1]."""
        values = list(code)
        answer = answer or {}
        for goal, value, reference in zip(self.objectives, answer.get("objectives", [0.0] * len(self.objectives)), self.reference or [0.0] * len(self.objectives)):
            gap = (reference - value) / (abs(reference) + abs(value) or 1.0) if answer.get("objectives") else 0.0
            values.append(-gap if goal["goal"] == "max" else gap)
        violations = answer.get("violations") or [0.0] * len(self.limit_values)
        values += [math.tanh(v / (abs(limit) or 1.0)) for v, limit in zip(violations, self.limit_values)]
        values += [reward / -_WORST, (self.best if self.best is not None else _WORST) / -_WORST]
        return self.numpy.clip(self.numpy.asarray(values, dtype=self.numpy.float32), -1.0, 1.0)

    def start(self) -> Any:
        return self.observe([0.5] * len(self.parameters), None, 0.0)

    def choices(self, index: int) -> int | None:
        """Number of values of a parameter, or nothing where it is a real or a permutation."""
        parameter = self.parameters[index]
        return None if parameter["kind"] in ("real", "permutation") else len(parameter["values"])

    def code_of_choice(self, index: int, choice: int) -> float:
        size = self.choices(index) or 1
        return choice / (size - 1) if size > 1 else 0.5

    def code_of_share(self, index: int, share: float) -> float:
        """A number in [0, 1] as a code; every value of a discrete parameter gets an equal part of it, the ends included."""
        size = self.choices(index)
        share = min(1.0, max(0.0, share))
        return share if size is None else self.code_of_choice(index, min(size - 1, int(share * size)))


def make_env(
    campaign: str | os.PathLike[str], *, fidelity: str | None = None, horizon: int = 16, actions: str = "auto", jobs: int = 1, memory: int = 100_000
) -> gymnasium.Env[Any, Any]:
    """Gymnasium environment of a campaign.

    Args:
        campaign: campaign file; its agent, budget and store are not used.
        fidelity: one fidelity instead of the campaign's last.
        horizon: designs per episode (then `truncated`); nothing is carried over but what the observation shows.
        actions: "index" (MultiDiscrete: the place of each parameter's value), "box" (a number in [0, 1] per parameter), "auto": "index" where
            every parameter is discrete, else "box".
        jobs: worker processes.
        memory: designs whose results are kept, so that asking again costs nothing.
    """
    gym = need("gymnasium", "make_env()")
    if actions not in ("auto", "index", "box"):
        raise InputError(f'make_env: actions: found "{actions}"; allowed: auto, index, box')
    if horizon < 1:
        raise InputError(f"make_env: horizon: found {horizon}; allowed: 1 or more")
    designs = _Designs(campaign, fidelity, jobs, memory)
    sizes = [designs.choices(i) for i in range(len(designs.parameters))]
    if actions == "index" and None in sizes:
        wrong = designs.parameters[sizes.index(None)]["name"]
        raise InputError(f'make_env: actions="index" needs discrete parameters; "{wrong}" is none')
    indexed = actions != "box" and None not in sizes
    numpy = designs.numpy

    class CampaignEnv(gym.Env):  # type: ignore[misc, name-defined]
        """One step proposes one design; see gnomon.environments for reward and observation."""

        metadata: dict[str, Any] = {"render_modes": []}

        def __init__(self) -> None:
            count = len(sizes)
            self.action_space = gym.spaces.MultiDiscrete(sizes) if indexed else gym.spaces.Box(0.0, 1.0, (count,), numpy.float32)
            self.observation_space = gym.spaces.Box(-1.0, 1.0, (designs.size(),), numpy.float32)
            self.designs = designs
            self.steps = 0

        def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
            super().reset(seed=seed)
            self.steps = 0
            designs.best = None
            return designs.start(), {"evaluations": designs.evaluations, "best_params": copy.deepcopy(designs.best_params)}

        def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
            convert = designs.code_of_choice if indexed else designs.code_of_share
            reward, observation, info = designs.judge([convert(i, a) for i, a in enumerate(numpy.asarray(action).tolist())])
            self.steps += 1
            return observation, reward, False, self.steps >= horizon, info

    env: gymnasium.Env[Any, Any] = CampaignEnv()
    return env


def make_parallel_env(
    campaign: str | os.PathLike[str], *, fidelity: str | None = None, horizon: int = 16, agents: str = "parameter", jobs: int = 1, memory: int = 100_000
) -> Any:
    """PettingZoo parallel environment of a campaign: the agents choose one design together and share its reward.

    Args:
        agents: "parameter" (an agent for each; Discrete, or Box of one number for reals and permutations), or "subsystem" (an agent for all
            parameters whose path is the same but for its last step; MultiDiscrete, or Box where one of them is not discrete).
        campaign, fidelity, horizon, jobs, memory: as for `make_env`.
    """
    zoo = need("pettingzoo", "make_parallel_env()")
    gym = need("gymnasium", "make_parallel_env()")
    if agents not in ("parameter", "subsystem"):
        raise InputError(f'make_parallel_env: agents: found "{agents}"; allowed: parameter, subsystem')
    if horizon < 1:
        raise InputError(f"make_parallel_env: horizon: found {horizon}; allowed: 1 or more")
    designs = _Designs(campaign, fidelity, jobs, memory)
    numpy = designs.numpy
    groups: dict[str, list[int]] = {}
    for index, parameter in enumerate(designs.parameters):
        name = parameter["name"]
        owner = name if agents == "parameter" else name.rpartition(".")[0] or "design"
        groups.setdefault(owner, []).append(index)

    def space_of(members: list[int]) -> Any:
        sizes = [designs.choices(i) for i in members]
        if None in sizes:
            return gym.spaces.Box(0.0, 1.0, (len(members),), numpy.float32)
        return gym.spaces.Discrete(sizes[0]) if agents == "parameter" else gym.spaces.MultiDiscrete(sizes)

    spaces = {name: space_of(members) for name, members in groups.items()}
    seen = gym.spaces.Box(-1.0, 1.0, (designs.size(),), numpy.float32)
    observed = {name: gym.spaces.Box(-1.0, 1.0, (designs.size(),), numpy.float32) for name in groups}

    class CampaignParallelEnv(zoo.ParallelEnv):  # type: ignore[misc, name-defined]
        """One step proposes one design; see gnomon.environments for reward and observation."""

        metadata: dict[str, Any] = {"render_modes": [], "name": "gnomon_campaign_v0"}

        def __init__(self) -> None:
            self.possible_agents = list(groups)
            self.agents: list[str] = []
            self.action_spaces = spaces
            self.observation_spaces = observed
            self.state_space = seen
            self.designs = designs
            self.steps = 0
            self.last = designs.start()

        def action_space(self, agent: str) -> Any:
            return spaces[agent]

        def observation_space(self, agent: str) -> Any:
            return observed[agent]

        def state(self) -> Any:
            return self.last

        def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
            self.agents = list(groups)
            self.steps = 0
            designs.best = None
            self.last = designs.start()
            return {a: self.last.copy() for a in self.agents}, {a: {} for a in self.agents}

        def step(self, actions: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Any]]:
            code = [0.5] * len(designs.parameters)
            for name, members in groups.items():
                chosen = numpy.atleast_1d(numpy.asarray(actions[name])).tolist()
                indexed = not isinstance(spaces[name], gym.spaces.Box)
                for index, action in zip(members, chosen):
                    code[index] = designs.code_of_choice(index, action) if indexed else designs.code_of_share(index, action)
            reward, self.last, info = designs.judge(code)
            self.steps += 1
            ended, live = self.steps >= horizon, self.agents
            if ended:
                self.agents = []
            return (
                {a: self.last.copy() for a in live},
                {a: reward for a in live},
                {a: False for a in live},
                {a: ended for a in live},
                {a: copy.deepcopy(info) for a in live},
            )

    return CampaignParallelEnv()
