package ask

import (
	"crypto/tls"
	"net/http"
	"slices"
	"time"
)

// Socket is for the handshake of a WebSocket under the rules of a tenant's asks: addresses checked and connected as they
// were checked, no proxy, no redirects, TLS verified. Connections are not kept.
func (k *Asker) Socket(p Policy) *http.Client {
	d := &dialer{lookup: k.config.Lookup, allow: slices.Clone(p.AllowPrivate), within: socketTimeout}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: d.dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: mostHeader,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: socketTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Sign adds the signature of an ask to the header of a request with this body, as of now; id is new for each request.
func (p Policy) Sign(h http.Header, id string, body []byte) {
	timestamp, signature := sign(p.Secrets, id, time.Now(), body)
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", timestamp)
	if signature != "" {
		h.Set("Webhook-Signature", signature)
	}
}

// Explain gives an error of a connection that Socket made its code (see Failure) and what to tell people. The URL, which
// may hold secrets, is not in it.
func Explain(err error) (code, detail string) {
	f := classify(err)
	return f.code, f.detail
}
