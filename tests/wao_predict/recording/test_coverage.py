"""How much of the loads and temperatures is recorded."""

from wao_predict.recording.aligning import Row
from wao_predict.recording.coverage import Coverage
from wao_predict.train.checks import LEAST_IN_BAND


def test_bands_are_counted_up_to_full_load() -> None:
    coverage = Coverage()
    coverage.add([Row(0.0, "a", {"cpu_usage": 100.0, "watts": 1.0})] * LEAST_IN_BAND)
    coverage.add([Row(0.0, "a", {"cpu_usage": 9.99, "watts": 1.0, "inlet_temp": 25.5})])
    assert coverage.bands == 1
    assert coverage.text() == (
        "11 rows; load 1.-.-.-.-.-.-.-.-.10; inlet 24-26: 1; bands of load with enough rows: 1 of 10"
    )
