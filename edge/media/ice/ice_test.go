package ice

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"github.com/pion/stun/v3"
)

var browser = netip.MustParseAddrPort("192.0.2.7:50000")

type attribute struct {
	kind  stun.AttrType
	value []byte
}

func (a attribute) AddTo(m *stun.Message) error {
	m.Add(a.kind, a.value)
	return nil
}

// check is what the other side sends.
func check(tb testing.TB, user, pwd string, more ...stun.Setter) []byte {
	tb.Helper()
	setters := []stun.Setter{stun.BindingRequest, stun.TransactionID, stun.NewUsername(user), attribute{stun.AttrPriority, []byte{1, 2, 3, 4}}}
	setters = append(setters, more...)
	setters = append(setters, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	m, err := stun.Build(setters...)
	if err != nil {
		tb.Fatal(err)
	}
	return m.Raw
}

var (
	controlling = attribute{stun.AttrICEControlling, make([]byte, 8)}
	controlled  = attribute{stun.AttrICEControlled, make([]byte, 8)}
	use         = attribute{stun.AttrUseCandidate, nil}
)

func TestCheckIsAnsweredWithWhereItCameFrom(t *testing.T) {
	a := New()
	for _, from := range []netip.AddrPort{browser, netip.MustParseAddrPort("[2001:db8::1]:4000")} {
		for _, nominates := range []bool{false, true} {
			more := []stun.Setter{controlling}
			if nominates {
				more = append(more, use)
			}
			b := check(t, a.Ufrag+":them", a.Pwd, more...)
			reply, nominated, err := a.Answer(b, from)
			if err != nil || nominated != nominates {
				t.Fatal(nominated, err)
			}
			m := &stun.Message{Raw: reply}
			var where stun.XORMappedAddress
			if err := m.Decode(); err != nil {
				t.Fatal(err)
			}
			if err := m.Check(stun.NewShortTermIntegrity(a.Pwd), stun.Fingerprint); err != nil {
				t.Error(err)
			}
			if err := where.GetFrom(m); err != nil || where.String() != from.String() || m.Type != stun.BindingSuccess || !bytes.Equal(m.TransactionID[:], b[8:20]) {
				t.Errorf("%v %v %v", m, where, err)
			}
		}
	}
}

func TestWhatIsNoCheckOfOursIsIgnored(t *testing.T) {
	a, other := New(), New()
	good := check(t, a.Ufrag+":them", a.Pwd, controlling)
	indication, err := stun.Build(stun.NewType(stun.MethodBinding, stun.ClassIndication), stun.TransactionID, stun.NewUsername(a.Ufrag+":them"),
		stun.NewShortTermIntegrity(a.Pwd), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := stun.Build(stun.BindingRequest, stun.TransactionID)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"wrong password": check(t, a.Ufrag+":them", other.Pwd), "another user": check(t, other.Ufrag+":them", a.Pwd),
		"empty": nil, "no names": bare.Raw, "indication": indication.Raw, "trailing": append(bytes.Clone(good), 0, 0, 0, 0),
		"long": append(bytes.Clone(good), make([]byte, longest)...), "user without pair": check(t, a.Ufrag[:7], a.Pwd),
	} {
		if reply, nominated, err := a.Answer(b, browser); reply != nil || nominated || !errors.Is(err, ErrIgnored) {
			t.Errorf("%s: %x %v %v", name, reply, nominated, err)
		}
	}
	for n := range good {
		bent := bytes.Clone(good)
		bent[n] ^= 1
		for _, b := range [][]byte{good[:n], bent} {
			if reply, _, err := a.Answer(b, browser); err == nil || reply != nil {
				t.Errorf("byte %d: %x", n, reply)
			}
		}
	}
	if _, _, err := a.Answer(good, browser); err != nil {
		t.Error(err)
	}
	if _, _, err := (Agent{}).Answer(check(t, ":them", "x"), browser); err == nil {
		t.Error("an agent that is none answers")
	}
}

func TestSomebodyElseWhoIsControlledIsToldSo(t *testing.T) {
	a := New()
	reply, _, err := a.Answer(check(t, a.Ufrag+":them", a.Pwd, controlled, use), browser)
	m := &stun.Message{Raw: reply}
	if err == nil || m.Decode() != nil {
		t.Fatal(err)
	}
	var code stun.ErrorCodeAttribute
	if err := code.GetFrom(m); err != nil || code.Code != stun.CodeRoleConflict {
		t.Error(code, err)
	}
}

// What is said after the proof is not proved.
func TestNominationBehindTheProofDoesNotCount(t *testing.T) {
	a := New()
	m, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername(a.Ufrag+":them"), controlling,
		stun.NewShortTermIntegrity(a.Pwd), use, stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	if _, nominated, _ := a.Answer(m.Raw, browser); nominated {
		t.Error("nominated")
	}
}

// Nothing makes it fail, and nothing but our password is answered with success.
func FuzzAnswer(f *testing.F) {
	a := Agent{Ufrag: "abcd", Pwd: "0123456789012345678901"}
	f.Add(check(f, "abcd:them", a.Pwd, controlling, use))
	f.Add(check(f, "abcd:them", a.Pwd, controlled))
	f.Add(check(f, "abcd:", "another password of length"))
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		reply, _, err := a.Answer(in, browser)
		if !bytes.Equal(in, before) || err == nil && len(reply) < header {
			t.Fatalf("%x: %x %v", in, reply, err)
		}
	})
}
