"""Predict the watts of a table of servers. Needs the extra onnx."""

from wao_predict import load_predictor

table = {"cpu_usage": [10, 50, 90], "inlet_temp": [22, 25, 28], "delta_p": [5, 5, 5]}
with load_predictor("edge_lenovo") as predictor:
    for load, watts in zip(table["cpu_usage"], predictor.predict(table), strict=True):
        print(f"{load:3d} % CPU: {watts:.1f} W")
