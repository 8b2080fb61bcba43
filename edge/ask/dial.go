package ask

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const (
	connectTimeout = time.Second
	socketTimeout  = 5 * time.Second // of streams, for which no caller waits in silence
	mostAddresses  = 4               // of one name that are tried
)

// dialer resolves, checks and dials. The address that was checked is the one dialled, so a name that answers
// differently the second time (DNS rebinding) gains nothing.
type dialer struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	allow  []netip.Prefix
	trust  bool          // our own functions: any address
	within time.Duration // default connectTimeout
}

func (d *dialer) dial(ctx context.Context, network, hostport string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(d.within, connectTimeout))
	defer cancel()
	host, portText, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, faultf(CodeBadURL, "%s", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return nil, faultf(CodeBadURL, "port %q", clip(portText, 20))
	}
	addrs, err := d.addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	return connect(ctx, network, addrs, uint16(port))
}

// addresses are those of host that may be dialled.
func (d *dialer) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	all, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	good := make([]netip.Addr, 0, len(all))
	var refused []string
	for _, a := range all {
		if a = a.Unmap(); d.trust || permitted(a, d.allow) {
			good = append(good, a)
		} else {
			refused = append(refused, a.String())
		}
	}
	if len(good) == 0 {
		return nil, faultf(CodeAddressForbidden,
			"%s is %s, which is not a public address; asks.allow_private of the tenant can allow it", clip(host, 100), clip(strings.Join(refused, ", "), 200))
	}
	return good[:min(len(good), mostAddresses)], nil
}

func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := d.lookup(ctx, host)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, &fault{code: CodeDNS, detail: "no answer for " + clip(host, 100) + " in time", retry: true, err: err}
	case err != nil:
		return nil, &fault{code: CodeDNS, detail: plain(err), retry: true, err: err}
	case len(addrs) == 0:
		return nil, &fault{code: CodeDNS, detail: "no address for " + clip(host, 100), retry: true}
	}
	return addrs, nil
}

// connect tries the addresses one after another, each with its share of the time left.
func connect(ctx context.Context, network string, addrs []netip.Addr, port uint16) (net.Conn, error) {
	var first error
	deadline, _ := ctx.Deadline()
	for i, a := range addrs {
		share := time.Until(deadline) / time.Duration(len(addrs)-i)
		one, cancel := context.WithTimeout(ctx, share)
		c, err := (&net.Dialer{}).DialContext(one, network, netip.AddrPortFrom(a, port).String())
		cancel()
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, dialFault(ctx, first)
}

func dialFault(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if isTimeout(err) {
		return &fault{code: CodeTimeout, detail: "no connection in time", retry: true, err: err}
	}
	f := classify(err)
	f.retry, f.err = true, err
	return f
}

// transport is one pool of connections. HTTP/1.1 only: a webhook's answers are small and many, and a connection
// each keeps one slow answer from holding up the others. No proxy: the checked address would be the proxy's. Compression
// is not offered, so there are no decompression bombs: what is not asked for is refused.
func (d *dialer) transport() *wire {
	return &wire{dial: d.dial, tls: &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(256)}}
}
