// A custom metrics adapter of the library that prometheus-adapter and others use, with the values that are posted to it.
// The test adapter of the library listens for them on every interface; this one on loopback.
package main

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/emicklei/go-restful/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/component-base/logs"
	"k8s.io/klog/v2"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/cmd"
	"sigs.k8s.io/custom-metrics-apiserver/pkg/provider"
	fake "sigs.k8s.io/custom-metrics-apiserver/test-adapter/provider"
)

// posted announces a metric of Deployments; the library's fake provider announces none of those that are posted.
type posted struct{ provider.CustomMetricsProvider }

func (posted) ListAllMetrics() []provider.CustomMetricInfo {
	deployments := schema.GroupResource{Group: "apps", Resource: "deployments"}
	return []provider.CustomMetricInfo{{GroupResource: deployments, Namespaced: true, Metric: "requests-per-second"}}
}

func main() {
	adapter := &cmd.AdapterBase{Name: "test-adapter"}
	values := adapter.Flags().String("values-address", "127.0.0.1:0", "where values are posted, such as 127.0.0.1:8080")
	logs.AddFlags(adapter.Flags())
	if err := adapter.Flags().Parse(os.Args); err != nil {
		klog.Fatal(err)
	}
	client, err := adapter.DynamicClient()
	if err != nil {
		klog.Fatal(err)
	}
	mapper, err := adapter.RESTMapper()
	if err != nil {
		klog.Fatal(err)
	}
	metrics, posts := fake.NewFakeProvider(client, mapper)
	adapter.WithCustomMetrics(posted{metrics})
	container := restful.NewContainer()
	container.Add(posts)
	go func() {
		server := &http.Server{Addr: *values, Handler: container, ReadHeaderTimeout: 3 * time.Second}
		klog.Fatal(server.ListenAndServe())
	}()
	if err := adapter.Run(context.Background()); err != nil {
		klog.Fatal(err)
	}
}
