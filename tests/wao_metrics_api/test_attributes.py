"""What a request to the metrics API wants."""

import pytest

from wao_core.serving.auth.authorization import Attributes
from wao_metrics_api.attributes import attributes_of
from wao_metrics_api.names import CUSTOM_METRICS as OURS

G = "/apis/custom.metrics.k8s.io"


@pytest.mark.parametrize(
    ("path", "attributes"),
    [
        (
            f"{G}/v1beta2/nodes/n1/inlet_temp",
            Attributes("get", "", "v1beta2", "nodes", "inlet_temp", "n1", group=OURS),
        ),
        (f"{G}/v1beta2/nodes/*/inlet_temp", Attributes("get", "", "v1beta2", "nodes", "inlet_temp", "*", group=OURS)),
        (
            f"{G}/v1beta1/namespaces/ns/nodes/n1/inlet_temp",
            Attributes("get", "", "v1beta1", "nodes", "inlet_temp", "n1", "ns", group=OURS),
        ),
        (
            f"{G}/v1beta1/namespaces/ns/deployments.apps/d/rps",
            Attributes("get", "", "v1beta1", "deployments.apps", "rps", "d", "ns", group=OURS),
        ),
        (
            f"{G}/v1beta2/namespaces/ns/metrics/q",
            Attributes("get", "", "v1beta2", "metrics", "", "q", "ns", group=OURS),
        ),
        (f"{G}/v1beta2/blah", Attributes("list", "", "v1beta2", "blah", group=OURS)),
        (f"{G}/v1beta2", Attributes("get", path=f"{G}/v1beta2")),
        ("/openapi/v2", Attributes("get", path="/openapi/v2")),
        ("/apis", Attributes("get", path="/apis")),
    ],
)
def test_attributes(path: str, attributes: Attributes) -> None:
    assert attributes_of("GET", path) == attributes
