package rtp

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// NG speaks rtpengine's control protocol: a cookie and a bencoded dictionary per datagram.
type NG struct {
	conn net.Conn
	name string // begins the cookies: rtpengine answers one that it has seen, from whomever, as before
	last int
}

// DialNG connects.
func DialNG(addr string) (*NG, error) {
	c, err := net.Dial("udp", addr)
	return &NG{conn: c, name: strconv.FormatInt(time.Now().UnixNano(), 36) + "_"}, err
}

// Close closes.
func (n *NG) Close() { _ = n.conn.Close() }

// Ping asks whether it is there.
func (n *NG) Ping() error {
	_, err := n.do(map[string]any{"command": "ping"})
	return err
}

// Call sets a two-party call up: the parties learn where to send.
func (n *NG) Call(id int, a, b *Party) error {
	name := "bench-" + strconv.Itoa(id)
	base := map[string]any{"call-id": name, "from-tag": "a", "replace": []any{"origin"}, "ICE": "remove"}
	toB, err := n.describe(base, map[string]any{"command": "offer", "sdp": a.SDP()})
	if err != nil {
		return err
	}
	toA, err := n.describe(base, map[string]any{"command": "answer", "to-tag": "b", "sdp": b.SDP()})
	if err != nil {
		return err
	}
	return join(a, toA, b, toB)
}

// join gives each party the description that it got.
func join(a *Party, sdpA string, b *Party, sdpB string) error {
	at, errA := mediaAddr(sdpA)
	bt, errB := mediaAddr(sdpB)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	a.SendTo(at)
	b.SendTo(bt)
	return nil
}

func (n *NG) describe(base, more map[string]any) (string, error) {
	for k, v := range base {
		more[k] = v
	}
	answer, err := n.do(more)
	if err != nil {
		return "", err
	}
	sdp, _ := answer["sdp"].(string)
	return sdp, nil
}

func (n *NG) do(command map[string]any) (map[string]any, error) {
	n.last++
	cookie := n.name + strconv.Itoa(n.last)
	request := append([]byte(cookie+" "), bencode(nil, command)...)
	buf := make([]byte, 65536)
	for range 5 {
		if _, err := n.conn.Write(request); err != nil {
			return nil, err
		}
		_ = n.conn.SetReadDeadline(time.Now().Add(time.Second))
		got, err := n.conn.Read(buf)
		if err != nil {
			continue // the same cookie is answered the same
		}
		head, body, _ := bytes.Cut(buf[:got], []byte(" "))
		if string(head) != cookie {
			continue
		}
		v, _, err := bdecode(body)
		answer, _ := v.(map[string]any)
		if err == nil && answer["result"] == "error" {
			err = fmt.Errorf("rtpengine: %v", answer["error-reason"])
		}
		return answer, err
	}
	return nil, errors.New("rtpengine does not answer")
}

// bencode appends strings, ints, lists and dictionaries.
func bencode(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(strconv.AppendInt(b, int64(len(v)), 10), ":"+v...)
	case int:
		return append(b, fmt.Sprintf("i%de", v)...)
	case []any:
		b = append(b, 'l')
		for _, x := range v {
			b = bencode(b, x)
		}
		return append(b, 'e')
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b = append(b, 'd')
		for _, k := range keys {
			b = bencode(bencode(b, k), v[k])
		}
		return append(b, 'e')
	}
	panic(fmt.Sprintf("bencode: %T", v))
}

var errBencode = errors.New("bad bencode")

// bdecode reads one value and gives what follows it.
func bdecode(b []byte) (v any, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, errBencode
	}
	switch b[0] {
	case 'i':
		digits, rest, ok := bytes.Cut(b[1:], []byte("e"))
		n, err := strconv.Atoi(string(digits))
		if !ok || err != nil {
			return nil, nil, errBencode
		}
		return n, rest, nil
	case 'l', 'd':
		return bdecodeMany(b[1:], b[0] == 'd')
	}
	digits, rest, ok := bytes.Cut(b, []byte(":"))
	n, err := strconv.Atoi(string(digits))
	if !ok || err != nil || n < 0 || n > len(rest) {
		return nil, nil, errBencode
	}
	return string(rest[:n]), rest[n:], nil
}

func bdecodeMany(b []byte, dictionary bool) (any, []byte, error) {
	var list []any
	for len(b) > 0 && b[0] != 'e' {
		v, rest, err := bdecode(b)
		if err != nil {
			return nil, nil, err
		}
		list, b = append(list, v), rest
	}
	if len(b) == 0 {
		return nil, nil, errBencode
	}
	if !dictionary {
		return list, b[1:], nil
	}
	m := map[string]any{}
	for i := 0; i+1 < len(list); i += 2 {
		if k, ok := list[i].(string); ok {
			m[k] = list[i+1]
		}
	}
	return m, b[1:], nil
}

func splitLines(s string) []string { return strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n") }
