"""gnomon: hardware design-space exploration and accelerator simulation.

    import gnomon
    result = gnomon.simulate("design.json", "zoo:resnet18", fidelity="cycle")
    result.total.latency_cycles
    study = gnomon.Study({"rows": {"int": [8, 128], "step": "pow2"}}, objectives=[("latency_s", "min")], agent="bayes", seed=7)
"""

from ._core import (
    Error,
    InfeasibleError,
    InputError,
    InterruptedError,
    RunError,
    UnsupportedError,
    UsageError,
    commit as _commit,
    version as _version,
)
from .campaign import Campaign, CampaignResult, trials_dataframe
from .drivers import AskTell, OptunaAgent
from .environments import make_env, make_parallel_env
from .result import Layer, Result
from .simulate import simulate
from .study import Study, Trial
from .surrogate import Prediction, Surrogate

__version__: str = _version()
__commit__: str = _commit()

__all__ = [
    "AskTell",
    "Campaign",
    "CampaignResult",
    "Error",
    "InfeasibleError",
    "InputError",
    "InterruptedError",
    "Layer",
    "OptunaAgent",
    "Prediction",
    "Result",
    "RunError",
    "Study",
    "Surrogate",
    "Trial",
    "UnsupportedError",
    "UsageError",
    "make_env",
    "make_parallel_env",
    "simulate",
    "trials_dataframe",
]
