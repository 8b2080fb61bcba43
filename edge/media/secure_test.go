package media

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/rtcp"
	"github.com/offhook/offhook/edge/media/srtp"
	"github.com/pion/rtp"
	pion "github.com/pion/srtp/v3"
)

// locked is a phone with SRTP by SDES; its cipher is pion's.
type locked struct {
	*phone
	seal, open *pion.Context
}

// line is an a=crypto line with a key that fill makes.
func line(tag int, suite *srtp.Suite, fill byte) string {
	return fmt.Sprintf("a=crypto:%d %s inline:%s\r\n", tag, suite.Name, base64.StdEncoding.EncodeToString(masterKey(suite, fill)))
}

func masterKey(suite *srtp.Suite, fill byte) []byte { return bytes.Repeat([]byte{fill}, suite.Size()) }

func (r *rig) context(suite *srtp.Suite, key []byte) *pion.Context {
	r.Helper()
	c, err := pion.CreateContext(key[:suite.Key], key[suite.Key:], suite.Profile)
	if err != nil {
		r.Fatal(err)
	}
	return c
}

var cryptoLine = regexp.MustCompile(`a=crypto:(\d+) (\S+) inline:(\S+)\r\n`)

// chosen gives the suite and the key of the only line of an answer.
func (r *rig) chosen(answer []byte, tag string) (*srtp.Suite, []byte) {
	r.Helper()
	lines := cryptoLine.FindAllSubmatch(answer, -1)
	if len(lines) != 1 || string(lines[0][1]) != tag {
		r.Fatalf("want one line, %s:\n%s", tag, answer)
	}
	return r.suite(lines[0])
}

func (r *rig) suite(line [][]byte) (*srtp.Suite, []byte) {
	r.Helper()
	key, err := base64.StdEncoding.DecodeString(string(line[3]))
	if err != nil {
		r.Fatal(err)
	}
	for _, s := range srtp.Suites {
		if s.Name == string(line[2]) && len(key) == s.Size() {
			return s, key
		}
	}
	r.Fatalf("no suite: %s", line[0])
	return nil, nil
}

const savp = "m=audio %d RTP/SAVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"

// locked opens an endpoint with a phone that offered one suite.
func (r *rig) locked(suite *srtp.Suite, fill byte) *locked {
	r.Helper()
	l := &locked{phone: r.phone(bothCodecs)}
	l.rekey(suite, fill)
	return l
}

func (l *locked) rekey(suite *srtp.Suite, fill byte) {
	l.r.Helper()
	answer, _, err := l.end.Answer(l.sdpOf(savp, line(3, suite, fill)))
	if err != nil {
		l.r.Fatal(err)
	}
	got, ours := l.r.chosen(answer, "3")
	if got != suite || !strings.Contains(string(answer), " RTP/SAVP 0 ") {
		l.r.Fatalf("%s", answer)
	}
	l.seal, l.open = l.r.context(suite, masterKey(suite, fill)), l.r.context(suite, ours)
}

// sealed is the next frame of the phone.
func (l *locked) sealed(v byte) []byte {
	l.r.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: l.seq, Timestamp: l.ts, SSRC: l.ssrc}, Payload: bytes.Repeat([]byte{v}, frameSize)}
	l.seq++
	l.ts += frameSize
	b, err := p.Marshal()
	if err == nil {
		b, err = l.seal.EncryptRTP(nil, b, nil)
	}
	if err != nil {
		l.r.Fatal(err)
	}
	return b
}

// put brings a packet to the endpoint.
func (p *phone) put(b []byte) { _, _ = p.sock.WriteToUDPAddrPort(b, p.peer) }

func (l *locked) talk(v byte, n int) {
	l.r.Helper()
	for range n {
		l.put(l.sealed(v))
		time.Sleep(20 * time.Millisecond)
	}
}

// hears decrypts what came.
func (l *locked) hears() []heard {
	l.r.Helper()
	return l.r.opened(l.phone, l.open)
}

func (r *rig) opened(p *phone, open *pion.Context) (out []heard) {
	r.Helper()
	time.Sleep(time.Millisecond)
	for len(p.sock.in) > 0 {
		d := <-p.sock.in
		if rtcp.Is(d.b) {
			continue
		}
		b, err := open.DecryptRTP(nil, d.b, nil)
		h := heard{at: d.at}
		if err == nil {
			err = h.Unmarshal(b)
		}
		if err != nil {
			r.Errorf("%v: %x", err, d.b)
			continue
		}
		out = append(out, h)
	}
	return out
}

// all says that a phone heard so many frames of v.
func (r *rig) all(got []heard, n int, v byte) {
	r.Helper()
	r.oneStream(got)
	if len(got) != n || n > 0 && got[0].Payload[0] != v {
		r.Errorf("%d packets, want %d of %d", len(got), n, v)
	}
}

func TestSDESBetweenEverySuiteAndAPlainPhone(t *testing.T) {
	for _, suite := range srtp.Suites {
		inBubble(t, nil, func(r *rig) {
			plain, one, two := r.phone(onlyU), r.locked(suite, 7), r.locked(srtp.Suites[2], 9)
			bridge(plain, one.phone)
			plain.talk(1, 5)
			one.talk(2, 5)
			r.all(one.hears(), 5, 1)
			r.all(plain.hears(), 5, 2)
			bridge(one.phone, two.phone)
			one.talk(3, 5)
			two.talk(4, 5)
			r.all(two.hears(), 5, 3)
			r.all(one.hears(), 5, 4)
			if a, b := one.end.Stats(), plain.end.Stats(); a.Encryption != SDES || b.Encryption != Plain || a.Refused != 0 {
				r.Errorf("%+v %+v", a, b)
			}
		})
	}
}

func TestTheBestSuiteOfAnOfferIsTaken(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(onlyU)
		lines := []string{
			"a=crypto:1 F8_128_HMAC_SHA1_80 inline:" + base64.StdEncoding.EncodeToString(make([]byte, 30)) + "\r\n",
			line(2, srtp.Suites[3], 1), line(3, srtp.Suites[2], 1), line(4, srtp.Suites[1], 1), line(5, srtp.Suites[0], 1),
		}
		for n, want := range map[int]string{5: "5", 4: "4", 3: "3", 2: "2"} {
			answer, _, err := p.end.Answer(p.sdpOf(savp, lines[:n]...))
			if err != nil {
				r.Fatal(err)
			}
			r.chosen(answer, want)
		}
		if _, _, err := p.end.Answer(p.sdpOf(savp, lines[0])); !errors.Is(err, ErrNoEncryption) {
			r.Error(err)
		}
	})
}

// Some phones put keys beside RTP/AVP and encrypt when the other side does.
func TestKeysBesidePlainRTPAreTaken(t *testing.T) {
	for prefer, want := range map[Encryption]bool{Auto: true, SDES: true, Plain: false} {
		inBubble(t, nil, func(r *rig) {
			p := r.phone(onlyU)
			p.end.Prefer(Profile{Encryption: prefer})
			answer, _, err := p.end.Answer(p.sdpOf(onlyU, line(1, srtp.Suites[2], 1)))
			if err != nil || strings.Contains(string(answer), "a=crypto:1") != want || !strings.Contains(string(answer), " RTP/AVP 0 ") {
				r.Errorf("%v: %v\n%s", prefer, err, answer)
			}
		})
	}
}

func TestTheSectionWithTheWantedEncryptionIsTaken(t *testing.T) {
	plain, keyed := fmt.Sprintf(onlyU, 5000), fmt.Sprintf(savp, 5002)+line(1, srtp.Suites[0], 1)
	for _, c := range []struct {
		prefer Encryption
		offer  string
		want   string // the answer's sections
		err    error
	}{
		{Auto, plain + keyed, "m=audio 0 RTP/AVP 0 101\r\nm=audio 20", nil},
		{Auto, keyed + plain, "m=audio 0 RTP/AVP 0 101\r\n", nil},
		{Plain, keyed + plain, "m=audio 0 RTP/SAVP 0 101\r\nm=audio 20", nil},
		{SDES, plain + keyed, "m=audio 0 RTP/AVP 0 101\r\nm=audio 20", nil},
		{SDES, plain, "", ErrNoEncryption},
		{DTLS, plain + keyed, "", ErrNoEncryption},
		{Plain, keyed, "", ErrNoEncryption},
		{SDES, "m=audio 5000 RTP/SAVP 18\r\n", "", ErrNoCodec},
	} {
		inBubble(t, nil, func(r *rig) {
			end, err := r.eng.Open(nil)
			if err != nil {
				r.Fatal(err)
			}
			end.Prefer(Profile{Encryption: c.prefer})
			answer, _, err := end.Answer([]byte("v=0\r\nc=IN IP4 127.0.0.1\r\n" + c.offer))
			if !errors.Is(err, c.err) || !strings.Contains(string(answer), c.want) {
				r.Errorf("%v %q: %v\n%s", c.prefer, c.offer, err, answer)
			}
		})
	}
}

func TestOurOfferWithKeysAndItsAnswers(t *testing.T) {
	for i := range srtp.Suites {
		inBubble(t, nil, func(r *rig) {
			a, b := r.phone(onlyU), &locked{phone: r.unanswered(Profile{Encryption: SDES})}
			offer := b.end.Offer()
			lines := cryptoLine.FindAllSubmatch(offer, -1)
			if len(lines) != len(srtp.Suites) || !bytes.Contains(offer, []byte(" RTP/SAVP 0 8 9 101\r\n")) || !bytes.Equal(offer, b.end.Offer()) {
				r.Fatalf("%s", offer)
			}
			suite, ours := r.suite(lines[i])
			if suite != srtp.Suites[i] {
				r.Errorf("line %d is %s", i, suite.Name)
			}
			for _, bad := range []string{"", line(9, suite, 1), line(1+(i+1)%4, suite, 1)} {
				if _, err := b.end.Accept(b.sdpOf(savp, bad)); !errors.Is(err, ErrNoEncryption) {
					r.Errorf("%q: %v", bad, err)
				}
			}
			if _, err := b.end.Accept(b.sdpOf(savp, line(i+1, suite, 5))); err != nil {
				r.Fatal(err)
			}
			b.seal, b.open = r.context(suite, masterKey(suite, 5)), r.context(suite, ours)
			bridge(a, b.phone)
			a.talk(1, 3)
			b.talk(2, 3)
			r.all(b.hears(), 3, 1)
			r.all(a.hears(), 3, 2)
			// The session that exists keeps its suite and its key.
			if got, key := r.chosen(b.end.Offer(), fmt.Sprint(i+1)); got != suite || !bytes.Equal(key, ours) {
				r.Error("another key is offered")
			}
		})
	}
}

// unanswered opens an endpoint whose party was told nothing yet.
func (r *rig) unanswered(p Profile) *phone {
	r.Helper()
	f := r.phone(onlyU)
	end, err := r.eng.Open(f.notify)
	if err != nil {
		r.Fatal(err)
	}
	f.end.Close()
	end.Prefer(p)
	f.end, f.peer = end, netip.AddrPortFrom(local, uint16(end.Port()))
	return f
}

func TestANewOfferMayChangeTheKeys(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.locked(srtp.Suites[0], 1)
		bridge(a, b.phone)
		a.talk(1, 2)
		b.talk(2, 2)
		r.all(b.hears(), 2, 1)
		for i, suite := range []*srtp.Suite{srtp.Suites[0], srtp.Suites[2], srtp.Suites[1]} {
			before := b.seal
			b.rekey(suite, byte(10+i))
			stale := &locked{phone: b.phone, seal: before}
			stale.talk(99, 3)
			a.talk(3, 2)
			b.talk(4, 2)
			r.all(b.hears(), 2, 3)
		}
		got := a.hears()
		for _, p := range got {
			if p.Payload[0] == 99 {
				r.Error("heard what was encrypted with the key before")
			}
		}
		if len(got) != 8 || b.end.Stats().Refused != 9 {
			r.Errorf("%d packets, %d refused", len(got), b.end.Stats().Refused)
		}
	})
}

// The same key again is the same stream: what came before must not be taken again, and our numbers go on.
func TestARefreshWithTheSameKeysChangesNothing(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.locked(srtp.Suites[0], 1)
		bridge(a, b.phone)
		before := b.sealed(9)
		b.put(before)
		a.talk(1, 2)
		open := b.open
		b.rekey(srtp.Suites[0], 1)
		b.put(before)
		b.seal = r.context(srtp.Suites[0], masterKey(srtp.Suites[0], 1))
		b.talk(2, 2)
		a.talk(1, 2)
		r.all(r.opened(b.phone, open), 4, 1)
		if got := a.hears(); len(got) != 3 {
			r.Errorf("%d packets", len(got))
		}
		if n := b.end.Stats().Refused; n != 1 {
			r.Errorf("%d refused", n)
		}
	})
}

func TestNothingButTheKeysPartyIsHeard(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.locked(srtp.Suites[0], 1)
		bridge(a, b.phone)
		b.talk(1, 3)
		r.all(a.hears(), 3, 1)

		replayed := b.sealed(2)
		b.put(replayed)
		r.all(a.hears(), 1, 2)
		stranger := &locked{phone: b.phone, seal: r.context(srtp.Suites[0], masterKey(srtp.Suites[0], 66))}
		bad := [][]byte{replayed, stranger.sealed(3), b.sealed(4)[:100], b.sealed(5)[:13]}
		for i := range 20 {
			bent := b.sealed(6)
			bent[i*len(bent)/20] ^= 0x80
			bad = append(bad, bent)
		}
		plain, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: b.seq, SSRC: b.ssrc}, Payload: make([]byte, 160)}).Marshal()
		if err != nil {
			r.Fatal(err)
		}
		report := []byte{0x80, 201, 0, 1, 0, 0, 0, 9}
		for _, p := range append(bad, plain, report) {
			b.put(p)
		}
		if got := a.hears(); len(got) != 0 {
			r.Errorf("%d packets", len(got))
		}
		s := b.end.Stats()
		if int(s.Refused) != len(bad)+1 || s.ReportsRefused != 1 || s.PacketsReceived != 4 {
			r.Errorf("%d refused, %d reports, %d received; sent %d", s.Refused, s.ReportsRefused, s.PacketsReceived, len(bad)+1)
		}
		b.talk(7, 2)
		if got := a.hears(); len(got) != 2 {
			r.Errorf("%d packets after all that", len(got))
		}
	})
}

func TestReportsOfAnEncryptedCallAreEncrypted(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.locked(srtp.Suites[0], 1)
		bridge(a, b.phone)
		b.rtcpMux()
		clear := 0
		for range 400 {
			a.say(1)
			b.put(b.sealed(2))
			time.Sleep(20 * time.Millisecond)
		}
		reports := 0
		for len(b.sock.in) > 0 {
			d := <-b.sock.in
			if !rtcp.Is(d.b) {
				continue
			}
			if out, err := b.open.DecryptRTCP(nil, d.b, nil); err != nil {
				clear++
			} else if len(out) > 8 && out[1] == 200 {
				reports++
			}
		}
		if reports == 0 || clear != 0 {
			r.Errorf("%d reports, %d that cannot be opened", reports, clear)
		}
	})
}

// Two packets of one number, encrypted by one key, tell what is in them.
func TestANumberIsUsedOnce(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyW), r.locked(srtp.Suites[0], 1)
		bridge(a, b.phone)
		for range 200 {
			a.say(1)
			a.seq, a.ts = a.seq-1, a.ts-frameSize
			a.say(2)
			time.Sleep(20 * time.Millisecond)
		}
		got := b.hears()
		r.oneStream(got)
		if len(got) != 200 {
			r.Errorf("%d packets", len(got))
		}
	})
}

// rtcpMux agrees to one port for both.
func (l *locked) rtcpMux() {
	l.r.Helper()
	answer, _, err := l.end.Answer(l.sdpOf(savp, line(3, srtp.Suites[0], 1), "a=rtcp-mux\r\n"))
	if err != nil || !strings.Contains(string(answer), "a=rtcp-mux\r\n") {
		l.r.Fatalf("%v\n%s", err, answer)
	}
}
