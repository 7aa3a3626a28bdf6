module wao.invalid/testbed/cilium

go 1.26.0

// go get -t github.com/cilium/cilium/pkg/loadbalancer/tests@VERSION
require github.com/cilium/cilium v1.20.2 // indirect
