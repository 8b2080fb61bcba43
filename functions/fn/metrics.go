package fn

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Collectors show what the functions do with the events of the log.
func (s *Set) Collectors() []prometheus.Collector {
	var all []prometheus.Collector
	for name, m := range s.counts {
		labels := prometheus.Labels{"function": name}
		count := func(what, help string, n *atomic.Uint64) {
			all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{
				Namespace: "offhook", Subsystem: "function", Name: what + "_total", Help: help, ConstLabels: labels,
			}, func() float64 { return float64(n.Load()) }))
		}
		count("handled", "Events handled.", &m.Handled)
		count("retried", "Attempts that failed and were tried again.", &m.Retried)
		count("failed", "Events given up and sent to the dead letters.", &m.Dead)
		count("expired", "Events that the broker removed before they were read.", &m.Expired)
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "offhook", Subsystem: "function", Name: "lag_seconds", Help: "Age of the oldest event that is being handled.", ConstLabels: labels,
		}, func() float64 { return m.Lag().Seconds() }))
	}
	return all
}

// metrics is GET /metrics, for API keys with the scope metrics:read.
func (s *Set) metrics(o ServeOptions) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(s.Collectors()...)
	return guard(o.Env.Config, o.Env.Open, "metrics:read", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
}
