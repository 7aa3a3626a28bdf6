"""One training from table to file and report."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from wao_predict import MissingExtra, UsageError
from wao_predict.models import ModelInfo, read_info
from wao_predict.train.table import TrainingTable

NEED_EXTRA = {
    "TrainingPlan",
    "PowerCurveRegressor",
    "Trained",
    "default_regressor",
    "error_rows",
    "fit_sklearn",
    "to_onnx",
    "train_to_onnx",
    "write_report",
}


def table(skipped: tuple[int, ...] = ()) -> TrainingTable:
    random = np.random.default_rng(0)
    X = random.uniform((0, 18, 0), (100, 32, 9), (300, 3))
    return TrainingTable(Path("rack <7>.csv"), X, 200 + 1.5 * X[:, 0] + random.normal(0, 3, 300), skipped)


@pytest.mark.train
@pytest.mark.parametrize("route", ["torch", "sklearn"])
def test_a_training_measures_writes_and_reports(route: str, tmp_path: Path) -> None:
    from wao_predict.train import TrainingPlan, train_to_onnx, write_report

    progress: list[tuple[str, float]] = []
    plan = TrainingPlan(route=route, epochs=4)  # type: ignore[arg-type]
    trained = train_to_onnx(
        table((7, 9)),
        tmp_path / "m.onnx",
        plan=plan,
        info=ModelInfo("rack <7>", source="own & tested"),
        on_progress=lambda what, part: progress.append((what, part)),
    )
    parts = [part for _, part in progress]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    info = read_info(tmp_path / "m.onnx")
    assert {"all", "0-30 % CPU", "30-100 % CPU"} <= set(info.metrics["held_out"])
    assert info.ranges is not None

    report = tmp_path / "report.html"
    write_report(report, trained, table((7, 9)), plan)
    page = report.read_text()
    assert page.count("<svg") == 2
    assert "rack &lt;7&gt;" in page
    assert "own &amp; tested" in page
    assert "<7>" not in page
    assert "2 rows with a missing value" in page
    for outside in ('src="', 'href="http', "<script", "@import", "url(http"):
        assert outside not in page


@pytest.mark.train
def test_without_held_out_rows_the_report_says_so(tmp_path: Path) -> None:
    from wao_predict.train import TrainingPlan, train_to_onnx, write_report

    plan = TrainingPlan(epochs=2, holdout="none")
    trained = train_to_onnx(table(), tmp_path / "m.onnx", plan=plan, info=ModelInfo("m"))
    assert "held_out" not in trained.info.metrics
    write_report(tmp_path / "r.html", trained, table(), plan)
    assert "No rows were held out" in (tmp_path / "r.html").read_text()
    with pytest.raises(UsageError, match="cannot be written"):
        write_report(tmp_path / "absent" / "r.html", trained, table(), plan)


@pytest.mark.train
@pytest.mark.parametrize("wrong", [{"route": "xgboost"}, {"epochs": 0}, {"epochs": 10**6}])
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    from wao_predict.train import TrainingPlan

    with pytest.raises(UsageError):
        TrainingPlan(**wrong)  # type: ignore[arg-type]


def test_every_public_name_exists_or_names_the_extra_that_provides_it() -> None:
    import wao_predict.train as train

    assert train.__all__ == sorted(train.__all__)
    assert dir(train) == train.__all__
    for name in train.__all__:
        if find_spec("torch") is None and name in NEED_EXTRA:
            with pytest.raises(MissingExtra, match=r"pip install 'wao-predict\[train(-sklearn)?\]'"):
                getattr(train, name)
        else:
            assert getattr(train, name) is not None
    with pytest.raises(AttributeError):
        _ = train.PowerModel
