package run

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/media"
)

// EdgeOptions are what the command line says of an edge.
type EdgeOptions struct {
	SIP    string // host:port for UDP and TCP
	Secure Secure
	Public string // host told to phones; default SIP's
	RTP    string // ip:first-last
	Sound  string // address told to phones for RTP; default RTP's
	HTTP   string // host:port
	Kafka  string // brokers, see events.ParseKafka
	Data   string // folder
	Name   string
	Secret string
	Grace  time.Duration // for calls in progress, after the signal to stop
	Nice   int           // priority of the process, -20 (first) to 19; 0 leaves it as it is

	Profile string // loopback address for the runtime's profiles; empty: none
}

// Secure are the listeners for SIP over TLS and WebSocket; none of them has to be.
type Secure struct {
	TLS, WS, WSS string   // host:port
	Origins      []string // of pages, see sipua.Config
	Cert, Key    string   // PEM files
	SelfMade     bool     // a certificate is made when none is given
}

// Listeners are those that are on, for a reader.
func (s Secure) Listeners() []string {
	var all []string
	for _, l := range s.listeners() {
		all = append(all, l.addr+" "+l.network)
	}
	return all
}

func (s Secure) listeners() []listener {
	all := []listener{{"--tls", "tls", s.TLS}, {"--ws", "ws", s.WS}, {"--wss", "wss", s.WSS}}
	return slices.DeleteFunc(all, func(l listener) bool { return l.addr == "" })
}

// Encrypted tells whether a certificate is needed.
func (s Secure) Encrypted() bool { return s.TLS != "" || s.WSS != "" }

// CertFile is where the certificate lies.
func (s Secure) CertFile(data string) string {
	return cmp.Or(s.Cert, filepath.Join(data, "tls", "cert.pem"))
}

// listeners in the order in which their ports are taken.
func (o EdgeOptions) listeners() []listener {
	return append([]listener{{"--sip", "udp", o.SIP}, {"--sip", "tcp", o.SIP}}, o.Secure.listeners()...)
}

// listener is one for SIP, and the flag that set it.
type listener struct{ flag, network, addr string }

// rtpRange reads "127.0.0.1:20000-29999".
func rtpRange(text string) (ip netip.Addr, first, last int, err error) {
	bad := fmt.Errorf("--rtp %q: expected an address and a range of ports such as 127.0.0.1:20000-29999", text)
	host, ports, err := net.SplitHostPort(text)
	if err != nil {
		return ip, 0, 0, bad
	}
	if ip, err = netip.ParseAddr(host); err != nil {
		return ip, 0, 0, bad
	}
	from, to, _ := strings.Cut(ports, "-")
	first, err1 := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if err1 != nil || err2 != nil || first < 1024 || last > 65535 || last <= first {
		return ip, 0, 0, bad
	}
	return ip, first, last, nil
}

// mediaConfig is where sound comes and goes. An address that this machine has not got is told now, not by calls without sound.
func (o EdgeOptions) mediaConfig() (media.Config, error) {
	c := media.Config{NAT: true}
	var err error
	if c.IP, c.MinPort, c.MaxPort, err = rtpRange(o.RTP); err != nil {
		return c, err
	}
	if o.Sound != "" {
		if c.Advertise, err = netip.ParseAddr(o.Sound); err != nil || c.Advertise.Unmap().Is4() != c.IP.Unmap().Is4() {
			return c, fmt.Errorf("--rtp-public %q: expected an IP address of the kind of --rtp %s", o.Sound, o.RTP)
		}
	}
	if c.IP.IsUnspecified() && (!c.Advertise.IsValid() || c.Advertise.IsUnspecified()) {
		return c, fmt.Errorf("--rtp %s: phones are told this address and cannot send there; give one of this machine, or the one that they reach with --rtp-public", o.RTP)
	}
	s, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(c.IP, 0)))
	if err != nil {
		return c, taken("--rtp", o.RTP, err)
	}
	return c, s.Close()
}

// deaf: phones of other machines are served, and told a loopback address for their sound.
func (o EdgeOptions) deaf() bool {
	sound, _, _, err := rtpRange(o.RTP)
	sip, _, _ := net.SplitHostPort(o.SIP)
	at, none := netip.ParseAddr(sip)
	return err == nil && sound.IsLoopback() && o.Sound == "" && (sip == "" || none == nil && !at.IsLoopback())
}

// checkPublic: what is told to phones stands in Via and Contact, before a port.
func checkPublic(host string) error {
	if _, err := netip.ParseAddr(host); err == nil || host == "" || hostName.MatchString(host) {
		return nil
	}
	return fmt.Errorf("--public %q: expected a host name or an IP address, without a port", host)
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9.])?$`)

// taken explains a port that cannot be had by the flag that changes it.
func taken(flag, addr string, err error) error {
	return fmt.Errorf("%s %s cannot be used: %w; give another with %s", flag, addr, err, flag)
}

// NewLogger logs to out as text or JSON from a level on.
func NewLogger(out io.Writer, json bool, level string) *slog.Logger {
	l := slog.LevelInfo
	_ = l.UnmarshalText([]byte(level)) // the command line admits only known levels
	options := &slog.HandlerOptions{Level: l}
	if json {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}
