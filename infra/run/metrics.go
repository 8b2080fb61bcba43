package run

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/events"
)

// logCollectors show the way to the event log.
func logCollectors(l *events.Log) []prometheus.Collector {
	reading := func(kind prometheus.ValueType, name, help string, value func(events.Stats) float64) prometheus.Collector {
		opts := prometheus.Opts{Namespace: "offhook", Subsystem: "log", Name: name, Help: help}
		now := func() float64 { return value(l.Stats()) }
		if kind == prometheus.CounterValue {
			return prometheus.NewCounterFunc(prometheus.CounterOpts(opts), now)
		}
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts), now)
	}
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue
	return []prometheus.Collector{
		reading(counter, "published_total", "Events taken.", func(s events.Stats) float64 { return float64(s.Published) }),
		reading(counter, "refused_total", "Events refused because the spool was full.", func(s events.Stats) float64 { return float64(s.Refused) }),
		reading(counter, "forwarded_total", "Events that Kafka has.", func(s events.Stats) float64 { return float64(s.Forwarded) }),
		reading(counter, "retries_total", "Produce requests tried again.", func(s events.Stats) float64 { return float64(s.Retries) }),
		reading(counter, "disk_failures_total", "Writes to the spool that failed and were tried again.", func(s events.Stats) float64 { return float64(s.Failures) }),
		reading(gauge, "backlog", "Events not yet in Kafka.", func(s events.Stats) float64 { return float64(s.Backlog) }),
		reading(gauge, "lag_seconds", "Age of the oldest event not yet in Kafka.", func(s events.Stats) float64 { return s.Lag.Seconds() }),
		reading(gauge, "spool_bytes", "Size of the spool on disk.", func(s events.Stats) float64 { return float64(s.DiskBytes) }),
	}
}
