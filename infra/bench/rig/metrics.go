package rig

import (
	"bufio"
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// metricsKey is the API key that the product's configuration gives the benchmark.
const metricsKey = "bench-metrics"

// Metrics are the product's, by name with labels; nil for a peer.
type Metrics map[string]float64

// Metrics reads them.
func (s *System) Metrics() (Metrics, error) {
	if s.metrics == "" {
		return nil, nil
	}
	req, err := http.NewRequest(http.MethodGet, s.metrics, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-API-Key", metricsKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", s.metrics, res.Status)
	}
	m := Metrics{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "} ")
		if ok {
			name += "}"
		} else {
			name, value, _ = strings.Cut(lines.Text(), " ")
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			m[name] = v
		}
	}
	return m, lines.Err()
}

// Quantile is that of a histogram's observations since before, within its buckets by proportion; 0 without any.
func (m Metrics) Quantile(before Metrics, histogram, label string, q float64) float64 {
	prefix := histogram + "_bucket{" + label + `,le="`
	type bucket struct{ le, n float64 }
	var all []bucket
	for name, n := range m {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			le, err := strconv.ParseFloat(strings.TrimSuffix(rest, `"}`), 64) // +Inf too
			if err == nil {
				all = append(all, bucket{le, n - before[name]})
			}
		}
	}
	slices.SortFunc(all, func(a, b bucket) int { return cmp.Compare(a.le, b.le) })
	if len(all) == 0 || all[len(all)-1].n == 0 {
		return 0
	}
	rank, last := q*all[len(all)-1].n, bucket{}
	for _, x := range all[:len(all)-1] {
		if x.n >= rank && x.n > last.n {
			return last.le + (x.le-last.le)*(rank-last.n)/(x.n-last.n)
		}
		last = x
	}
	return last.le
}
