package ask

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	schema "github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/encode"
	"github.com/offhook/offhook/schemas/event"
)

const (
	defaultTimeout = 5 * time.Second
	leastTimeout   = time.Second
	mostTimeout    = 15 * time.Second

	// silence is the longest that a caller waits for what comes next, fallback included: 6 s less what the call
	// needs to start the fallback's sound.
	silence = 5750 * time.Millisecond
	// fallbackShare of it is kept for the fallback URL, when there is one.
	fallbackShare = 1500 * time.Millisecond
)

// Asker puts asks. It is safe for concurrent use; Close waits for functions that outlived their deadline.
type Asker struct {
	config   Config
	pools    pools
	bulkhead bulkhead
	breakers breakers
	targets  targets
	running  sync.WaitGroup
}

// New makes an Asker. The zero Config asks public webhooks only.
func New(c Config) *Asker {
	if c.Lookup == nil {
		c.Lookup = lookup
	}
	return &Asker{
		config:   c,
		pools:    pools{lookup: c.Lookup, fixed: c.Transport},
		bulkhead: bulkhead{inUse: make(map[string]int)},
	}
}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// Close waits for functions still running in this process and closes idle connections.
func (k *Asker) Close() {
	k.running.Wait()
	k.pools.close()
}

// Ask asks to (an http or https URL, or fn:NAME; "": nothing), then the policy's fallback URL, then takes its fallback document.
// It blocks until there is an answer. While a caller waits in silence (reasons call, next and redirect) that is under
// 6 s, whatever the policy says: Timeout is cut to fit, and so that the fallback URL keeps 1.5 s. For the others
// each URL has the whole Timeout, and the fallback document is not used, as it would replace what the call is doing.
// Cancelling ctx gives it up: the Answer is not OK and its failure says cancelled.
func (k *Asker) Ask(ctx context.Context, p Policy, to string, a schema.Ask) Answer {
	started := time.Now()
	q := question{policy: p, id: a.ID, known: k.known(a)}
	body, err := encode.JSON(&a)
	if err != nil {
		return Answer{Failures: []Failure{failure(to, faultf(CodeBadJSON, "the ask: %s", err), started, 0)}}
	}
	q.body = body
	ans := k.ways(ctx, q, to, a.Reason, started)
	ans.Took = time.Since(started)
	return ans
}

// known are the variable names that the answer's document may use.
func (k *Asker) known(a schema.Ask) []string {
	names := make([]string, 0, len(a.Vars)+len(k.config.Known))
	names = append(names, k.config.Known...)
	for n := range a.Vars {
		names = append(names, n)
	}
	return names
}

func (k *Asker) ways(ctx context.Context, q question, to, reason string, started time.Time) Answer {
	first, second := plan(q.policy, waits(reason), started)
	var failures []Failure
	if to != "" {
		ans, f := k.way(ctx, q, to, first)
		if f == nil {
			ans.Source = "url"
			return ans
		}
		failures = append(failures, *f)
	}
	if u := q.policy.FallbackURL; u != "" && ctx.Err() == nil {
		if second.IsZero() {
			second = time.Now().Add(timeout(q.policy))
		}
		ans, f := k.way(ctx, q, u, second)
		if f == nil {
			ans.Source, ans.Failures = "fallback_url", failures
			return ans
		}
		failures = append(failures, *f)
	}
	if q.policy.Fallback == nil || !waits(reason) || ctx.Err() != nil {
		return Answer{Failures: failures, URL: to}
	}
	return Answer{OK: true, Source: "fallback", URL: to, Failures: failures, Document: schema.Answer{Verbs: slices.Clone(q.policy.Fallback)}}
}

// waits says whether the caller hears nothing until the answer is there.
func waits(reason string) bool {
	return reason != schema.ReasonEvent && reason != schema.ReasonHangup
}

func timeout(p Policy) time.Duration {
	if p.Timeout <= 0 {
		return defaultTimeout
	}
	return min(max(p.Timeout, leastTimeout), mostTimeout)
}

// plan gives the deadlines of the URL and of the fallback URL; zero: its own Timeout from when it starts.
func plan(p Policy, waits bool, now time.Time) (first, second time.Time) {
	t := timeout(p)
	if !waits {
		return now.Add(t), time.Time{}
	}
	most := silence
	if p.FallbackURL != "" {
		most -= fallbackShare
	}
	return now.Add(min(t, most)), now.Add(silence)
}

// question is one ask on its way: the same bytes and id for every URL and try.
type question struct {
	policy   Policy
	id       string
	body     []byte
	known    []string
	deadline time.Time // of this URL
}

// reply is what came back, unread.
type reply struct {
	status int
	body   []byte // empty: go on with what is left
	base   string // the URL that answered in the end
}

// way asks one URL or function to its deadline.
func (k *Asker) way(ctx context.Context, q question, to string, deadline time.Time) (Answer, *Failure) {
	started := time.Now()
	q.deadline = deadline
	r, attempts, err := k.guarded(ctx, q, to)
	if err != nil {
		f := failure(to, classify(err), started, attempts)
		return Answer{}, &f
	}
	ans := Answer{OK: true, URL: r.base, Status: r.status, Attempts: attempts}
	if len(r.body) == 0 {
		ans.Empty = true
		return ans, nil
	}
	doc, faults := check.Answer(r.body, q.known)
	if len(faults) > 0 {
		f := failure(to, documentFault(r, faults[0]), started, attempts)
		f.Faults = faults
		return Answer{}, &f
	}
	ans.Document = doc
	return ans, nil
}

// documentFault puts the first fault into words; the rest are in the Failure's Faults.
func documentFault(r reply, first event.Fault) *fault {
	f := faultf(CodeBadDocument, "line %d, %s: expected %s, found %s", first.Line, orRoot(first.Pointer), first.Expected, first.Found)
	if first.Code == "bad_json" {
		f = faultf(CodeBadJSON, "the answer is not JSON: line %d: expected %s, found %s; it begins %s", first.Line, first.Expected, first.Found, beginning(r.body))
	}
	f.detail = clip(f.detail, 600)
	f.status = r.status
	return f
}

func orRoot(pointer string) string {
	if pointer == "" {
		return "/"
	}
	return pointer
}

func failure(to string, f *fault, started time.Time, attempts int) Failure {
	return Failure{
		URL: redacted(to), Code: f.code, Detail: f.detail, Docs: Docs(f.code),
		Status: f.status, Attempts: attempts, Took: time.Since(started),
	}
}

// redacted is a URL without its password, for events and logs.
func redacted(to string) string {
	if u, err := url.Parse(to); err == nil && u.User != nil {
		return u.Redacted()
	}
	return clip(to, 2000)
}

// guarded asks within the tenant's bulkhead and the host's breaker.
func (k *Asker) guarded(ctx context.Context, q question, to string) (reply, int, error) {
	if name, isFn := strings.CutPrefix(to, "fn:"); isFn {
		return k.function(ctx, q, name)
	}
	t, err := k.targets.get(to)
	if err != nil {
		return reply{}, 0, err
	}
	return k.remote(ctx, q, t, k.pools.of(q.policy.AllowPrivate))
}

// remote asks over HTTP.
func (k *Asker) remote(ctx context.Context, q question, t *target, p *pool) (reply, int, error) {
	if !k.bulkhead.enter(q.policy.Tenant, q.policy.Concurrent) {
		return reply{}, 0, overloaded(q.policy)
	}
	defer k.bulkhead.leave(q.policy.Tenant)
	b := k.breakers.get(q.policy.Tenant, t.url.Host)
	ok, probe, last := b.allow(time.Now())
	if !ok {
		return reply{}, 0, faultf(CodeCircuitOpen, "%s failed too often and rests for %s; last: %s", clip(t.url.Host, 100), breakerRest, last)
	}
	r, attempts, err := p.ask(ctx, q, t)
	v, what := judge(err)
	b.done(time.Now(), probe, v, what)
	return r, attempts, err
}

func overloaded(p Policy) *fault {
	most := p.Concurrent
	if most <= 0 {
		most = defaultConcurrent
	}
	return faultf(CodeOverloaded, "%d asks of this tenant are under way already (asks.concurrent)", most)
}

// judge tells a host that is ill from one whose answer merely has faults.
func judge(err error) (verdict, string) {
	if err == nil {
		return healthy, ""
	}
	var f *fault
	if !errors.As(err, &f) {
		f = classify(err)
	}
	switch f.code {
	case CodeCancelled:
		return unknown, ""
	case CodeTimeout, CodeRefused, CodeDNS, CodeTLS, CodeConnection:
		return ill, f.Error()
	case CodeStatus:
		if f.status >= 500 {
			return ill, f.Error()
		}
	}
	return healthy, ""
}
