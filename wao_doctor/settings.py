"""Where the parts of WAO are, as far as that can be configured."""

from __future__ import annotations

from dataclasses import dataclass

from wao_lb.settings import PROXY_NAME


@dataclass(frozen=True, slots=True)
class DoctorSettings:
    """The names of an installation, and the time limit of one request [s].

    Attributes
    ----------
    scheduler_config
        ConfigMap with a KubeSchedulerConfiguration, as "namespace/name".
    """

    namespace: str = "wao-system"
    node_namespace: str = "wao-node"
    scheduler_config: str = "wao-system/wao-kube-scheduler"
    proxy_name: str = PROXY_NAME
    timeout: float = 10.0

    @property
    def extender_settings(self) -> str:
        """ConfigMap with the settings of the extender."""
        return f"{self.namespace}/wao-scheduler"

    @property
    def bundle(self) -> str:
        """ConfigMap with the authorities of the servers of WAO."""
        return f"{self.namespace}/wao-ca"

    @property
    def bundle_copy(self) -> str:
        """Its copy for the node agents."""
        return f"{self.node_namespace}/wao-ca"

    @property
    def kill_switch(self) -> str:
        """ConfigMap that stops standby."""
        return f"{self.namespace}/wao-standby"

    @property
    def config_maps(self) -> tuple[str, ...]:
        """All ConfigMaps that are read."""
        ours = (self.scheduler_config, self.extender_settings, self.bundle, self.bundle_copy, self.kill_switch)
        return (*ours, KUBE_PROXY, CILIUM)


KUBE_PROXY, CILIUM = "kube-system/kube-proxy", "kube-system/cilium-config"
"""ConfigMaps of service proxies, where their usual installers put them."""
LEADERS = ("wao-controller", "wao-rebalance", "wao-standby")
"""Workloads of which one replica leads by the Lease of their name."""
