package digest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// maxNonces bounds the nonces whose counts are kept; older ones become stale.
const maxNonces = 1 << 16

// nonces gives out nonces that carry their own time and proof, so that any edge with the same secret accepts them, and
// remembers the counts of those that were used rightly (RFC 7616 3.4: nc).
type nonces struct {
	secret []byte

	mu           sync.Mutex
	used, before map[string]ncWindow // this generation and the one before
	turned       time.Time           // when used was begun
	oldest       time.Time           // nonces from before are stale
}

// ncWindow remembers the highest count and which of the 64 below it came: UDP may swap requests.
type ncWindow struct {
	highest int
	seen    uint64
}

func newNonces(secret []byte) *nonces {
	return &nonces{secret: secret, used: map[string]ncWindow{}}
}

// issue makes a nonce: time, random, MAC.
func (n *nonces) issue(realm string, now time.Time) string {
	var b [16 + 12]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixMicro()))
	_, _ = rand.Read(b[8:16]) // crypto/rand.Read never fails
	copy(b[16:], n.mac(b[:16], realm))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (n *nonces) mac(head []byte, realm string) []byte {
	h := hmac.New(sha256.New, n.secret)
	_, _ = h.Write([]byte("nonce\x00")) // a hash never fails
	_, _ = h.Write(head)
	_, _ = h.Write([]byte(realm))
	return h.Sum(nil)[:12]
}

// issued tells when we made this nonce.
func (n *nonces) issued(nonce, realm string) (time.Time, bool) {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != 28 || !hmac.Equal(b[16:], n.mac(b[:16], realm)) {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(b))), true
}

// use takes one count of a nonce; false: too old, not ours, or used already. Without qop there is no count and a nonce
// works once.
func (n *nonces) use(nonce, realm string, count int, counted bool, now time.Time) bool {
	at, ok := n.issued(nonce, realm)
	if !ok || at.After(now.Add(time.Minute)) || now.Sub(at) > nonceLife {
		return false
	}
	if !counted {
		count = 1
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turn(now)
	if at.Before(n.oldest) {
		return false
	}
	return n.take(nonce, count)
}

func (n *nonces) take(nonce string, count int) bool {
	w, known := n.used[nonce]
	if !known {
		w, known = n.before[nonce]
	}
	if !known && count != 1 { // counted elsewhere or forgotten here
		return false
	}
	if !w.take(count) {
		return false
	}
	n.used[nonce] = w
	return true
}

// turn forgets the generation before when this one is full or old.
func (n *nonces) turn(now time.Time) {
	full := len(n.used) >= maxNonces
	if !full && now.Sub(n.turned) < nonceLife+time.Minute {
		return
	}
	if full { // what is forgotten early must not work again
		n.oldest = n.turned
	}
	n.before, n.used, n.turned = n.used, map[string]ncWindow{}, now
}

func (w *ncWindow) take(count int) bool {
	switch ahead := count - w.highest; {
	case ahead > 64:
		w.seen, w.highest = 1, count
	case ahead > 0:
		w.seen, w.highest = w.seen<<ahead|1, count
	case ahead <= -64:
		return false
	default:
		bit := uint64(1) << -ahead
		if w.seen&bit != 0 {
			return false
		}
		w.seen |= bit
	}
	return true
}
