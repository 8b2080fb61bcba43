package call

import (
	"cmp"
	"slices"
	"strings"

	"github.com/offhook/offhook/schemas/verb"
)

// anonymous is the number of a caller who withholds it.
const anonymous = "anonymous"

// Resolve asks where a target can be reached, as the settings of users and the nodes of the cluster want it, unless it is
// direct; Resolved answers.
func (r *Run) Resolve(t verb.Target) int { return r.Follow(t, nil) }

// Follow is Resolve for what another target led to: tried is its Resolved.Tried.
func (r *Run) Follow(t verb.Target, tried []string) int {
	if r.call != nil && tried == nil {
		tried = r.call.Notes.read().Forwards
	}
	return r.resolve(Resolve{Target: t, Tried: tried})
}

// Redirects of the settings: which redirections of called phones are followed.
const (
	RedirectsUsers  = "users"  // to users of the tenant; the default
	RedirectsFollow = "follow" // also to numbers, by the tenant's gateway
	RedirectsRefuse = "refuse"
)

// ResolveMoved is Resolve for where a called phone's 3xx leads, as far as the settings allow.
func (r *Run) ResolveMoved(uri string, tried []string) int {
	return r.resolve(Resolve{Target: verb.Target{SIP: uri}, Tried: tried, Moved: cmp.Or(r.Settings().Redirects, RedirectsUsers)})
}

func (r *Run) resolve(o Resolve) int {
	if r.call == nil {
		return 0
	}
	o.Resolve = r.own(thingResolve, 0)
	r.call.put(o)
	return o.Resolve
}

// Serve makes the call one to a service of this node, or to a user with routing of the own, with these parameters. What
// follows is a script, not a new call. The users whose settings led there are kept, so that they do not lead there again.
// False: this happened so often that it goes in a circle.
func (r *Run) Serve(number string, params map[string]string, tried []string) bool {
	if r.call == nil || r.call.Notes.read().Served >= MaxRedirects {
		return false
	}
	some := r.call.Notes.write()
	some.Served++
	r.call.Info.To, r.call.Info.Params, r.call.Spent.Before = number, params, r.call.Spent.Verbs
	if params == nil {
		r.call.Info.Params = map[string]string{}
	}
	for _, mark := range tried {
		if strings.HasPrefix(mark, "user:") && !slices.Contains(some.Forwards, mark) {
			some.Forwards = append(some.Forwards, mark)
		}
	}
	return true
}

// Referred notes who has transferred the call to where it is now.
func (r *Run) Referred(by string) {
	if r.call != nil {
		r.call.Info.ReferredBy = &by
	}
}

// Shown is what those called next see of the caller: the variables caller_number and caller_name where they are set, else
// who called.
func (r *Run) Shown() (number, name string, withheld bool) {
	if r.call == nil {
		return "", "", false
	}
	number, name = r.call.Info.From, r.call.Info.FromName
	if v, ok := r.call.Script.Vars["caller_number"].(string); ok {
		number = v
	}
	if v, ok := r.call.Script.Vars["caller_name"].(string); ok {
		name = v
	}
	return number, name, strings.EqualFold(number, anonymous)
}
