package run

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/offhook/offhook/edge/certificate"
)

// certificate of the encrypted listeners; nil when there is none of them.
func (e *Edge) certificate() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	s := e.opts.Secure
	var pair *certificate.Pair
	var err error
	switch {
	case (s.Cert == "") != (s.Key == ""):
		return nil, errors.New("--cert and --key belong together")
	case !s.Encrypted():
		return nil, nil
	case s.Cert != "":
		pair, err = certificate.Open(s.Cert, s.Key, e.log)
	case s.SelfMade:
		pair, err = certificate.SelfMade(filepath.Join(e.opts.Data, "tls"), e.hosts(), e.log)
	default:
		err = errors.New("--tls and --wss need a certificate: give its files with --cert and --key")
	}
	if err != nil {
		return nil, err
	}
	return pair.Get, nil
}

// hosts are all the names that phones may know this edge by.
func (e *Edge) hosts() []string {
	all := []string{"localhost", "127.0.0.1", "::1", e.opts.Public}
	for _, l := range e.opts.listeners() {
		host, _, _ := net.SplitHostPort(l.addr) // a bad one is told when it is listened on
		if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
			all = append(all, host)
		}
	}
	if name, err := os.Hostname(); err == nil {
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(slices.DeleteFunc(all, func(h string) bool { return h == "" }))
}
