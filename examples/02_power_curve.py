"""Draw the power curve of a server type, cold aisle and hot aisle on one axis. Needs the extra plot."""

import sys

from wao_predict import PowerCurveDisplay, load_predictor

predictor = load_predictor("cloud_dell")
cold = PowerCurveDisplay.from_predictor(predictor, inlet_temp=18, delta_p=10)
PowerCurveDisplay.from_predictor(predictor, inlet_temp=28, delta_p=10, ax=cold.ax_)
file = sys.argv[1] if len(sys.argv) > 1 else "curve.png"
cold.figure_.savefig(file, dpi=150)
print(f"drawn into {file}")
