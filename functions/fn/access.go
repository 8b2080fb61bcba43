package fn

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

type tenantKey struct{}

// WithTenant marks a request's context as allowed to see one tenant's things, or with "" all tenants'.
func WithTenant(ctx context.Context, tenant string) context.Context {
	return context.WithValue(ctx, tenantKey{}, tenant)
}

// Tenant is whose things a request may see ("": all). ok is false when nobody has admitted it.
func Tenant(ctx context.Context) (tenant string, ok bool) {
	tenant, ok = ctx.Value(tenantKey{}).(string)
	return tenant, ok
}

// Guard admits requests with an API key of the configuration that has the scope calls:read, and marks them with the
// key's tenant. With open, requests from this machine need no key. Keys: Authorization: Bearer,
// the password of Basic, or X-API-Key.
func Guard(cfg func() *config.Config, open bool, next http.Handler) http.Handler {
	return guard(cfg, open, "calls:read", next)
}

func guard(cfg func() *config.Config, open bool, scope string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := presented(r)
		if key == "" && open && fromHere(r) {
			next.ServeHTTP(w, r.WithContext(WithTenant(r.Context(), "")))
			return
		}
		k, ok := config.MatchKey(cfg().Keys, key)
		switch {
		case !ok:
			w.Header().Set("WWW-Authenticate", `Basic realm="offhook", charset="UTF-8"`)
			Fail(w, Problem(http.StatusUnauthorized, "unauthorized", "give an API key: Authorization: Bearer KEY"))
		case len(k.Scopes) > 0 && !slices.Contains(k.Scopes, scope):
			Fail(w, Problem(http.StatusForbidden, "forbidden", "this key lacks the scope "+scope))
		default:
			next.ServeHTTP(w, r.WithContext(WithTenant(r.Context(), k.Tenant)))
		}
	})
}

func presented(r *http.Request) string {
	if key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return strings.TrimSpace(key)
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	return r.Header.Get("X-API-Key")
}

// fromHere: from loopback, under a loopback name (a rebound name of another site has its own), and not by another site's page.
func fromHere(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() || !loopbackName(r.Host) {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

func loopbackName(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}
