//go:build e2e

package webhook

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/offhook/offhook/infra/e2e/real"
)

// nameServer answers for every name below rebind.test: 127.0.0.2 the first time, 127.0.0.1 from then on, valid for no time.
type nameServer struct {
	conn net.PacketConn
	mu   sync.Mutex
	seen map[string]int
}

const resolverIP = "127.0.0.66"

// startNameServer gives the command that runs another with this name server as the only one, in a mount namespace.
func startNameServer(t *testing.T) (wrap []string) {
	t.Helper()
	real.Need(t, "unshare", "mount")
	conn, err := net.ListenPacket("udp", resolverIP+":53")
	if err != nil {
		t.Fatalf("a name server needs port 53 of a loopback address: %v", err)
	}
	s := &nameServer{conn: conn, seen: map[string]int{}}
	done := make(chan struct{})
	go func() { defer close(done); s.serve() }()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver "+resolverIP+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"unshare", "-m", "sh", "-c", fmt.Sprintf(`mount --bind %s /etc/resolv.conf && exec "$0" "$@"`, file)}
}

func (s *nameServer) serve() {
	query := make([]byte, 512)
	for {
		n, from, err := s.conn.ReadFrom(query)
		if err != nil {
			return
		}
		if answer := s.answer(query[:n]); answer != nil {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

// answer is a whole response (RFC 1035 section 4.1): one address for an A of ours, none for anything else.
func (s *nameServer) answer(q []byte) []byte {
	name, end := question(q)
	if end == 0 {
		return nil
	}
	kind := binary.BigEndian.Uint16(q[end-4:])
	out := append([]byte{}, q[:end]...)
	out[2], out[3] = 0x84, 0x00            // response, authoritative
	binary.BigEndian.PutUint16(out[6:], 0) // answers
	binary.BigEndian.PutUint32(out[8:], 0) // no authority, nothing additional
	if kind != 1 || !strings.HasSuffix(name, "rebind.test.") {
		return out
	}
	s.mu.Lock()
	s.seen[name]++
	first := s.seen[name] == 1
	s.mu.Unlock()
	out[7] = 1
	last := byte(1)
	if first {
		last = 2
	}
	return append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, last)
}

// question is the name asked for, in lower case, and where the question ends.
func question(q []byte) (string, int) {
	var name strings.Builder
	for at := 12; at < len(q); {
		n := int(q[at])
		if at++; n == 0 {
			if at+4 > len(q) {
				return "", 0
			}
			return strings.ToLower(name.String()), at + 4
		}
		if at+n > len(q) {
			return "", 0
		}
		name.Write(q[at : at+n])
		name.WriteByte('.')
		at += n
	}
	return "", 0
}
