"""When the weight service becomes ready."""

from __future__ import annotations

from wao_lb.server import first_weights


def test_weights_of_a_snapshot_without_curves_do_not_count() -> None:
    snapshot: list[str | None] = ["the first power curves are not predicted yet"]
    plan: list[str | None] = [None]  # of a snapshot without curves
    check = first_weights(lambda: snapshot[-1], lambda: plan[-1])
    check()
    snapshot.append(None)
    plan.append("the weights are not computed yet")  # the plan on the snapshot with curves is postponed
    assert "the weights are not computed yet" == check()
    plan.append(None)
    assert check() is None
    plan.append("the weights are not computed yet")
    assert check() is None  # old weights are better than none
