package node

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/edge/sipua"
)

// metrics of the shell; Collectors hands them to a registry.
type metrics struct {
	started, ended, refused, panics                 prometheus.Counter
	unpublished, noPorts, mediaTimeouts, keysFailed prometheus.Counter
	askTook                                         prometheus.Histogram
	answer                                          answerTimes
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "offhook", Name: name, Help: help})
}

// gauge tells how many of something there are.
func gauge(name, help string, count *atomic.Int64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "offhook", Name: name, Help: help}, func() float64 { return float64(count.Load()) })
}

func newMetrics() metrics {
	return metrics{
		answer:        newAnswerTimes(),
		started:       counter("calls_started_total", "Calls begun."),
		ended:         counter("calls_ended_total", "Calls over."),
		refused:       counter("calls_refused_total", "New calls answered 503."),
		panics:        counter("call_panics_total", "Calls ended by a fault in the program."),
		unpublished:   counter("events_unpublished_total", "Events that the log did not take."),
		noPorts:       counter("media_no_ports_total", "Legs without a free RTP port."),
		mediaTimeouts: counter("media_timeouts_total", "Legs ended because RTP stopped."),
		keysFailed:    counter("media_keys_failed_total", "Legs ended because DTLS brought no keys."),
		askTook: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "offhook", Name: "ask_seconds",
			Help: "How long asks took, retry and fallback included.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
	}
}

// gateways tells which registrations at gateways stand; the configuration says which there are.
type gateways struct {
	node *Node
	desc *prometheus.Desc
}

func newGateways(n *Node) gateways {
	return gateways{n, prometheus.NewDesc("offhook_gateway_up", "Registrations at gateways: 1 stands, 0 does not.", []string{"gateway"}, nil)}
}

// Describe is part of prometheus.Collector.
func (g gateways) Describe(to chan<- *prometheus.Desc) { to <- g.desc }

// Collect is part of prometheus.Collector.
func (g gateways) Collect(to chan<- prometheus.Metric) {
	for _, x := range g.node.Gateways("") {
		up := 0.0
		if x.Up {
			up = 1
		}
		to <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, up, x.Tenant+"/"+x.Name)
	}
}

// signalled reads a count of the signalling, if there is any.
func (n *Node) signalled(count func(*sipua.UA) int64) func() float64 {
	return func() float64 {
		if n.ua == nil {
			return 0
		}
		return float64(count(n.ua))
	}
}

// refusals are the packets that the media did not take.
func (n *Node) refusals() []prometheus.Collector {
	count := func(name, help string, of func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "offhook", Name: name, Help: help}, func() float64 { return float64(of()) })
	}
	return []prometheus.Collector{
		count("media_packets_refused_total", "Packets on RTP ports that were not taken: of strangers, not to be read, not agreed on.",
			func() uint64 { packets, _ := n.cfg.Media.Refused(); return packets }),
		count("media_reports_refused_total", "RTCP that was not believed.", func() uint64 { _, reports := n.cfg.Media.Refused(); return reports }),
	}
}

// Collectors are the node's Prometheus collectors.
func (n *Node) Collectors() []prometheus.Collector {
	m := &n.metrics
	live := gauge("calls_live", "Calls in progress.", &n.live)
	lent := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "offhook", Name: "legs_lent", Help: "Legs that are with another call."},
		func() float64 { return float64(n.Lent()) })
	shed := prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "offhook", Name: "calls_shed_total",
		Help: "New calls that the signalling answered 503, as its queue stood or offhook drains."}, n.signalled((*sipua.UA).Refused))
	excess := prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "offhook", Name: "requests_over_share_total",
		Help: "New requests dropped or refused, as their source had had its share while others waited."}, n.signalled((*sipua.UA).Excess))
	all := []prometheus.Collector{shed, excess, m.started, m.ended, m.refused, m.panics, m.unpublished, m.noPorts, m.mediaTimeouts, m.keysFailed, m.askTook, m.answer.all, live, lent,
		newGateways(n)}
	return slices.Concat(all, n.refusals(), n.recorders.collectors(), n.streams.collectors())
}
