"""Standby on real parts: kube-scheduler, API server, and servers that are really gone when they are off."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

import pytest

from tests.cluster.bed.controlplane import ControlPlane
from tests.cluster.conftest import control_plane, kubectl
from tests.cluster.scheduler.figures import report
from tests.cluster.standby.day import SCHEDULER, Before, played, simulated
from tests.cluster.standby.machines import BOOT, SYSTEM, Machines
from tests.cluster.standby.site import Site

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
CORES = (32, 30, 28, 26, 24, 22)
ALLOWANCE = 30.0
"""Seconds that a Pod may wait in addition to the start of a server."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A control plane without kwok, some machines, and the installed controller. Each test goes on where one ended."""

    def start(bed: ControlPlane) -> None:
        bed.start_all(kwok=False)
        bed.start_scheduler(SCHEDULER)

    with control_plane(tmp_path_factory, start=start, thrifty=False) as bed:
        pair = bed.ca.issue("bmc", hosts=("127.0.0.1", "localhost"))
        with Machines(CORES, pair, bed.admin) as machines:
            made = Site(bed, machines)
            made.configure()
            made.until(lambda: not made.marks(), "all nodes are Ready")
            yield made
            made.deployment.stop()


def test_starts_are_tested_in_recommend_mode(site: Site) -> None:
    """As docs/standby.md says: nothing else is switched off meanwhile."""
    *names, last = site.machines
    site.has_tested(last)  # one node runs all the time: missing capacity would end the tests
    site.start(act=False)
    for name in names:
        site.command("test", name)
    site.until(lambda: site.tested() == {*site.machines}, "every start is tested")
    site.until(lambda: not site.marks(), "all nodes are given back")
    assert [bool(machine.bmc.resets) for machine in site.machines.values()] == [True] * len(names) + [False]
    assert "Asleep" not in site.phases().values()
    site.stop()


def test_a_day_uses_the_energy_that_the_simulator_predicts(site: Site) -> None:
    """The same Pods, servers and settings; one function decides in both."""
    machines = list(site.machines.values())
    day = played(site.bed.admin, machines)
    with Before(site.bed.admin, machines):
        site.start()
        site.until(
            lambda: (nodes := site.plan().get("nodes")) and all(each["wattsPerCore"] for each in nodes), "curves"
        )
    day.play()
    run = simulated(machines, fmean(site.start_seconds()))
    predicted = run.kwh * 3.6e6
    report(
        f"a day in fast motion: {day.joules / 1000:.1f} kJ, in the simulator {predicted / 1000:.1f} kJ "
        f"({day.joules / predicted - 1:+.1%}); {run.starts} starts, {run.waiting_pods} of {len(run.waited)} Pods wait, "
        f"at most {run.waited.max():.1f} s, really {max(day.waited.values()):.1f} s"
    )
    assert run.starts >= 3
    assert len(day.waited) == len(run.waited)
    assert abs(day.joules / predicted - 1) <= 0.03
    assert max(day.waited.values()) <= BOOT + ALLOWANCE


def test_an_autoscaler_that_waits_starts_nodes(site: Site) -> None:
    site.until(lambda: list(site.phases().values()).count("Asleep") == 5, "the night")
    assert kubectl(site.bed, "get", "nodeconfigs", "-n", "wao-bmc").count("Off") == 5
    assert "Asleep" in site.command("status")
    site.autoscale("noon", cpu="20", replicas=6)
    site.until(lambda: len(site.replicas("noon")) == 6, "noon")
    assert max(map(site.waited, site.replicas("noon"))) <= BOOT + ALLOWANCE


def test_a_bmc_that_states_off_of_a_server_that_runs_changes_nothing(site: Site) -> None:
    lying = site.machines["n0"]
    resets, beats = len(lying.bmc.resets), lying.beats
    lying.lies, lying.bmc.power_states[SYSTEM] = True, "Off"
    site.until(lambda: lying.beats > beats + 3, "some rounds of the controller")
    assert (len(lying.bmc.resets), site.phases()[lying.name]) == (resets, "Running")
    lying.lies, lying.bmc.power_states[SYSTEM] = False, "On"


def test_no_right_is_missing(site: Site) -> None:
    """Before the API server dies: while it starts again, it refuses much."""
    assert site.deployment.running
    for container in site.deployment.running:
        assert "forbidden" not in container.text().lower(), container.text()


def test_faults_in_every_step_leave_no_node_cordoned_off_or_tainted(site: Site) -> None:
    """A node is in each step when all BMCs, the controller and the API server die."""
    draining, stopping, *_, broken, running = machines = list(site.machines.values())
    site.hold(draining.name)
    site.hold(running.name)
    stopping.hang()
    broken.boots = False
    site.end_autoscaling("noon")
    asleep = [machine.name for machine in machines[2:5]]
    site.until(lambda: {site.phases()[name] for name in asleep} == {"Asleep"}, "the others sleep")
    site.command("sleep", draining.name)
    site.command("wake", broken.name)
    steps = ["Draining", "ShuttingDown", "Asleep", "Asleep", "Starting", "Running"]

    def unchanged() -> bool:
        """Return whether all nodes are in their steps; the start may have failed meanwhile."""
        phases = list(site.phases().values())
        return phases in (steps, [*steps[:4], "Failed", "Running"])

    site.until(unchanged, "a node in each step")
    for machine in machines:
        site.fleet.stop_bmc(machine.name)
    site.crash()
    site.start()
    site.until(lambda: set(site.powers()) == {"Unknown"}, "no BMC answers a new controller")
    assert unchanged(), site.phases()
    for machine in machines:
        site.fleet.start_bmc(machine.name)
    site.until(lambda: site.powers() == ["On", "On", "Off", "Off", "On", "On"], "the BMCs answer")
    assert unchanged(), site.phases()
    site.lose_api_server()
    site.decides()
    assert unchanged(), site.phases()

    # what was begun is finished
    site.let_go(draining.name)
    stopping.halt()
    site.until(lambda: list(site.phases().values())[:4] == ["Asleep"] * 4, "the drain and the shutdown end")
    morning = [f"morning-{number}" for number in range(3)]
    site.arrive(*morning, cpu="20")
    site.until(lambda: site.placed(*morning), "others start in place of the one that never boots")
    site.until(lambda: site.conditions("WakeFailed").get(broken.name) == "True", "it is marked")
    events = kubectl(site.bed, "get", "events", "-A", "--field-selector", f"involvedObject.name={broken.name}")
    assert "WakeFailed" in events

    # it is repaired, and everything is started by the kill switch
    broken.boots = True
    site.command("wake", "--all")
    site.until(lambda: not site.marks() and set(site.phases().values()) == {"Running"}, "everything runs")
    assert site.conditions("WakeFailed")[broken.name] == "False"
    assert site.conditions("WakeTested")[broken.name] == "False"
