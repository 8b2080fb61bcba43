package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/event"
	"github.com/offhook/offhook/schemas/verb"
	"github.com/offhook/offhook/schemas/words"
)

const maxBody = 64 << 10

func (a *api) listCalls(w http.ResponseWriter, _ *http.Request, c caller) {
	reply(w, http.StatusOK, map[string]any{"calls": a.Calls.Calls(c.tenant)})
}

// live finds a live call that the caller may see.
func (a *api) live(w http.ResponseWriter, r *http.Request, c caller) (node.View, bool) {
	v, err := a.Calls.Call(r.PathValue("id"))
	if err != nil || !c.may(v.Tenant) {
		fail(w, http.StatusNotFound, "no_such_call", "no live call "+r.PathValue("id"))
		return v, false
	}
	return v, true
}

func (a *api) getCall(w http.ResponseWriter, r *http.Request, c caller) {
	if v, err := a.Calls.Call(r.PathValue("id")); err == nil && c.may(v.Tenant) {
		reply(w, http.StatusOK, v)
		return
	}
	past, ok := a.past(w, r, c)
	if !ok {
		return
	}
	last := past[len(past)-1]
	reply(w, http.StatusOK, map[string]any{"id": r.PathValue("id"), "status": status(last), "last_event": EventJSON(last)})
}

func status(last events.Delivered) string {
	if last.Type == "offhook.call.hangup" {
		return "ended"
	}
	return "unknown"
}

// past reads a call's events from the log and checks whose they are.
func (a *api) past(w http.ResponseWriter, r *http.Request, c caller) ([]events.Delivered, bool) {
	id := r.PathValue("id")
	all, err := a.Log.Timeline(r.Context(), id)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, "log_unavailable", "the event log cannot be read: "+err.Error())
		return nil, false
	}
	if len(all) == 0 || !c.may(tenantOf(all[0])) {
		fail(w, http.StatusNotFound, "no_such_call", "the log has no call "+id)
		return nil, false
	}
	return all, true
}

func tenantOf(d events.Delivered) string {
	var t struct {
		Tenant string `json:"tenant"`
	}
	_ = json.Unmarshal(d.Data, &t) // no tenant then: only keys for all tenants see it
	return t.Tenant
}

func (a *api) timeline(w http.ResponseWriter, r *http.Request, c caller) {
	all, ok := a.past(w, r, c)
	if !ok {
		return
	}
	list := make([]WireEvent, 0, len(all))
	for _, d := range all {
		list = append(list, EventJSON(d))
	}
	reply(w, http.StatusOK, map[string]any{"call": r.PathValue("id"), "events": list})
}

func body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		fail(w, http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the body must be at most %d bytes", maxBody))
	case err != nil:
		fail(w, http.StatusBadRequest, "bad_body", "the body could not be read to its end")
	}
	return raw, err == nil
}

// order is the body of POST /v1/calls.
type order struct {
	Tenant string          `json:"tenant"`
	From   string          `json:"from"`
	To     json.RawMessage `json:"to"` // a target object, or a string: user, number or SIP URI
	Answer string          `json:"answer"`
	Verbs  json.RawMessage `json:"verbs"`
}

func (a *api) originate(w http.ResponseWriter, r *http.Request, c caller) {
	raw, ok := body(w, r)
	if !ok {
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		fail(w, http.StatusBadRequest, "bad_idempotency_key", fmt.Sprintf("an Idempotency-Key has at most %d characters", maxKey))
		return
	}
	if key == "" {
		a.start(w, raw, c)
		return
	}
	key = c.tenant + "/" + key
	k, mine, err := a.seen.claim(r.Context(), key, raw)
	switch {
	case err != nil: // the client went away
	case !mine:
		k.write(w, raw)
	default:
		defer a.seen.settle(key, k)
		k.body, k.good = a.start(w, raw, c)
		k.status = http.StatusCreated
	}
}

// start starts a call and answers; ok false: none was started.
func (a *api) start(w http.ResponseWriter, raw []byte, c caller) (v node.View, ok bool) {
	o, problem := a.origination(raw, c)
	if problem != nil {
		failWith(w, *problem)
		return v, false
	}
	v, err := a.Calls.Originate(o)
	if err != nil {
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "busy", err.Error())
		return v, false
	}
	reply(w, http.StatusCreated, v)
	return v, true
}

func (a *api) origination(raw []byte, c caller) (node.Origination, *Problem) {
	var in order
	if problem := strict(raw, &in, "tenant", "from", "to", "answer", "verbs"); problem != nil {
		return node.Origination{}, problem
	}
	tenant, problem := a.tenant(in.Tenant, c)
	if problem != nil {
		return node.Origination{}, problem
	}
	o := node.Origination{Tenant: tenant, From: in.From}
	if o.To, problem = a.target(tenant, in); problem != nil {
		return o, problem
	}
	o.Start, problem = in.start()
	return o, problem
}

// strict reads an object of known properties.
func strict(raw []byte, into any, properties ...string) *Problem {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return unknownProperty(strings.Trim(name, `"`), properties)
		}
		return &Problem{Status: http.StatusBadRequest, Code: "bad_json", Detail: "the body must be a JSON object: " + err.Error()}
	}
	if _, err := d.Token(); err != io.EOF {
		return &Problem{Status: http.StatusBadRequest, Code: "bad_json", Detail: "something follows the JSON object"}
	}
	return nil
}

func unknownProperty(name string, properties []string) *Problem {
	hint := words.DidYouMean(name, properties)
	if hint == "" {
		hint = "it takes " + strings.Join(properties, ", ")
	}
	fault := event.Fault{Code: "unknown_property", Pointer: "/" + name, Line: 1, Expected: "a property of the body", Found: strconv.Quote(name), Hint: hint}
	return &Problem{Status: http.StatusUnprocessableEntity, Code: fault.Code, Detail: "the body has no property " + fault.Found + "; " + hint, Faults: []event.Fault{fault}}
}

// tenant is the key's, the body's, or the only one.
func (a *api) tenant(asked string, c caller) (string, *Problem) {
	all := a.Tenants().Tenants
	if asked == "" {
		asked = c.tenant
	}
	if asked == "" && len(all) == 1 {
		for only := range all {
			asked = only
		}
	}
	if _, ok := all[asked]; !ok || !c.may(asked) {
		return "", &Problem{Status: http.StatusUnprocessableEntity, Code: "bad_tenant", Detail: fmt.Sprintf("no tenant %q; name one in \"tenant\"", asked)}
	}
	return asked, nil
}

// target is checked as a dial's would be: it goes through the same check as part of a document.
func (a *api) target(tenant string, in order) (verb.Target, *Problem) {
	if len(in.To) == 0 {
		return verb.Target{}, &Problem{Status: http.StatusUnprocessableEntity, Code: "bad_target", Detail: `"to" is missing: a user, a number, a SIP URI, or a target object`}
	}
	to := in.To
	var name string
	if json.Unmarshal(to, &name) == nil {
		to = a.named(tenant, name)
	}
	wrapped, _ := json.Marshal([]map[string]any{{"verb": "dial", "to": to, "caller_id": in.From}}) // raw JSON and a string always marshal
	if in.From == "" {
		wrapped, _ = json.Marshal([]map[string]any{{"verb": "dial", "to": to}})
	}
	doc, faults := check.Document(wrapped, nil)
	if len(faults) > 0 {
		for i := range faults {
			faults[i].Pointer = strings.TrimPrefix(faults[i].Pointer, "/0")
		}
		return verb.Target{}, &Problem{Status: http.StatusUnprocessableEntity, Code: "bad_target", Detail: "\"to\" or \"from\" has faults", Faults: faults}
	}
	targets := doc[0].(*verb.Dial).To
	if len(targets) != 1 {
		return verb.Target{}, &Problem{Status: http.StatusUnprocessableEntity, Code: "bad_target", Detail: `"to" takes one target`}
	}
	return targets[0], nil
}

// named reads a plain string as SIP URI, user or number, in this order.
func (a *api) named(tenant, name string) json.RawMessage {
	kind := "number"
	if strings.HasPrefix(name, "sip:") || strings.HasPrefix(name, "sips:") {
		kind = "sip"
	} else if _, ok := a.Tenants().Tenants[tenant].Users[name]; ok {
		kind = "user"
	}
	raw, _ := json.Marshal(map[string]string{kind: name}) // strings always marshal
	return raw
}

func (in order) start() (verb.Do, *Problem) {
	if (in.Answer == "") == (len(in.Verbs) == 0) {
		return verb.Do{}, &Problem{Status: http.StatusUnprocessableEntity, Code: "bad_start", Detail: `give one of "answer" (URL or fn:NAME) and "verbs" (a document)`}
	}
	if in.Answer != "" {
		if !askable(in.Answer) {
			return verb.Do{}, &Problem{Status: http.StatusUnprocessableEntity, Code: "bad_start", Detail: `"answer" must be an http or https URL, or fn:NAME`}
		}
		return verb.Do{URL: in.Answer}, nil
	}
	doc, problem := document(in.Verbs)
	return verb.Do{Document: doc}, problem
}

// askable: an absolute http or https URL, or a function.
func askable(to string) bool {
	if name, ok := strings.CutPrefix(to, "fn:"); ok {
		return name != ""
	}
	u, err := url.Parse(to)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func (a *api) registrations(w http.ResponseWriter, _ *http.Request, c caller) {
	rows := []map[string]any{}
	for _, b := range a.Calls.Registrations(c.tenant) {
		rows = append(rows, map[string]any{"tenant": b.Tenant, "user": b.User, "contact": b.Contact, "user_agent": b.UserAgent,
			"expires_at": b.Expires, "node": b.Node})
	}
	reply(w, http.StatusOK, map[string]any{"registrations": rows})
}
