"""Where do 20 pods of 2 cores cost the fewest watts on a small mixed rack? Needs the extra onnx."""

import numpy as np

from wao_predict import Fleet, curves_of_models

models = ["edge_supermicro"] * 3 + ["cloud_lenovo"] * 3
curves = curves_of_models(models, inlet_temp=[27, 27, 28, 21, 21, 22], delta_p=[3, 3, 3, 11, 11, 11])
names = tuple(f"{model}-{number}" for number, model in enumerate(models, start=1))
fleet = Fleet(names, curves, capacity_cores=np.full(6, 32.0), usage_cores=np.full(6, 1.0))

answer = fleet.what_if(cores=2.0, n=20)
print(f"{fleet.watts().sum():.0f} W now, {answer.total_increase:.1f} W more with 20 pods")
for node, pods in answer.per_node.items():
    print(f"  {node}: {pods} pods")
