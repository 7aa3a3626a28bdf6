"""Compare placement policies on the same fleet."""

from wao_demo.fleet import servers
from wao_demo.run import fleet_of
from wao_predict.simulate.placement import simulate

chosen = servers()
fleet = fleet_of(chosen, {s.name: s.inlet_temp for s in chosen}, {s.name: s.delta_p for s in chosen})
for outcome in simulate(fleet, cores=2.0, count=200):
    print(f"{outcome.policy:16} {outcome.watts:9,.0f} W")
