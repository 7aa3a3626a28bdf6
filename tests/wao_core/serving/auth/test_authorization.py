"""What a request wants, the review that is asked for, and the words of a refusal."""

import pytest

from wao_core.serving.auth.authorization import (
    AccessDecision,
    Attributes,
    AuthenticatedOnly,
    authorize,
    review_spec,
)
from wao_core.serving.auth.identity import ANONYMOUS, User
from wao_core.serving.status import StatusError
from wao_metrics_api.attributes import attributes_of

G = "/apis/custom.metrics.k8s.io"


def test_review_spec_is_what_the_reference_sends() -> None:
    user = User("jane", ("a",), "42", (("example.org/foo", ("1",)),))
    assert review_spec(user, attributes_of("GET", f"{G}/v1beta2/nodes/n1/inlet_temp")) == {
        "resourceAttributes": {
            "verb": "get",
            "group": "custom.metrics.k8s.io",
            "version": "v1beta2",
            "resource": "nodes",
            "subresource": "inlet_temp",
            "name": "n1",
        },
        "user": "jane",
        "groups": ["a"],
        "extra": {"example.org/foo": ["1"]},
        "uid": "42",
    }
    assert review_spec(User("jane"), attributes_of("POST", "/metrics")) == {
        "nonResourceAttributes": {"path": "/metrics", "verb": "post"},
        "user": "jane",
    }


class Never:
    async def review_access(self, user: User, attributes: Attributes) -> AccessDecision:
        return AccessDecision(False, "no rule")


@pytest.mark.parametrize(
    ("path", "user", "message", "details"),
    [
        (
            f"{G}/v1beta2/nodes/n1/inlet_temp",
            User("mallory"),
            'nodes.custom.metrics.k8s.io "n1" is forbidden: User "mallory" cannot get resource "nodes/inlet_temp" in '
            'API group "custom.metrics.k8s.io" at the cluster scope: no rule',
            {"name": "n1", "group": "custom.metrics.k8s.io", "kind": "nodes"},
        ),
        (
            f"{G}/v1beta2/namespaces/default/nodes/n1/inlet_temp",
            User("mallory"),
            'nodes.custom.metrics.k8s.io "n1" is forbidden: User "mallory" cannot get resource "nodes/inlet_temp" in '
            'API group "custom.metrics.k8s.io" in the namespace "default": no rule',
            {"name": "n1", "group": "custom.metrics.k8s.io", "kind": "nodes"},
        ),
        ("/apis", ANONYMOUS, 'forbidden: User "system:anonymous" cannot get path "/apis": no rule', {}),
    ],
)
async def test_words_of_a_refusal(path: str, user: User, message: str, details: dict[str, str]) -> None:
    with pytest.raises(StatusError) as caught:
        await authorize(Never(), user, attributes_of("GET", path))
    assert (caught.value.code, caught.value.message, caught.value.details) == (403, message, details)


async def test_masters_and_health_need_no_review() -> None:
    await authorize(Never(), User("root", ("system:masters",)), attributes_of("GET", f"{G}/v1beta2/nodes/n1/x"))
    for path in ("/healthz", "/livez", "/readyz"):
        await authorize(Never(), ANONYMOUS, attributes_of("GET", path))
    with pytest.raises(StatusError):
        await authorize(Never(), ANONYMOUS, attributes_of("GET", "/healthz/etcd"))


async def test_without_a_cluster_whoever_is_authenticated_may_read() -> None:
    rule = AuthenticatedOnly()
    attributes = attributes_of("GET", "/apis")
    assert (await rule.review_access(User("robot"), attributes)).allowed
    assert not (await rule.review_access(ANONYMOUS, attributes)).allowed
