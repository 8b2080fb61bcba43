package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/offhook/offhook/schemas/config"
)

// caller is who sent a request: an API key's tenant (empty: all tenants).
type caller struct{ tenant string }

// may tells whether the caller may see this tenant's things.
func (c caller) may(tenant string) bool { return c.tenant == "" || c.tenant == tenant }

type callerKey struct{}

// Tenant is whose API key a request to Config.Pages came with; empty: all tenants'.
func Tenant(ctx context.Context) string {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c.tenant
}

// guard lets requests through whose key has the scope, and whose query has none but these parameters.
func (a *api) guard(scope string, next func(http.ResponseWriter, *http.Request, caller), parameters ...string) http.Handler {
	next = taking(parameters, next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ambient := presented(r)
		if key == "" && a.Open && fromHere(r) {
			next(w, r, caller{})
			return
		}
		k, ok := config.MatchKey(a.Tenants().Keys, key)
		switch {
		case ok && ambient && foreign(r) && r.Method != http.MethodGet && r.Method != http.MethodHead:
			fail(w, http.StatusForbidden, "foreign_page", "a page of another site may not use the password that the browser keeps")
		case !ok:
			w.Header().Set("WWW-Authenticate", `Basic realm="offhook", charset="UTF-8"`)
			fail(w, http.StatusUnauthorized, "unauthorized", "give an API key: Authorization: Bearer KEY")
		case scope != "" && len(k.Scopes) > 0 && !slices.Contains(k.Scopes, scope):
			fail(w, http.StatusForbidden, "forbidden", "this key lacks the scope "+scope)
		default:
			c := caller{tenant: k.Tenant}
			next(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)), c)
		}
	})
}

// presented is the key of a request: Bearer, X-API-Key, or the password of Basic, which is ambient: a browser keeps it
// and sends it whoever's page asks.
func presented(r *http.Request) (key string, ambient bool) {
	if key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return strings.TrimSpace(key), false
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password, true
	}
	return r.Header.Get("X-API-Key"), false
}

// fromHere: from loopback, asked for under a loopback name (no DNS rebinding), and not by a page of another site.
func fromHere(r *http.Request) bool {
	src, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !src.Addr().Unmap().IsLoopback() || !loopbackName(r.Host) {
		return false
	}
	return !foreign(r) || visited(r)
}

// foreign: a page of another site sent it.
func foreign(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return true
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		return err != nil || u.Host != r.Host
	}
	return false
}

// visited: somebody followed a link on another site; that site cannot read what comes.
func visited(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

func loopbackName(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}
