// Package router decides what a new call meets: a number's answer, a user's phones, a gateway for users who call out,
// or the tenant's answer. It answers asks with documents; it does not run them, and it keeps nothing between calls.
package router

import (
	"context"
	"log/slog"
	"maps"

	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas/ask"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/verb"
)

const name = "router"

// Spec makes the router.
var Spec = fn.Spec{Name: name, Doc: "decides what a new call meets: numbers, extensions, the way out, the tenant's answer", New: open}

func open(_ context.Context, env fn.Env) (*fn.Function, error) {
	r := &router{config: env.Config, files: newFiles(env.Folder), log: env.Logger}
	return &fn.Function{Name: name, Asks: fn.Answers(env.Logger, r.answer), AtOnce: r.atOnce}, nil
}

type router struct {
	config func() *config.Config
	files  *files
	log    *slog.Logger
}

// answer decides calls. Other reasons come only when a script asks fn:router by name: redirect counts as a new call,
// for the rest there is nothing to say.
func (r *router) answer(_ context.Context, a ask.Ask) (ask.Answer, error) {
	if a.Reason != ask.ReasonCall && a.Reason != ask.ReasonRedirect {
		return ask.Answer{}, nil
	}
	tenant, known := r.config().Tenants[a.Call.Tenant]
	if !known {
		r.log.Warn("call refused: its tenant is not in the configuration", "call", a.Call.ID, "tenant", a.Call.Tenant)
		return ask.Answer{Verbs: notFound()}, nil
	}
	d := Decide(a.Call, tenant)
	r.tell(a.Call, d)
	return r.meant(d)
}

// atOnce decides a call where no file has to be looked at. The configuration's documents were checked with it.
func (r *router) atOnce(a ask.Ask) (ask.Answer, bool) {
	tenant, known := r.config().Tenants[a.Call.Tenant]
	if !known || a.Reason != ask.ReasonCall {
		return ask.Answer{}, false
	}
	d := Decide(a.Call, tenant)
	if isFile(d.Do.URL) {
		return ask.Answer{}, false
	}
	r.tell(a.Call, d)
	meant, _ := r.meant(d) // only files fail
	return meant, true
}

func (r *router) tell(c ask.Call, d Decision) {
	if d.Refused {
		r.log.Warn("call refused: "+d.Why, "call", c.ID, "tenant", c.Tenant, "to", c.To, "from", c.From, "trunk", c.Trunk, "user", c.User)
		return
	}
	r.log.Debug("call routed", "call", c.ID, "tenant", c.Tenant, "to", c.To, "rule", d.Rule, "why", d.Why)
}

// meant is what a Do of the configuration means as an answer. What a file sets comes over what the number sets.
func (r *router) meant(d Decision) (ask.Answer, error) {
	switch {
	case d.Do.URL == "":
		return ask.Answer{Verbs: d.Do.Document, Vars: d.Vars}, nil
	case !isFile(d.Do.URL):
		return ask.Answer{Verbs: verb.Document{&verb.Redirect{To: d.Do.URL}}, Vars: d.Vars}, nil
	}
	a, err := r.files.load(d.Do.URL)
	if len(d.Vars) > 0 {
		vars := maps.Clone(d.Vars)
		maps.Copy(vars, a.Vars)
		a.Vars = vars
	}
	return a, err
}

func notFound() verb.Document {
	return verb.Document{&verb.Reject{Status: 404, Reason: "Not Found"}}
}
