"""What survives a restart: the progress in the status of a NodeConfig."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.records import NodeConfig
from wao_core.conditions import with_transitions
from wao_fleet.standby.progress import CONDITIONS, Phase, Progress
from wao_predict.redfish.power_control import PowerState

CONFIG = NodeConfig(name="c", namespace="w", node_name="n", generation=3)
TIMES = st.integers(1_600_000_000, 2_000_000_000).map(float)
PROGRESS = st.builds(
    Progress,
    phase=st.sampled_from(Phase),
    since=TIMES,
    reason=st.text("abc ", max_size=20),
    attempts=st.integers(0, 5),
    heartbeat=st.sampled_from(["", "2026-11-29T10:00:00Z"]),
    testing=st.booleans(),
    wake_tested=st.booleans(),
    wake_failed=st.sampled_from(["", "not Ready 600 s after switching on"]),
    last_start=st.none() | TIMES,
    last_stop=st.none() | TIMES,
    start_seconds=st.none() | st.integers(0, 999).map(float),
    request=st.sampled_from(["", "wake 2026"]),
)


@given(PROGRESS)
def test_a_status_gives_back_what_was_written(progress: Progress) -> None:
    conditions = [item.to_wire() for item in with_transitions(progress.conditions(CONFIG), (), 1.0)]
    status = {"standby": progress.fields(PowerState.OFF), "conditions": conditions}
    assert Progress.of_status(status) == progress


def test_an_empty_or_foreign_status_is_a_node_that_runs_and_was_never_tested() -> None:
    assert Progress.of_status({}) == Progress()
    strange = {"phase": "Flying", "since": 7, "attempts": "x", "testing": "yes", "startSeconds": "fast"}
    assert Progress.of_status({"standby": strange, "conditions": "none"}) == Progress()


def test_the_conditions_say_what_people_ask() -> None:
    found = {item.type: item for item in Progress(phase=Phase.ASLEEP, reason="empty for 15 min").conditions(CONFIG)}
    assert tuple(found) == CONDITIONS
    assert (found["Asleep"].status, found["Asleep"].message) == ("True", "empty for 15 min")
    assert "wao standby test" in found["WakeTested"].message
    assert found["WakeFailed"].status == "False"
    running = {item.type: item.status for item in Progress().conditions(CONFIG)}
    assert running["Asleep"] == "False"
    moving = {item.type: item.status for item in Progress(phase=Phase.STARTING).conditions(CONFIG)}
    assert moving["Asleep"] == "Unknown"


def test_the_power_state_is_shown_and_unknown_where_nothing_states_it() -> None:
    assert Progress().fields(PowerState.ON)["powerState"] == "On"
    assert Progress().fields(None)["powerState"] == "Unknown"
