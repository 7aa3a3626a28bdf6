"""Where do 20 pods of 2 cores cost the fewest watts on a small mixed rack?"""

import numpy as np

from wao_predict import Fleet, PowerCurves, load_predictor, power_curves

types = ["edge_supermicro"] * 3 + ["cloud_lenovo"] * 3
conditions = {"edge_supermicro": (27.0, 3.0), "cloud_lenovo": (21.0, 11.0)}
knots = np.linspace(0, 100, 41)
watts = [
    power_curves(load_predictor(name), *([value] for value in conditions[name]), knots=knots).watts[0] for name in types
]
names = tuple(f"{name}-{number}" for number, name in enumerate(types, start=1))
fleet = Fleet(names, PowerCurves(knots, np.array(watts)), np.full(6, 32.0), np.full(6, 1.0))

answer = fleet.what_if(cores=2.0, count=20)
print(f"{fleet.watts().sum():.0f} W now, {answer.total_increase:.1f} W more with 20 pods")
for node, pods in answer.per_node.items():
    print(f"  {node}: {pods} pods")
