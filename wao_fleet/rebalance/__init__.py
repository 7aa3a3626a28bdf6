"""`wao rebalance`: moves Pods together while that saves power. By default it only recommends moves."""
