package sipua

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash"
	"sync"
)

// ids makes tags and branches. They follow from the secret and what they are for, so that a run repeats exactly,
// an edge of the cluster knows its fellows' tags, and nobody outside can guess one. It belongs to one worker.
type ids struct {
	mac  hash.Hash
	node string
	n    uint64
	sum  [sha256.Size]byte
	text []byte // of the call before: a buffer
}

// sharedIDs makes tags for whoever asks.
type sharedIDs struct {
	mu  sync.Mutex
	ids ids // guarded by mu
}

func (s *sharedIDs) tag(callID, other string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids.tag(callID, other)
}

var compact = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func newIDs(secret []byte, node string) ids {
	return ids{mac: hmac.New(sha256.New, secret), node: node}
}

func (i *ids) hash(what, of, other string) []byte {
	i.text = append(append(append(append(i.text[:0], what...), 0), of...), 0)
	i.text = append(append(i.text, other...), 0)
	return i.seal(i.text)
}

func (i *ids) seal(text []byte) []byte {
	i.mac.Reset()
	_, _ = i.mac.Write(text) // a hash never fails
	return i.mac.Sum(i.sum[:0])
}

// tag is NODE-SESSION-MAC: the node that owns the dialog, the session, and a MAC over both.
func (i *ids) tag(callID, other string) string { return string(i.rawTag(callID, other)) }

// rawTag is a tag that is valid until the next one is made.
func (i *ids) rawTag(callID, other string) []byte {
	const what = "mac\x00"
	session := i.hash("tag", callID, other)[:10]
	i.text = append(append(append(i.text[:0], what...), i.node...), '-')
	i.text = append(compact.AppendEncode(i.text, session), 0)
	sum := i.seal(i.text)[:5]
	i.text[len(i.text)-1] = '-'
	i.text = compact.AppendEncode(i.text, sum)
	return i.text[len(what):]
}

// branch of a new transaction (RFC 3261 8.1.1.7).
func (i *ids) branch(callID string) string {
	i.n++
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], i.n)
	return "z9hG4bK" + compact.EncodeToString(i.hash("branch", callID, string(n[:]))[:15])
}

// below gives a number in [0, n) for the waits of RFC 3261 14.1 and 14.2.
func (i *ids) below(n uint64, callID string) uint64 {
	i.n++
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], i.n)
	return binary.BigEndian.Uint64(i.hash("wait", callID, string(b[:]))) % n
}

// hashString is FNV-1a: which worker has a Call-ID.
func hashString[T ~string | ~[]byte](s T) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}
