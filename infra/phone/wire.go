package phone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/emiago/sipgo/sip"
)

// wire carries SIP messages over one UDP socket, or one TCP connection to the server. What it reads comes out of in; a message's
// Source is whom it came from.
type wire struct {
	in   chan sip.Message
	log  *slog.Logger
	done chan struct{}
	wg   sync.WaitGroup
	udp  *net.UDPConn
	tcp  net.Conn
	once sync.Once
}

const (
	maxMessage = 65535
	inbox      = 64
)

// openWire binds or connects.
func openWire(ctx context.Context, o Options) (*wire, error) {
	w := &wire{in: make(chan sip.Message, inbox), log: o.Logger, done: make(chan struct{})}
	read := w.readUDP
	if o.Transport == "tcp" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", o.Server)
		if err != nil {
			return nil, err
		}
		w.tcp, read = conn, w.readTCP
	} else if err := w.bind(o); err != nil {
		return nil, err
	}
	w.wg.Go(read)
	return w, nil
}

func (w *wire) bind(o Options) error {
	local := o.Local
	if local == "" {
		ip, err := localIP(o.Server)
		if err != nil {
			return err
		}
		local = ip.String()
	}
	if _, _, err := net.SplitHostPort(local); err != nil {
		local = net.JoinHostPort(strings.Trim(local, "[]"), "0")
	}
	addr, err := net.ResolveUDPAddr("udp", local)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	w.udp, err = net.ListenUDP("udp", addr)
	return err
}

// ErrNobody says that the server's machine has nothing listening at its port.
var ErrNobody = errors.New("nothing listens there")

// knock finds out at once, where the network tells, that nobody listens: keep-alives (RFC 5626 3.5.1) bring an ICMP error.
func knock(o Options) error {
	server := o.Server
	if o.Transport == "tcp" || o.Target == "" && o.As == "" { // who only waits needs no server
		return nil
	}
	c, err := net.Dial("udp", server)
	if err != nil {
		return err
	}
	defer c.Close()
	for range 2 {
		if _, err := c.Write([]byte("\r\n\r\n")); errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("%s (UDP): %w; is offhook running? --server names another address", server, ErrNobody)
		}
	}
	return nil
}

// localIP is the address from which the server is reached. Nothing is sent.
func localIP(server string) (net.IP, error) {
	c, err := net.Dial("udp", server)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).IP, nil
}

// reliable: messages are not repeated.
func (w *wire) reliable() bool { return w.tcp != nil }

func (w *wire) protocol() string {
	if w.reliable() {
		return "TCP"
	}
	return "UDP"
}

// local is our address, for Via and Contact.
func (w *wire) local() (host string, port int) {
	if w.reliable() {
		return splitAddress(w.tcp.LocalAddr().String())
	}
	return splitAddress(w.udp.LocalAddr().String())
}

// splitAddress gives the host as it stands in a SIP URI: IPv6 in brackets.
func splitAddress(s string) (host string, port int) {
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return s, 0
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port, _ = strconv.Atoi(p) // what is no number is 0: the default port
	return host, port
}

func (w *wire) send(to string, m sip.Message) error {
	b := []byte(m.String())
	if w.reliable() {
		_, err := w.tcp.Write(b)
		return err
	}
	addr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		return err
	}
	_, err = w.udp.WriteToUDP(b, addr)
	return err
}

func (w *wire) close() {
	w.once.Do(func() {
		close(w.done)
		if w.udp != nil {
			_ = w.udp.Close()
		}
		if w.tcp != nil {
			_ = w.tcp.Close()
		}
	})
	w.wg.Wait()
}

func (w *wire) readUDP() {
	buf := make([]byte, maxMessage)
	for {
		n, from, err := w.udp.ReadFromUDP(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 16 { // an ICMP error of an earlier packet; a keep-alive
			continue
		}
		m, err := sip.ParseMessage(append([]byte(nil), buf[:n]...))
		if err != nil {
			w.log.Debug("no SIP message", "from", from, "error", err)
			continue
		}
		m.SetSource(from.String())
		w.deliver(m)
	}
}

func (w *wire) readTCP() {
	stream := sip.NewParser().NewSIPStream()
	defer stream.Close()
	buf := make([]byte, 4096)
	for {
		n, err := w.tcp.Read(buf)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
				w.log.Debug("connection lost", "error", err)
			}
			return
		}
		err = stream.ParseSIPStream(buf[:n], func(m sip.Message) {
			m.SetSource(w.tcp.RemoteAddr().String())
			w.deliver(m)
		})
		if err != nil && !errors.Is(err, sip.ErrParseSipPartial) {
			w.log.Debug("no SIP message", "error", err)
			return
		}
	}
}

func (w *wire) deliver(m sip.Message) {
	if m.Via() == nil || m.CSeq() == nil || m.CallID() == nil || m.From() == nil || m.To() == nil {
		w.log.Debug("a SIP message without its needed headers")
		return
	}
	select {
	case w.in <- m:
	case <-w.done:
	}
}
