"""Which pollers the NodeConfigs ask for."""

from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.records import NodeConfig, SensorTerm
from wao_core.collector.plan import NodeIdentity, SensorSpec, Target, make_plan
from wao_predict.connection import TlsPolicy
from wao_predict.endpoint import Endpoint, Options

FAKE = SensorTerm(Endpoint("Fake"))


def config(node: str, *, name: str = "", created: float = 0.0, **metrics: SensorTerm) -> NodeConfig:
    return NodeConfig(
        name=name or node, namespace="wao", node_name=node, created=created, metrics=metrics or {"inlet_temp": FAKE}
    )


def redfish(
    host: str, *, secret: str = "wao/bmc", interval: float = 10.0, insecure: bool = False, **options: object
) -> SensorTerm:
    return SensorTerm(
        Endpoint("Redfish", f"https://{host}", secret, TlsPolicy(insecure=insecure), Options(options)), interval
    )


def test_one_poller_per_sensor() -> None:
    plan = make_plan([config("n1", inlet_temp=redfish("a")), config("n2", inlet_temp=redfish("b"))])
    assert {spec.endpoint.url: targets for spec, targets in plan.pollers.items()} == {
        "https://a": {Target("n1", "inlet_temp")},
        "https://b": {Target("n2", "inlet_temp")},
    }
    (spec, *_) = plan.pollers
    assert (spec.interval, spec.ttl) == (10.0, 40.0)


def test_sensors_that_are_the_same_are_read_once_for_all_nodes() -> None:
    one, two = (SensorTerm(Endpoint("DifferentialPressureAPI", "http://dp:5000/api/sensor/101")) for _ in range(2))
    plan = make_plan([config("n1", delta_p=one), config("n2", delta_p=two)])
    assert list(plan.pollers.values()) == [{Target("n1", "delta_p"), Target("n2", "delta_p")}]


def test_types_that_look_up_the_node_are_read_per_node() -> None:
    pressure = SensorTerm(Endpoint("DifferentialPressureAPI", "http://dp:5000"))
    configs = [config("n1", delta_p=pressure), config("n2", delta_p=pressure)]
    plan = make_plan(configs, identify=lambda _term, node: NodeIdentity(node))
    assert {spec.node for spec in plan.pollers} == {"n1", "n2"}


def test_whatever_differs_makes_another_poller() -> None:
    base = redfish("a")
    others = [
        redfish("a", secret="wao/other"),
        redfish("a", interval=20.0),
        redfish("a", insecure=True),
        redfish("a", sensor={"name": "x"}),
        redfish("b"),
    ]
    for other in others:
        assert len(make_plan([config("n1", inlet_temp=base), config("n2", inlet_temp=other)]).pollers) == 2


def test_of_two_configs_for_a_node_the_oldest_wins_and_the_loser_is_named() -> None:
    young = config("n1", name="young", created=20.0, inlet_temp=redfish("young"))
    old = config("n1", name="old", created=10.0, inlet_temp=redfish("old"))
    for order in ([young, old], [old, young]):
        plan = make_plan(order)
        assert [spec.endpoint.url for spec in plan.pollers] == ["https://old"]
        assert plan.losers == {"wao/young": "wao/old"}


def test_intervals_have_a_default_and_a_least() -> None:
    quick = SensorTerm(Endpoint("Fake"), 0.01)
    plan = make_plan([config("n1", inlet_temp=FAKE, delta_p=quick)])
    assert {spec.interval for spec in plan.pollers} == {15.0, 1.0}


def test_options_do_not_depend_on_their_order() -> None:
    one = redfish("a", a=1, b={"c": 2, "d": 3})
    two = redfish("a", b={"d": 3, "c": 2}, a=1)
    plan = make_plan([config("n1", inlet_temp=one), config("n2", inlet_temp=two)])
    (spec,) = plan.pollers
    assert spec.endpoint.options["b"] == {"c": 2, "d": 3}


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("xyz")), max_size=12), st.randoms())
def test_the_plan_does_not_depend_on_the_order_of_the_configs(pairs: list[tuple[str, str]], random: object) -> None:
    configs = [
        config(node, name=f"{node}-{number}", inlet_temp=redfish(host)) for number, (node, host) in enumerate(pairs)
    ]
    shuffled = sorted(configs, key=lambda _: random.random())  # type: ignore[attr-defined]
    first, second = make_plan(configs), make_plan(shuffled)
    assert first == second
    targets = [target for group in first.pollers.values() for target in group]
    assert len(targets) == len(set(targets)) == len({node for node, _ in pairs})
    assert all(isinstance(spec, SensorSpec) for spec in first.pollers)
