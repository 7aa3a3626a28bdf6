"""Which pollers the NodeConfigs ask for."""

from hypothesis import given
from hypothesis import strategies as st

from wao_core.cluster.records import EndpointTerm, NodeConfig
from wao_core.collector.plan import NodeIdentity, SensorSpec, Target, make_plan

FAKE = EndpointTerm(type="Fake")


def config(node: str, *, name: str = "", created: float = 0.0, **metrics: EndpointTerm) -> NodeConfig:
    return NodeConfig(
        name=name or node, namespace="wao", node_name=node, created=created, metrics=metrics or {"inlet_temp": FAKE}
    )


def redfish(host: str, **more: object) -> EndpointTerm:
    options = {"secret_name": "bmc", "fetch_interval": 10.0, **more}
    return EndpointTerm(type="Redfish", endpoint=f"https://{host}", **options)  # type: ignore[arg-type]


def test_one_poller_per_sensor() -> None:
    plan = make_plan([config("n1", inlet_temp=redfish("a")), config("n2", inlet_temp=redfish("b"))])
    assert {spec.endpoint: targets for spec, targets in plan.pollers.items()} == {
        "https://a": {Target("n1", "inlet_temp")},
        "https://b": {Target("n2", "inlet_temp")},
    }
    (spec, *_) = plan.pollers
    assert (spec.secret, spec.interval, spec.ttl) == ("wao/bmc", 10.0, 40.0)


def test_sensors_that_are_the_same_are_read_once_for_all_nodes() -> None:
    pressure = EndpointTerm(type="DifferentialPressureAPI", endpoint="http://dp:5000/api/sensor/101")
    slash = EndpointTerm(type="DifferentialPressureAPI", endpoint="http://dp:5000/api/sensor/101/")
    plan = make_plan([config("n1", delta_p=pressure), config("n2", delta_p=slash)])
    assert list(plan.pollers.values()) == [{Target("n1", "delta_p"), Target("n2", "delta_p")}]


def test_types_that_look_up_the_node_are_read_per_node() -> None:
    pressure = EndpointTerm(type="DifferentialPressureAPI", endpoint="http://dp:5000")
    configs = [config("n1", delta_p=pressure), config("n2", delta_p=pressure)]
    plan = make_plan(configs, identify=lambda _term, node: NodeIdentity(node))
    assert {spec.node for spec in plan.pollers} == {"n1", "n2"}


def test_whatever_differs_makes_another_poller() -> None:
    base = redfish("a")
    others = [
        redfish("a", secret_name="other"),
        redfish("a", fetch_interval=20.0),
        redfish("a", options={"tls": {"insecureSkipVerify": True}}),
        redfish("b"),
    ]
    for other in others:
        assert len(make_plan([config("n1", inlet_temp=base), config("n2", inlet_temp=other)]).pollers) == 2


def test_of_two_configs_for_a_node_the_oldest_wins_and_the_loser_is_named() -> None:
    young = config("n1", name="young", created=20.0, inlet_temp=redfish("young"))
    old = config("n1", name="old", created=10.0, inlet_temp=redfish("old"))
    for order in ([young, old], [old, young]):
        plan = make_plan(order)
        assert [spec.endpoint for spec in plan.pollers] == ["https://old"]
        assert plan.losers == {"wao/young": "wao/old"}


def test_intervals_have_a_default_and_a_least() -> None:
    quick = EndpointTerm(type="Fake", fetch_interval=0.01)
    plan = make_plan([config("n1", inlet_temp=FAKE, delta_p=quick)])
    assert {spec.interval for spec in plan.pollers} == {15.0, 1.0}


def test_options_do_not_depend_on_their_order() -> None:
    one = redfish("a", options={"a": 1, "b": {"c": 2, "d": 3}})
    two = redfish("a", options={"b": {"d": 3, "c": 2}, "a": 1})
    plan = make_plan([config("n1", inlet_temp=one), config("n2", inlet_temp=two)])
    (spec,) = plan.pollers
    assert spec.option("b") == {"c": 2, "d": 3}
    assert spec.option("missing") is None


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
