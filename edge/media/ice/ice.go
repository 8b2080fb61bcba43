// Package ice is the lite agent of RFC 8445: it has one address, checks nothing itself, and answers the checks of the other
// side, which thereby shows where it is and which way it wants to use. It knows no sockets.
package ice

import (
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/pion/stun/v3"
)

const (
	header  = 20  // bytes of a STUN message before its attributes (RFC 8489 section 5)
	longest = 548 // of a request over IPv4 whose path is not known (RFC 8489 section 6.1)
)

// ErrIgnored is wrapped by what Answer says of a packet that is not for us, or not from who has our password.
var ErrIgnored = errors.New("ice: ignored")

// Errors within ErrIgnored.
var (
	errForm = errors.New("not a binding request with what a check has")
	errUser = errors.New("another user's")
	errRole = errors.New("controlled, as we are")
)

// Agent answers checks. The zero Agent ignores all.
type Agent struct{ Ufrag, Pwd string }

// New makes an agent with a name and a password of its own (RFC 8445 section 5.3: 24 and 128 bits of chance at least).
func New() Agent { return Agent{Ufrag: rand.Text()[:8], Pwd: rand.Text()} }

// Is says whether a packet may be STUN (RFC 7983).
func Is(b []byte) bool { return len(b) >= header && b[0] < 4 }

// Answer takes a packet that came from an address and gives what is to be sent back there. nominated: the other side wants
// this way to be used (RFC 8445 section 7.3.1.5). With an error there may be a reply, but the address is not the party's.
func (a Agent) Answer(b []byte, from netip.AddrPort) (reply []byte, nominated bool, err error) {
	m, err := a.read(b)
	if err != nil {
		return nil, false, errors.Join(ErrIgnored, err)
	}
	if says(m, stun.AttrICEControlled) { // a lite agent never controls; RFC 8445 section 7.3.1.1
		reply, _ = a.write(m, stun.BindingError, stun.CodeRoleConflict)
		return reply, false, errors.Join(ErrIgnored, errRole)
	}
	reply, err = a.write(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IP(from.Addr().AsSlice()), Port: int(from.Port())})
	return reply, says(m, stun.AttrUseCandidate), err
}

// read takes a binding request for us that its password and its check sum prove (RFC 8445 section 7.3).
func (a Agent) read(b []byte) (*stun.Message, error) {
	if !Is(b) || len(b) > longest || a.Ufrag == "" {
		return nil, errForm
	}
	m := &stun.Message{Raw: append(make([]byte, 0, longest+header), b...)}
	if err := m.Decode(); err != nil {
		return nil, err
	}
	if m.Type != stun.BindingRequest || int(m.Length) != len(b)-header {
		return nil, errForm
	}
	var user stun.Username
	if err := user.GetFrom(m); err != nil {
		return nil, err
	}
	// The other half is theirs; it is not known yet when their checks are faster than their answer.
	if ours, _, _ := strings.Cut(string(user), ":"); ours != a.Ufrag {
		return nil, errUser
	}
	return m, m.Check(stun.NewShortTermIntegrity(a.Pwd), stun.Fingerprint)
}

// says whether a request has an attribute that its password proves: those behind MESSAGE-INTEGRITY do not count (RFC 8489
// section 14.5).
func says(m *stun.Message, what stun.AttrType) bool {
	for _, has := range m.Attributes {
		if has.Type == what || has.Type == stun.AttrMessageIntegrity {
			return has.Type == what
		}
	}
	return false
}

func (a Agent) write(request *stun.Message, kind stun.MessageType, what stun.Setter) ([]byte, error) {
	m, err := stun.Build(stun.NewTransactionIDSetter(request.TransactionID), kind, what,
		stun.NewShortTermIntegrity(a.Pwd), stun.Fingerprint)
	if err != nil {
		return nil, err
	}
	return m.Raw, nil
}
