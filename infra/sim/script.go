package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/schemas/ask"
)

// kind is a sort of call: what its webhook wants.
type kind struct {
	name       string
	weight     int
	first      string            // the document for the call; empty: 204
	more       map[string]string // by path
	extension  bool              // the caller dials a user, so the router decides alone
	originated bool
	replaces   bool     // its INVITE takes the place of a phone in another call
	beside     []string // documents sent to the live call
}

const bridge = `{"verb":"dial","to":[{"user":"101"},{"user":"102"}],"ring_for":"7s","on":{"no_answer":[{"verb":"play","audio":"p900"}],"busy":"/busy"}}`

// kinds are the workload. A later verb joins it by a row here or in together.
var kinds = slices.Concat(apart, together)

var apart = []kind{
	{name: "reject", weight: 4, first: `[{"verb":"reject","status":486}]`},
	{name: "empty", weight: 2},
	{name: "announce", weight: 8, first: `[{"verb":"answer"},{"verb":"play","audio":["p700","p600"]},{"verb":"hangup"}]`},
	{name: "announce early", weight: 4, first: `[{"verb":"ring","early_media":true},{"verb":"play","audio":"p1500"},{"verb":"hangup","cause":"busy"}]`},
	{name: "menu", weight: 12, first: `[{"verb":"answer"},{"verb":"gather","max_digits":2,"timeout":"2s","digit_timeout":"1s","tries":2,"prompt":[{"verb":"play","audio":"p1100"}],"next":"/menu"}]`,
		more: map[string]string{"/menu": `[{"verb":"say","text":"{digits}"},{"verb":"gather","max_digits":1,"timeout":"1s","on":{"1":[{"verb":"play","audio":"p800"}],"2":"/more","no_input":[{"verb":"play","audio":"p500"}]}},{"verb":"hangup"}]`, "/more": `[{"verb":"play","audio":"p900"}]`}},
	{name: "ring all", weight: 14, first: `[` + bridge + `]`, more: map[string]string{"/busy": `[{"verb":"reject","status":600}]`}},
	{name: "answered, ring all", weight: 12, first: `[{"verb":"answer"},{"verb":"play","audio":"p600"},` + bridge + `,{"verb":"play","audio":"p700"}]`,
		more: map[string]string{"/busy": `[{"verb":"play","audio":"tone:busy","loop":3},{"verb":"hangup","cause":"busy"}]`}},
	{name: "in order", weight: 8, first: `[{"verb":"dial","to":[{"user":"103"},{"user":"104"},{"number":"+1555","gateway":"telia"}],"ring":"in_order","ring_for":"4s","next":"/after"}]`,
		more: map[string]string{"/after": `[{"verb":"answer"},{"verb":"play","audio":"p800"}]`}},
	{name: "many with losers", weight: 6, first: `[{"verb":"answer"},{"verb":"dial","to":[{"user":"101"},{"user":"102"},{"user":"103"},{"user":"104"}],"ring_for":"9s","time_limit":"12s"}]`},
	{name: "hold mail", weight: 10, first: `[{"verb":"answer"},
		{"verb":"on","event":"held","do":[{"verb":"email","to":"boss@acme.test","subject":"On hold","text":"User {agent_name} put on hold {caller_number}."}]},
		{"verb":"on","event":"resumed","do":"/resumed"},{"verb":"on","event":"dtmf","do":[{"verb":"emit","type":"pressed","data":{"call":"{call_id}"}}]},
		{"verb":"on","event":"hangup","do":"/ended"},` + bridge + `,{"verb":"hangup"}]`,
		more: map[string]string{"/resumed": `[{"verb":"log","text":"back"}]`, "/ended": `[{"verb":"emit","type":"done"}]`, "/busy": `[{"verb":"play","audio":"p500"}]`}},
	{name: "parallel", weight: 6, first: `[{"verb":"answer"},{"verb":"parallel","do":[[{"verb":"pause","for":"1.3s"},{"verb":"emit","type":"one"}],[{"verb":"pause","for":"40s"},{"verb":"log","text":"never"}]]},{"verb":"play","audio":"p2500"},` + bridge + `]`,
		more: map[string]string{"/busy": `[]`}},
	{name: "redirect", weight: 5, first: `[{"verb":"redirect","to":"/second"}]`,
		more: map[string]string{"/second": `{"verbs":[{"verb":"answer"},{"verb":"play","audio":"p900"},{"verb":"redirect","to":"/third"}],"vars":{"who":"x"},"state":{"n":1}}`,
			"/third": `[{"verb":"say","text":"Hello {who}"}]`}},
	{name: "early dial", weight: 5, first: `[{"verb":"ring","early_media":true},{"verb":"play","audio":"p700"},{"verb":"dial","to":{"user":"102"},"ring_for":"6s","ringback":"tone:ringback","on":{"ringing":[{"verb":"log","text":"rings"}],"answered":"/answered","hangup":[{"verb":"emit","type":"gone"}]}}]`,
		more: map[string]string{"/answered": ``}},
	{name: "background", weight: 6, first: `[{"verb":"answer"},{"verb":"dial","background":true,"to":[{"user":"103"},{"user":"104"}],"ring_for":"8s"},{"verb":"gather","max_digits":1,"timeout":"1s","prompt":[{"verb":"play","audio":"p4000"}],"on":{"1":[{"verb":"play","audio":"p500"}]}},{"verb":"play","audio":"p3000"}]`},
	{name: "small things", weight: 4, first: `[{"verb":"set","vars":{"colour":"red"}},{"verb":"log","text":"{colour} {caller_number}"},{"verb":"emit","type":"started"},{"verb":"answer"},{"verb":"say","text":"{colour}"},{"verb":"pause","for":"1s"},{"verb":"on","event":"held","do":"/held"},{"verb":"off","event":"held"},{"verb":"play","audio":"p400"}]`},
	{name: "bad audio", weight: 2, first: `[{"verb":"answer"},{"verb":"play","audio":["missing","p800"]},{"verb":"play","audio":"p300"}]`},
	{name: "places", weight: 3, first: `[{"verb":"answer"},{"verb":"play","audio":["p3000","p800"],"from":"1s","until":"2.4s"},{"verb":"play","id":"m","audio":"p5000","background":true},{"verb":"pause","for":"600ms"},{"verb":"play","action":"skip","of_id":"m","by":"1s"},{"verb":"play","action":"pause","of_id":"m"},{"verb":"pause","for":"700ms"},{"verb":"play","action":"resume","of_id":"m"},{"verb":"play","audio":"missing","fallback":"p400"},{"verb":"pause","for":"900ms"},{"verb":"play","action":"stop"}]`},
	{name: "detects", weight: 4, first: `[{"verb":"answer"},{"verb":"detect","what":["silence","busy_tone","fax"],"background":true,"on":{"silence":[{"verb":"log","text":"silence"}]}},{"verb":"detect","for":"2s","on":{"timeout":[{"verb":"play","audio":"p400"}],"human":[{"verb":"play","audio":"p500"}]}},` + bridge + `]`, more: map[string]string{"/busy": `[{"verb":"play","audio":"p500"}]`}},
	{name: "talks to an agent", weight: 4, first: `[{"verb":"answer"},{"verb":"stream","to":"ws://agent.sim/echo","time_limit":"3s","finish_on":"0"},{"verb":"play","audio":"p500"}]`},
	{name: "agents that fail", weight: 3, first: `[{"verb":"answer"},{"verb":"stream","to":"ws://agent.sim/refuses"},{"verb":"play","audio":"p700"},{"verb":"stream","to":"ws://agent.sim/leaves","reconnect":-1},{"verb":"play","audio":"p300"},{"verb":"stream","to":"ws://agent.sim/garbage","time_limit":"2s"},{"verb":"stream","to":"ws://agent.sim/stalls","time_limit":"1s"},{"verb":"hangup"}]`},
	{name: "streamed", weight: 4, first: `[{"verb":"stream","id":"words","to":"ws://agent.sim/leaves","track":"both","background":true,"reconnect":-1},{"verb":"answer"},` + bridge + `,{"verb":"stream","action":"stop","of_id":"words"},{"verb":"play","audio":"p500"}]`, more: map[string]string{"/busy": `[{"verb":"play","audio":"p500"}]`}},
	{name: "extension", weight: 8, extension: true},
	{name: "originated", weight: 5, originated: true},
}

var kindWeights = func() []int {
	var all []int
	for _, k := range kinds {
		all = append(all, k.weight)
	}
	return all
}()

// originatedDoc runs when the first party of an originated call has answered.
const originatedDoc = `[{"verb":"play","audio":"p600"},{"verb":"dial","to":{"user":"104"},"ring_for":"6s"},{"verb":"play","audio":"p500"}]`

// fallbackDoc is the tenant's.
const fallbackDoc = `[{"verb":"answer"},{"verb":"play","audio":"p800"},{"verb":"hangup"}]`

// webhook answers the asks of all calls, in place of the network below resty.
type webhook struct{ w *world }

// RoundTrip answers by the call's kind, after a time and with faults that follow from the call and the ask.
func (h webhook) RoundTrip(r *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var a ask.Ask
	if err := json.Unmarshal(raw, &a); err != nil {
		h.w.problem("", "an ask is no ask: %v", err)
		return nil, err
	}
	thing := h.w.nthAsk(h.w.nameOf(a.Call.ID) + " " + numberOf(a.ID))
	d := h.w.dice
	took := d.span(2*time.Millisecond, 250*time.Millisecond, "webhook", thing)
	fault := ""
	if a.Reason != ask.ReasonHangup && d.chance(h.w.opts.Faults.Webhook, "webhook fault", thing) {
		fault = webhookFaults[d.pick(len(webhookFaults), "which", thing)]
	}
	if fault == "slow" {
		took = d.span(time.Second, 4*time.Second, "slow", thing)
	}
	if fault == "hangs" {
		took = time.Hour
	}
	if err := rest(r.Context(), took); err != nil {
		return nil, err
	}
	if fault == "refused" {
		return nil, errRefused
	}
	status, kind, body := h.answer(a, r.URL, fault)
	return respond(r, status, kind, body), nil
}

var (
	webhookFaults = []string{"slow", "hangs", "refused", "500", "503", "html", "garbage", "unknown verb", "large", "404"}
	errRefused    = errors.New("connection refused")
)

// numberOf an ask: what stands behind the call's id, which is another in each run.
func numberOf(id string) string { return id[strings.LastIndexByte(id, '.')+1:] }

func rest(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (h webhook) answer(a ask.Ask, u *url.URL, fault string) (status int, kind, body string) {
	switch fault {
	case "500", "503", "404":
		return map[string]int{"500": 500, "503": 503, "404": 404}[fault], "text/plain", "out of order"
	case "html":
		return 200, "text/html", "<html>Welcome</html>"
	case "garbage":
		return 200, "application/json", `[{"verb":"play"`
	case "unknown verb":
		return 200, "application/json", `[{"verb":"paly","audio":"p500"}]`
	case "large":
		return 200, "application/json", `["` + strings.Repeat("x", 70<<10) + `"]`
	}
	is := h.w.kindOf(h.w.nameOf(a.Call.ID))
	doc := is.first
	if u.Path != "/call" {
		doc = is.more[u.Path]
	}
	if doc == "" {
		return 204, "", ""
	}
	return 200, "application/json", doc
}

func respond(r *http.Request, status int, kind, body string) *http.Response {
	h := http.Header{}
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader([]byte(body))), ContentLength: int64(len(body)), Request: r}
}
