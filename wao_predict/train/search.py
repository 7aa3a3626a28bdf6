"""Search for the size and seed of the network with the smallest error on held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from wao_predict.errors import UsageError
from wao_predict.train.holdout import evaluate, holdout_masks
from wao_predict.train.session import TrainingPlan, network
from wao_predict.train.table import TrainingTable

SIZES = (48, 16, 96, 32, 64)
"""Units of the hidden layers that are tried, the default first."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A plan to try on a table."""

    table: TrainingTable
    plan: TrainingPlan


@dataclass(frozen=True, slots=True)
class Tried:
    """A plan, and its mean absolute percentage error on held-out rows [%]."""

    plan: TrainingPlan
    mape: float


Executor = Callable[[Callable[[Trial], Tried], Sequence[Trial]], Iterable[Tried]]
"""Runs a function on each trial, in any order; see `wao_predict.simulate.executors`."""


def candidates(plan: TrainingPlan, count: int) -> list[TrainingPlan]:
    """Return plans that differ in size and seed: all sizes with the seed of `plan`, then with the next ones.

    Examples
    --------
    >>> [(made.hidden, made.seed) for made in candidates(TrainingPlan(), 6)]
    [(48, 0), (16, 0), (96, 0), (32, 0), (64, 0), (48, 1)]
    """
    sizes = len(SIZES)
    return [replace(plan, hidden=SIZES[at % sizes], seed=plan.seed + at // sizes) for at in range(count)]


def attempt(trial: Trial) -> Tried:
    """Return the error of a plan on the held-out rows of its table."""
    table, plan = trial.table, trial.plan
    masks = holdout_masks(table.X, plan.holdout, table.features)
    held_out = evaluate(lambda name: network(plan, table), table.X, table.watts, masks)
    return Tried(plan, held_out.figures()["all"].mape)


def search(
    table: TrainingTable,
    plan: TrainingPlan,
    count: int,
    *,
    executor: Executor,
    on_tried: Callable[[Tried], None] = lambda tried: None,
) -> Tried:
    """Return the plan with the smallest error on held-out rows; of equal ones, that with the smaller network.

    Parameters
    ----------
    count
        Number of plans to try, see `candidates`.
    executor
        Where the trials run.
    on_tried
        Called after each trial.

    Raises
    ------
    UsageError
        The plan holds out no rows, or does not train a network.
    """
    if plan.holdout == "none" or plan.route != "torch":
        raise UsageError("a search compares networks on held-out rows: use --route torch, and a holdout")
    best: Tried | None = None
    for tried in executor(attempt, [Trial(table, made) for made in candidates(plan, count)]):
        on_tried(tried)
        if best is None or (tried.mape, tried.plan.hidden, tried.plan.seed) < (
            best.mape,
            best.plan.hidden,
            best.plan.seed,
        ):
            best = tried
    if best is None:
        raise UsageError("a search needs at least one plan")
    return best
