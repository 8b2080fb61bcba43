//go:build e2e

package browser

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/offhook/offhook/infra/e2e/real"
)

// registered are a user's contacts.
func (r *rig) registered(user string) (contacts []string) {
	r.t.Helper()
	var answer struct {
		Registrations []struct{ User, Contact string }
	}
	if code := r.Get(r.t, "/v1/registrations", &answer); code != http.StatusOK {
		r.t.Fatalf("/v1/registrations answers %d", code)
	}
	for _, x := range answer.Registrations {
		if x.User == user {
			contacts = append(contacts, x.Contact)
		}
	}
	return contacts
}

func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	real.Eventually(r.t, what, ok)
}

func registers(r *rig, library, url string) {
	p := r.page(library)
	p.start(url, "105", "demo-105")
	p.wait("registered")
	if got := r.registered("105"); len(got) != 1 || !strings.Contains(got[0], "transport=ws") {
		r.t.Errorf("registered is %q", got)
	}
	p.do("stop")
	p.wait("unregistered")
	r.eventually("it is not registered any more", func() bool { return len(r.registered("105")) == 0 })
}

func wrongPassword(r *rig, library string) {
	p := r.page(library)
	p.start(r.ws, "105", "wrong")
	if e := p.wait("refused"); e["code"] != 401.0 {
		r.t.Errorf("told %v", e)
	}
	if got := r.registered("105"); len(got) > 0 {
		r.t.Errorf("registered is %q", got)
	}
}

// foreign: a page from another origin than the one that was allowed.
func foreign(r *rig, library string) {
	other := *r
	other.pages = strings.Replace(r.pages, "127.0.0.1", "localhost", 1)
	p := other.page(library)
	p.start(r.ws, "105", "demo-105")
	p.wait("disconnected")
	r.Line(r.t, fmt.Sprintf("request Origin %q is not authorized", strings.TrimPrefix(other.pages, "http://")))
}

// closed: the tab is closed without a word.
func closed(r *rig, library string) {
	p := r.phone(library, "105")
	p.Close()
	r.eventually("it is not registered any more", func() bool { return len(r.registered("105")) == 0 })
}

// comesBack: the stream is cut below the page.
func comesBack(r *rig, library string) {
	wire := newWire(r.t, strings.TrimPrefix(r.ws, "ws://"))
	p := r.page(library)
	p.start("ws://"+wire.addr, "105", "demo-105")
	p.wait("registered")
	wire.cut()
	p.wait("disconnected")
	p.wait("registered")
	if got := r.registered("105"); len(got) != 1 {
		r.t.Errorf("registered is %q", got)
	}
	p.do("stop")
	p.wait("unregistered")
}
