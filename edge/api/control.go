package api

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/offhook/offhook/edge/node"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/verb"
)

func (a *api) hangUp(w http.ResponseWriter, r *http.Request, c caller) {
	v, ok := a.live(w, r, c)
	if !ok {
		return
	}
	accepted(w, v.ID, "ending", a.Calls.HangUp(v.ID))
}

// replace puts a document in the place of the script.
func (a *api) replace(w http.ResponseWriter, r *http.Request, c caller) {
	v, raw, ok := a.told(w, r, c)
	if !ok {
		return
	}
	doc, agent, problem := aside(raw)
	switch {
	case problem != nil:
		failWith(w, *problem)
		return
	case agent:
		fail(w, http.StatusUnprocessableEntity, "bad_party", "the script is the caller's; POST runs a document beside it, for the agent")
		return
	}
	accepted(w, v.ID, "replacing", a.Calls.Replace(v.ID, doc))
}

// beside runs a document beside the script.
func (a *api) beside(w http.ResponseWriter, r *http.Request, c caller) {
	v, raw, ok := a.told(w, r, c)
	if !ok {
		return
	}
	doc, agent, problem := aside(raw)
	switch {
	case problem != nil:
		failWith(w, *problem)
		return
	case agent && v.Status != "bridged" && v.Status != "held":
		fail(w, http.StatusConflict, "no_agent", `"party": "agent" is whom the caller speaks with, and this call is `+v.Status)
		return
	}
	accepted(w, v.ID, "running", a.Calls.Beside(v.ID, doc, agent))
}

// told is a live call and what the request has for it.
func (a *api) told(w http.ResponseWriter, r *http.Request, c caller) (v node.View, raw []byte, ok bool) {
	if v, ok = a.live(w, r, c); ok {
		raw, ok = body(w, r)
	}
	return v, raw, ok
}

// accepted says what a call does from now on, unless it has ended meanwhile.
func accepted(w http.ResponseWriter, id, status string, err error) {
	if err != nil {
		fail(w, http.StatusNotFound, "no_such_call", err.Error())
		return
	}
	reply(w, http.StatusAccepted, map[string]any{"id": id, "status": status})
}

// aside reads {"verbs": [...], "party": "agent"}, or a document alone.
func aside(raw []byte) (doc verb.Document, agent bool, problem *Problem) {
	in := struct {
		Verbs json.RawMessage `json:"verbs"`
		Party string          `json:"party"`
	}{Verbs: raw}
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 && trimmed[0] == '{' {
		in.Verbs = nil
		if problem = strict(raw, &in, "verbs", "party"); problem != nil {
			return nil, false, problem
		}
	}
	if in.Party != "" && in.Party != "caller" && in.Party != "agent" {
		return nil, false, &Problem{Status: http.StatusUnprocessableEntity, Code: "bad_party", Detail: `"party" is caller or agent`}
	}
	doc, problem = document(in.Verbs)
	return doc, in.Party == "agent", problem
}

func document(raw []byte) (verb.Document, *Problem) {
	doc, faults := check.Document(raw, nil)
	if len(faults) > 0 {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Code: "bad_document", Detail: "the verb document has faults", Faults: faults}
	}
	return doc, nil
}

func (a *api) conferences(w http.ResponseWriter, _ *http.Request, c caller) {
	reply(w, http.StatusOK, map[string]any{"conferences": a.Calls.Conferences(c.tenant)})
}

func (a *api) queues(w http.ResponseWriter, _ *http.Request, c caller) {
	reply(w, http.StatusOK, map[string]any{"queues": a.Calls.Queues(c.tenant)})
}

func (a *api) parked(w http.ResponseWriter, _ *http.Request, c caller) {
	reply(w, http.StatusOK, map[string]any{"parked": a.Calls.Parked(c.tenant)})
}
