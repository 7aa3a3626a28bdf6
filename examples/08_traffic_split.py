"""How do both rules split a Service's traffic over four servers, and what does the split cost? Needs the extra onnx."""

import numpy as np

from wao_predict import curves_of_models, traffic

models = ["edge_lenovo", "edge_lenovo", "edge_supermicro", "edge_supermicro"]
curves = curves_of_models(models, inlet_temp=25.0, delta_p=3.0)
nodes = traffic.Nodes(curves, capacity_cores=np.full(4, 32.0), usage_cores=np.full(4, 5.0))
limits, pace = traffic.Limits(node_ceiling=70.0, floor=2.0), traffic.Pace(settle=15.0)


def pools(rule: str) -> traffic.Pools:
    web = traffic.ServiceTraffic(node=[0, 1, 2, 3], cpu_cores=[3.0, 3.0, 3.0, 3.0], cpu_limit=16.0, rule=rule)
    return traffic.Pools.of_services([web], nodes)


print(f"equal         {traffic.split_watts(pools('lookahead'), np.full(4, 25.0)):7.1f} W")
for rule in ("proportional", "lookahead"):
    weights = traffic.weigh(pools(rule), limits).weights
    print(f"{rule:13} {traffic.split_watts(pools(rule), weights):7.1f} W, weights {weights.round(1).tolist()} %")

# from proportional to lookahead in damped steps
state = traffic.advance(pools("proportional"), traffic.TrafficState.empty(4, 1), traffic.Step(limits=limits))
for seconds in (10, 20):
    state = traffic.advance(pools("lookahead"), state, traffic.Step(pace.fraction(10.0), limits=limits))
    print(f"after {seconds} s    {traffic.split_watts(pools('lookahead'), state.weights):7.1f} W")
