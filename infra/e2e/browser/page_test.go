//go:build e2e

package browser

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"

	"github.com/offhook/offhook/infra/e2e/real"
)

// page is a phone in the browser.
type page struct {
	*real.Page
	r *rig
}

// page opens a library's page without registering.
func (r *rig) page(library string) *page {
	r.t.Helper()
	return &page{r.browser.Open(r.t, library, r.pages+"/"+library), r}
}

// phone opens a library's page and registers a user.
func (r *rig) phone(library, user string) *page {
	r.t.Helper()
	p := r.page(library)
	p.start(r.ws, user, "demo-"+user)
	p.wait("registered")
	return p
}

func (p *page) start(url, user, password string) {
	p.r.t.Helper()
	p.do("start", map[string]string{"url": url, "user": user, "password": password, "domain": "127.0.0.1"})
}

// do calls a function of the page's phone and does not wait for it.
func (p *page) do(function string, args ...any) {
	p.r.t.Helper()
	if args == nil {
		args = []any{}
	}
	raw, err := json.Marshal(args)
	if err != nil {
		p.r.t.Fatal(err)
	}
	p.Run(p.r.t, "void phone."+function+"(..."+string(raw)+")", nil)
}

func (p *page) wait(kind string) real.PageEvent {
	p.r.t.Helper()
	return p.Wait(p.r.t, kind)
}

// heard is the last second.
func (p *page) heard() []int16 {
	p.r.t.Helper()
	var text string
	p.Run(p.r.t, "heard()", &text)
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		p.r.t.Fatal(err)
	}
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return pcm
}
