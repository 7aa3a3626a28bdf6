"""The load balancer: weights of a Service's endpoints by predicted watts, their outputs, and the node agent."""
