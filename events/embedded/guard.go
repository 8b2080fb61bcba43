package embedded

import (
	"encoding/binary"
	"errors"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const maxRequest = 32 << 20 // the largest dead letter fits

var errNotKafka = errors.New("not a Kafka request")

// guardedListener keeps from the broker what is not Kafka: it trusts a length from the wire, so that a browser's
// "GET " would make it take a gigabyte, and fails as a whole on an unknown request.
type guardedListener struct{ net.Listener }

func (l guardedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &guardedConn{Conn: c}, nil
}

// guardedConn looks at the beginning of each request: a length, then the request's key (Kafka protocol guide).
type guardedConn struct {
	net.Conn
	head []byte // checked, not yet read by the broker
	left int    // bytes of this request not yet read, beyond head
}

func (c *guardedConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(c.head) == 0 && c.left == 0 {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func (c *guardedConn) begin() error {
	head := make([]byte, 6)
	if _, err := io.ReadFull(c.Conn, head); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head)
	key := int16(binary.BigEndian.Uint16(head[4:]))
	if size < 8 || size > maxRequest || kmsg.RequestForKey(key) == nil {
		return errNotKafka
	}
	c.head, c.left = head, int(size)-2
	return nil
}
