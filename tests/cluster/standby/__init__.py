"""wao standby on a real control plane: servers with mock BMCs that take their kubelet along."""
