package media

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/rtcp"
)

func TestHoldIsAnsweredAndTold(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(bothCodecs)
		for _, c := range []struct {
			change func(string) string
			held   bool
			reply  string
		}{
			{func(s string) string { return s + "a=sendonly\r\n" }, true, "recvonly"},
			{func(s string) string { return s }, false, "sendrecv"},
			{func(s string) string { return s + "a=inactive\r\n" }, true, "inactive"},
			{func(s string) string { return strings.Replace(s, "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1) }, true, "recvonly"},
			{func(s string) string { return s + "a=recvonly\r\n" }, false, "sendonly"},
			{func(s string) string { return s + "a=sendrecv\r\n" }, false, "sendrecv"},
		} {
			answer, n, err := p.end.Answer([]byte(c.change(string(p.sdpOf(bothCodecs)))))
			if err != nil || n.Held != c.held || n.Codec != "PCMU" || !strings.Contains(string(answer), "a="+c.reply+"\r\n") {
				r.Errorf("want %v %s: %+v %v\n%s", c.held, c.reply, n, err, answer)
			}
		}
	})
}

func TestPortZeroHoldsASessionAndRefusesANewOne(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(onlyA)
		off := []byte("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 8\r\n")
		answer, n, err := p.end.Answer(off)
		if err != nil || !n.Held || n.Codec != "PCMA" || !strings.Contains(string(answer), "m=audio 0 RTP/AVP 8\r\n") {
			r.Errorf("%+v %v\n%s", n, err, answer)
		}
		if n := p.offer(p.sdpOf(onlyA)); n.Held {
			r.Error("still held")
		}
		end, err := r.eng.Open(nil)
		if err != nil {
			r.Fatal(err)
		}
		if _, _, err := end.Answer(off); !errors.Is(err, ErrNoCodec) {
			r.Error(err)
		}
	})
}

func TestRefusedOffersChangeNothing(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		bridge(a, b)
		for text, want := range map[string]error{
			"":      ErrBadSDP,
			"v=0\r": ErrNoCodec,
			"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4 RTP/SAVP 0\r\n":        ErrNoEncryption,
			"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4 RTP/AVP 18\r\n":        ErrNoCodec,
			"v=0\r\nc=IN IP4 phone.example.com\r\nm=audio 4 RTP/AVP 0\r\n": ErrBadSDP,
			"v=0\r\nc=IN IP6 2001:db8::1\r\nm=audio 4 RTP/AVP 0\r\n":       ErrBadSDP,
			"v=0\r\nm=audio 4 RTP/AVP 0\r\n":                               ErrBadSDP,
		} {
			if _, _, err := b.end.Answer([]byte(text)); !errors.Is(err, want) {
				r.Errorf("Answer %q: %v", text, err)
			}
			if text == "v=0\r" {
				want = ErrBadSDP // no media at all where our offer has one
			}
			if _, err := b.end.Accept([]byte(text)); !errors.Is(err, want) {
				r.Errorf("Accept %q: %v", text, err)
			}
		}
		a.talk(1, 2)
		if got := b.hears(); len(got) != 2 {
			r.Errorf("%d packets", len(got))
		}
	})
}

var origin = regexp.MustCompile(`o=- (\d+) (\d+) IN IP4 127\.0\.0\.1`)

func TestVersionGoesUpOnlyWithAChange(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(bothCodecs) // its answer was version 1, and our offer will be the same description
		p.end.Prefer(Profile{Codecs: []string{"pcmu", "pcma"}})
		id := origin.FindSubmatch(p.end.Offer())[1]
		for i, c := range []struct {
			text []byte
			want string
		}{
			{p.end.Offer(), "1"},
			{answerOf(p, "a=sendonly\r\n"), "2"},
			{answerOf(p, "a=sendonly\r\n"), "2"},
			{answerOf(p), "3"},
			{p.end.Offer(), "3"},
		} {
			m := origin.FindSubmatch(c.text)
			if m == nil || string(m[1]) != string(id) || string(m[2]) != c.want {
				r.Errorf("step %d: want version %s of %s:\n%s", i, c.want, id, c.text)
			}
		}
	})
}

func answerOf(p *phone, attributes ...string) []byte {
	p.r.Helper()
	answer, _, err := p.end.Answer(p.sdpOf(bothCodecs, attributes...))
	if err != nil {
		p.r.Fatal(err)
	}
	return answer
}

func TestOfferAndAnswerToIt(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone(onlyU)
		end, err := r.eng.Open(b.notify)
		if err != nil {
			r.Fatal(err)
		}
		b.end.Close()
		b.end, b.peer = end, netip.AddrPortFrom(local, uint16(end.Port()))
		bridge(a, b)
		offer := string(end.Offer())
		if !strings.Contains(offer, "RTP/AVP 0 8 9 101\r\n") || !strings.Contains(offer, "a=sendrecv\r\n") {
			r.Errorf("%s", offer)
		}
		a.talk(1, 2)
		if got := b.hears(); len(got) != 0 {
			r.Error("sent before there was an answer")
		}
		for _, c := range []struct {
			media string
			held  bool
			codec string
			pt    uint8
		}{
			{"m=audio %d RTP/AVP 8\r\na=sendrecv\r\n", false, "PCMA", 8},
			{"m=audio %d RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", false, "PCMU", 0}, // another branch answers
			{"m=audio %d RTP/AVP 0\r\na=recvonly\r\n", false, "PCMU", 0},
		} {
			n, err := end.Accept(b.sdpOf(c.media))
			if err != nil || n != (Negotiated{c.held, c.codec}) {
				r.Errorf("%q: %+v %v", c.media, n, err)
			}
			a.talk(1, 2)
			if got := b.hears(); len(got) != 2 || got[0].PayloadType != c.pt {
				r.Errorf("%q: %d packets", c.media, len(got))
			}
		}
		if n, err := end.Accept(b.sdpOf("m=audio %d RTP/AVP 0\r\na=sendonly\r\n")); err != nil || !n.Held {
			r.Error(n, err)
		}
		if _, err := end.Accept([]byte("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 0\r\n")); !errors.Is(err, ErrNoCodec) {
			r.Error(err)
		}
		if _, err := end.Accept([]byte("v=0\r\nc=IN IP4 127.0.0.1\r\n")); !errors.Is(err, ErrBadSDP) {
			r.Error(err)
		}
	})
}

func TestLaterOfferKeepsTheMediaAndTypesOfTheSession(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(bothCodecs)
		media := "m=video 6000 RTP/AVP 96\r\nm=audio %d RTP/AVP 8 97\r\na=rtpmap:97 telephone-event/8000\r\n"
		p.offer(p.sdpOf(media))
		offer := string(p.end.Offer())
		if !strings.Contains(offer, "m=video 0 RTP/AVP 96\r\nm=audio ") || !strings.Contains(offer, "RTP/AVP 8 0 9 97\r\n") {
			r.Errorf("%s", offer)
		}
		if n, err := p.end.Accept(p.sdpOf(media)); err != nil || n.Codec != "PCMA" {
			r.Error(n, err)
		}
	})
}

func TestSilenceIsToldOnceUntilItEnds(t *testing.T) {
	inBubble(t, func(c *Config) { c.Silence = 10 * time.Second }, func(r *rig) {
		p := r.phone(bothCodecs)
		count := func(want int, why string) {
			t.Helper()
			ev := p.told()
			if len(ev) != want || want > 0 && ev[0].Kind != Timeout {
				r.Errorf("%s: %v", why, ev)
			}
		}
		time.Sleep(9 * time.Second)
		count(0, "too early")
		time.Sleep(3 * time.Second)
		count(1, "RTP never came")
		time.Sleep(time.Minute)
		count(0, "told again")
		p.talk(1, 100)
		time.Sleep(9 * time.Second)
		count(0, "too early after talk")
		time.Sleep(3 * time.Second)
		count(1, "RTP stopped")
		p.end.Watch()
		time.Sleep(12 * time.Second)
		count(1, "watched anew")
		p.end.Hurry(3 * time.Second)
		p.end.Watch()
		time.Sleep(2 * time.Second)
		count(0, "too early in a hurry")
		time.Sleep(2 * time.Second)
		count(1, "in a hurry")
		for _, dir := range []string{"sendonly", "inactive", "recvonly"} {
			p.offer(p.sdpOf(bothCodecs, "a="+dir+"\r\n"))
			p.end.Watch()
			time.Sleep(time.Minute)
			count(0, dir+" need not send")
		}
		p.offer(p.sdpOf(bothCodecs))
		time.Sleep(12 * time.Second)
		count(1, "after resume")
		p.offer(p.sdpOf(bothCodecs))
		p.end.Close()
		time.Sleep(time.Minute)
		count(0, "closed")
	})
}

// A phone that is muted, and sends nothing where there is no voice, still tells how it hears. Who was never heard, or whose
// stream ended, is not there.
func TestAPartyThatReportsWhileItIsMutedIsThere(t *testing.T) {
	inBubble(t, func(c *Config) { c.Silence = 10 * time.Second }, func(r *rig) {
		muted, deaf, left := r.phone(bothCodecs), r.phone(bothCodecs), r.phone(bothCodecs)
		phones := []*phone{muted, deaf, left}
		var reports []*observer
		for _, p := range phones {
			reports = append(reports, p.observer())
		}
		muted.talk(1, 50)
		left.talk(1, 50)
		for range 12 {
			for i, p := range phones {
				reports[i].send(rtcp.Report{SSRC: p.ssrc, Bye: p == left})
			}
			time.Sleep(5 * time.Second)
		}
		if ev := muted.told(); len(ev) != 0 {
			r.Errorf("muted: %v", ev)
		}
		for _, p := range phones[1:] {
			if ev := p.told(); len(ev) != 1 || ev[0].Kind != Timeout {
				r.Errorf("deaf or gone: %v", ev)
			}
		}
		time.Sleep(7 * time.Second)
		if ev := muted.told(); len(ev) != 1 || ev[0].Kind != Timeout {
			r.Errorf("gone: %v", ev)
		}
	})
}
