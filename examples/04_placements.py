"""Compare placement policies on the same fleet. Needs the extra onnx."""

from wao_predict import Fleet, simulate

counts = {"edge_lenovo": 12, "edge_supermicro": 12, "cloud_dell": 12, "cloud_lenovo": 12}
models = [model for model, count in counts.items() for _ in range(count)]
edge = [model.startswith("edge") for model in models]
fleet = Fleet.from_table(
    {
        "name": [f"node-{number}" for number in range(len(models))],
        "model": models,
        "capacity_cores": 32,
        "usage_cores": 1,
        "inlet_temp": [28 if is_edge else 21 for is_edge in edge],
        "delta_p": [2.7 if is_edge else 11 for is_edge in edge],
    }
)
for outcome in simulate.simulate(fleet, cores=2.0, count=200):
    print(f"{outcome.policy:16} {outcome.watts:9,.0f} W")
