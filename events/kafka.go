package events

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Kafka says how to reach a broker. It is a plain value: each user of it opens and closes connections of its own.
type Kafka struct {
	Brokers  []string    // host:port, at least one
	TLS      *tls.Config // nil: not encrypted
	SASL     SASL
	ClientID string // shown in the broker's logs; default "offhook"
	// Dial opens connections; nil: TCP. Tests give an in-memory network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// SASL is how to log in. The zero value: not at all.
type SASL struct {
	Mechanism string // plain, scram-sha-256, scram-sha-512
	Username  string
	Password  string
}

// ParseKafka reads a broker list, "host:9092,other:9092", or a URL,
// "kafka://user:password@host:9093,other:9093?tls=true&sasl=scram-sha-512".
// Query: tls (true, false), sasl (plain, scram-sha-256, scram-sha-512; default plain when there is a user),
// ca, cert and key (PEM files; each switches TLS on), server_name, client_id. User and password are percent-encoded.
// A host without port gets 9092. Errors never hold the password.
func ParseKafka(s string) (Kafka, error) {
	rest, isURL := strings.CutPrefix(s, "kafka://")
	if !isURL && strings.Contains(s, "://") {
		return Kafka{}, errors.New("kafka: the scheme must be kafka://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	login, hosts, hasLogin := "", rest, false
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		login, hosts, hasLogin = rest[:i], rest[i+1:], true
	}
	k := Kafka{}
	var err error
	if k.Brokers, err = parseBrokers(strings.TrimSuffix(hosts, "/")); err != nil {
		return Kafka{}, err
	}
	if hasLogin {
		if k.SASL, err = parseLogin(login); err != nil {
			return Kafka{}, err
		}
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Kafka{}, errors.New("kafka: the part behind ? cannot be read")
	}
	if err := k.setOptions(values); err != nil {
		return Kafka{}, err
	}
	return k, k.Validate()
}

func parseBrokers(hosts string) ([]string, error) {
	var out []string
	for h := range strings.SplitSeq(hosts, ",") {
		h = strings.TrimSpace(h)
		if _, _, err := net.SplitHostPort(h); err != nil {
			h = net.JoinHostPort(strings.Trim(h, "[]"), "9092")
		}
		host, port, err := net.SplitHostPort(h)
		n, portErr := strconv.Atoi(port)
		if err != nil || host == "" || portErr != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("kafka: %q is not host:port", h)
		}
		out = append(out, h)
	}
	return out, nil
}

func parseLogin(login string) (SASL, error) {
	user, password, _ := strings.Cut(login, ":")
	u, err1 := url.PathUnescape(user)
	p, err2 := url.PathUnescape(password)
	if err1 != nil || err2 != nil || u == "" {
		return SASL{}, errors.New("kafka: user and password before @ must be percent-encoded and not empty")
	}
	return SASL{Mechanism: "plain", Username: u, Password: p}, nil
}

func (k *Kafka) setOptions(values url.Values) error {
	known := []string{"tls", "sasl", "ca", "cert", "key", "server_name", "client_id"}
	for name := range values {
		if !slices.Contains(known, name) {
			return fmt.Errorf("kafka: unknown option %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	if v := values.Get("sasl"); v != "" {
		k.SASL.Mechanism = strings.ToLower(v)
	}
	k.ClientID = values.Get("client_id")
	on := false
	if v := values.Get("tls"); v != "" {
		var err error
		if on, err = strconv.ParseBool(v); err != nil {
			return fmt.Errorf("kafka: tls=%q is not true or false", v)
		}
	}
	if !on && values.Get("ca") == "" && values.Get("cert") == "" {
		return nil
	}
	var err error
	k.TLS, err = tlsConfig(values)
	return err
}

func tlsConfig(values url.Values) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: values.Get("server_name")}
	if name := values.Get("ca"); name != "" {
		pem, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("kafka: ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka: no certificate in %s", name)
		}
	}
	if name := values.Get("cert"); name != "" {
		cert, err := tls.LoadX509KeyPair(name, values.Get("key"))
		if err != nil {
			return nil, fmt.Errorf("kafka: client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// Validate checks what can be checked without connecting.
func (k Kafka) Validate() error {
	if len(k.Brokers) == 0 {
		return errors.New("kafka: no broker given")
	}
	_, err := k.SASL.mechanism()
	return err
}

// String shows the brokers and the login's kind, never the password.
func (k Kafka) String() string {
	s := strings.Join(k.Brokers, ",")
	if k.SASL.Mechanism != "" {
		s = k.SASL.Username + "@" + s + " " + k.SASL.Mechanism
	}
	if k.TLS != nil {
		s += " tls"
	}
	return s
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case "plain":
		return plain.Mechanism{Username: s.Username, Password: s.Password}, s.check()
	case "scram-sha-256":
		return s.scram(scram.SHA256)
	case "scram-sha-512":
		return s.scram(scram.SHA512)
	}
	return nil, fmt.Errorf("kafka: sasl %q; there are plain, scram-sha-256, scram-sha-512", s.Mechanism)
}

func (s SASL) scram(a scram.Algorithm) (sasl.Mechanism, error) {
	m, err := scram.Mechanism(a, s.Username, s.Password)
	if err != nil {
		return nil, errors.New("kafka: user or password not allowed by SASLprep (RFC 4013)")
	}
	return m, s.check()
}

func (s SASL) check() error {
	if s.Username == "" {
		return errors.New("kafka: sasl needs a user")
	}
	return nil
}
