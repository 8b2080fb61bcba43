package call

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/encode"
	"github.com/offhook/offhook/schemas/event"
)

var errRelative = errors.New("a relative URL needs an answer from a URL before it")

// absolute resolves a URL against the one that was asked. "fn:NAME" and the like stand for themselves.
func absolute(base, ref string) (string, error) {
	u, err := url.Parse(ref)
	if bad := (*url.Error)(nil); errors.As(err, &bad) {
		return "", bad.Err // without the URL
	}
	if u.IsAbs() {
		return ref, nil
	}
	b, err := url.Parse(base)
	if err != nil || b.Host == "" {
		return "", errRelative
	}
	return b.ResolveReference(u).String(), nil
}

// ask asks a URL for the strand's next step.
func (c *Call) ask(s *Strand, n *Next, base string) {
	a := &Asking{N: c.next(), Reason: n.Reason, Replace: n.Replace}
	if a.Reason == ask.ReasonRedirect && c.Spent.Verbs == c.Spent.Before+1 {
		a.Reason = ask.ReasonCall // sent on before anything happened: the question is still what shall happen to this call
	}
	to, bad := c.destination(a, n.Do.URL, base)
	if bad != nil && !c.standIn(s, a, *bad) {
		return
	}
	s.Asking = a
	switch s.Kind {
	case "main", referral, referred, consult: // the script itself, or who takes its place: there the hang-up is told
		c.Script.URL = cmp.Or(to, c.Script.URL)
	}
	payload := c.payload(a)
	payload.Result = n.Result
	c.inRight(s, &payload.Call)
	if n.Reason == ask.ReasonEvent {
		payload.Event = mustJSON(s.Event)
	}
	c.put(AskStart{Ask: a.N, To: to, Payload: payload})
}

// destination is what an ask is put to, or why it can't be.
func (c *Call) destination(a *Asking, ref, base string) (string, *AskFailure) {
	a.To = ref
	to, err := absolute(base, ref)
	if err != nil {
		return "", &AskFailure{URL: ref, Code: "bad_url", Detail: err.Error()}
	}
	a.To = to
	if a.Reason == ask.ReasonRedirect {
		c.Spent.Redirects++
	}
	if c.Spent.Redirects > MaxRedirects {
		return "", &AskFailure{URL: to, Code: "too_many_redirects", Detail: strconv.Itoa(MaxRedirects) + " in a row"}
	}
	return to, nil
}

// standIn tells of an ask that can't be put, and is true where the tenant's fallback is asked for instead: for the script
// itself, once until it comes to a verb that takes time, for the fallback may lead nowhere too.
func (c *Call) standIn(s *Strand, a *Asking, f AskFailure) bool {
	c.tellAskFailed(a, f)
	if s.N != c.Main || c.Spent.Fallback {
		c.askLost(s, a)
		return false
	}
	c.Spent.Fallback, c.Spent.Redirects = true, 0
	return true
}

func (c *Call) payload(a *Asking) ask.Ask {
	return ask.Ask{ID: c.askID(a), Reason: a.Reason, Call: c.Info, Vars: c.vars(), State: c.Script.State}
}

// askID is the call's id and the ask's number, so that a replay gives the same one.
func (c *Call) askID(a *Asking) string {
	return "ask_" + strings.TrimPrefix(c.Info.ID, "call_") + "." + strconv.Itoa(a.N)
}

// vars gives a copy of the variables for readers elsewhere; the values are never changed in place.
func (c *Call) vars() map[string]any {
	if c.Script.Vars == nil {
		return map[string]any{}
	}
	return maps.Clone(c.Script.Vars)
}

// mustJSON marshals what came from JSON or is one of our own shapes.
func mustJSON(v any) json.RawMessage {
	var raw []byte
	var err error
	if known, ok := v.(encode.Value); ok {
		raw, err = encode.JSON(known)
	} else {
		raw, err = json.Marshal(v)
	}
	if err != nil {
		return json.RawMessage(`null`)
	}
	return raw
}

func (c *Call) askAnswered(in AskAnswered) {
	var s *Strand
	for _, x := range c.Strands {
		if x.Asking != nil && x.Asking.N == in.Ask {
			s = x
		}
	}
	if s == nil {
		return
	}
	a := s.Asking
	s.Asking = nil
	for _, f := range in.Failures {
		c.tellAskFailed(a, f)
	}
	if !in.OK {
		c.askLost(s, a)
		return
	}
	in.URL = cmp.Or(in.URL, a.To)
	c.tellAskAnswered(a, in)
	if in.State != nil {
		c.Script.State = in.State
	}
	if err := c.mergeVars(in.Vars); err != nil {
		c.log("error", err.Error())
	}
	if len(in.Verbs) > 0 {
		c.enter(s, Frame{Base: in.URL, Doc: in.Verbs}, a.Replace)
	}
}

func (c *Call) tellAskAnswered(a *Asking, in AskAnswered) {
	data := &event.Asked{Ask: c.askID(a), Reason: a.Reason, URL: shown(in.URL), Source: in.Source, Status: in.Status,
		Attempts: in.Attempts, TookMS: in.TookMS}
	for _, v := range in.Verbs {
		data.Verbs = append(data.Verbs, v.VerbName())
	}
	c.publish(event.AskAnswered, data)
}

// shown is a URL for events and logs: its password, and what it asks for, may be secret.
func shown(to string) string {
	if !strings.ContainsAny(to, "@?") {
		return to
	}
	u, err := url.Parse(to)
	if err != nil {
		return "a URL that cannot be read"
	}
	u.User = nil
	if u.RawQuery != "" {
		u.RawQuery = "..."
	}
	return u.String()
}

// docsURL is where each code of ask.failed is explained.
const docsURL = "https://github.com/offhook/offhook/blob/main/schemas/ask/FAILURES.md#"

func (c *Call) tellAskFailed(a *Asking, f AskFailure) {
	c.publish(event.AskFailed, &event.Asked{Ask: c.askID(a), Reason: a.Reason, URL: shown(f.URL), Status: f.Status, Attempts: f.Attempts,
		TookMS: f.TookMS, Code: f.Code, Detail: f.Detail, Docs: docsURL + f.Code, Faults: f.Faults})
	line := strings.Join([]string{"ask failed:", a.Reason, shown(f.URL), f.Code}, " ")
	if len(f.Faults) == 0 {
		line += ": " + f.Detail
	}
	for _, fault := range f.Faults {
		line += fmt.Sprintf("; %s (line %d): expected %s, found %s", fault.Pointer, fault.Line, fault.Expected, fault.Found)
		if fault.Hint != "" {
			line += " (" + fault.Hint + ")"
		}
	}
	c.log("error", line)
}

// askLost: not even a fallback answered. Without its script the call ends; a handler or branch only ends itself.
func (c *Call) askLost(s *Strand, a *Asking) {
	if s.N == c.Main {
		c.end(CauseAskFailed, "system")
		return
	}
	c.log("error", "strand ends: no answer from "+shown(a.To))
	s.Frames = nil
}
