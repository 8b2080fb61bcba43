package media

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/dtmf"
	"github.com/pion/rtp"
)

// What browsers offer, as far as it matters here.
const (
	offerO = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 96 0 97 98\r\n" + mapsO
	mapsO  = "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 minptime=10;useinbandfec=1\r\na=rtpmap:97 telephone-event/48000\r\na=rtpmap:98 telephone-event/8000\r\n"
	toc20  = 9 << 3 // SILK of 16 kHz, one frame of 20 ms
)

func TestOpusIsOfferedWhereItIsBuiltIn(t *testing.T) {
	speakOpus(t)
	for want, p := range map[string]Profile{
		"0 8 9 111 101 110": {},
		"111 0 8 9 101 110": {Like: []string{"OPUS", "PCMU"}},
		"111 9 0 8 101 110": {Browser: true, Like: []string{"G722"}, Encryption: Plain},
		"111 0 101 110":     {Codecs: []string{"opus", "pcmu"}},
		"0 111 101 110":     {Codecs: []string{"pcmu", "opus"}, Browser: true, Like: []string{"OPUS"}, Encryption: Plain},
		"111 101 110":       {Codecs: []string{"opus"}},
		"0 101":             {Codecs: []string{"pcmu"}, Like: []string{"OPUS"}},
	} {
		inBubble(t, nil, func(r *rig) {
			end := r.open()
			end.Prefer(p)
			offer := string(end.Offer())
			_, list, _ := strings.Cut(offer, "m=audio ")
			list, _, _ = strings.Cut(list, "\r\n")
			if got := strings.Join(strings.Fields(list)[2:], " "); got != want {
				r.Errorf("%+v: %s, want %s", p, got, want)
			}
			for _, line := range []string{"a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1;maxaveragebitrate=40000;stereo=0", "a=rtpmap:110 telephone-event/48000", "a=fmtp:110 0-15"} {
				if strings.Contains(want, "111") != strings.Contains(offer, line+"\r\n") {
					r.Errorf("%s: %s in %s", want, line, offer)
				}
			}
		})
	}
}

func (r *rig) open() *Endpoint {
	end, err := r.eng.Open(nil)
	if err != nil {
		r.Fatal(err)
	}
	return end
}

func TestOpusIsTakenWhereNothingElseIsBetter(t *testing.T) {
	speakOpus(t)
	for _, c := range []struct {
		formats string
		prefer  Profile
		want    string
	}{
		{"96 0 97 98", Profile{}, "0 96 98 97"},
		{"96 0 97 98", Profile{Like: []string{"OPUS"}}, "96 0 98 97"},
		{"0 96 97 98", Profile{Browser: true, Like: []string{"PCMU"}}, "96 0 98 97"},
		{"96 0 97 98", Profile{Codecs: []string{"pcmu", "opus"}}, "96 0 98 97"},
		{"96 0 97 98", Profile{Codecs: []string{"pcmu"}}, "0 98"},
		{"96 97", Profile{}, "96 97"},
		{"96 98", Profile{}, "96 98"}, // the clock is not that of the sound, and yet some phones do so
		{"0 97", Profile{}, "0"},
	} {
		inBubble(t, nil, func(r *rig) {
			end := r.open()
			end.Prefer(c.prefer)
			offer := []byte(strings.Replace(offerO, "96 0 97 98", c.formats, 1))
			names, err := c.prefer.Common(offer)
			if err != nil {
				r.Fatal(err)
			}
			answer, n, err := end.Answer(offer)
			if got := codecsOf(answer); err != nil || got != c.want || n.Codec != names[0] {
				r.Errorf("%s for %+v: %s %+v %v, want %s", c.formats, c.prefer, got, n, err, c.want)
			}
		})
	}
	if names, err := new(Profile).Common([]byte(strings.Replace(offerO, "opus/48000/2", "opus/48000", 1))); err != nil || fmt.Sprint(names) != "[PCMU]" {
		t.Error("Opus of one channel (RFC 7587 section 7):", names, err)
	}
	spoken = speaks(false)
	if names, err := new(Profile).Common([]byte(offerO)); err != nil || fmt.Sprint(names) != "[PCMU]" {
		t.Error("without Opus:", names, err)
	}
}

// The types of a session stay, and none is used twice.
func TestALaterOfferKeepsTheTypesOfOpus(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		for formats, want := range map[string]string{"96 0 97 98": "96 0 8 9 98 97", "96 97": "96 0 8 9 101 97"} {
			end := r.open()
			end.Prefer(Profile{Like: []string{"OPUS"}})
			if _, _, err := end.Answer([]byte(strings.Replace(offerO, "96 0 97 98", formats, 1))); err != nil {
				r.Fatal(err)
			}
			if got := codecsOf(end.Offer()); got != want {
				r.Errorf("%s: %s, want %s", formats, got, want)
			}
		}
		end := r.open()
		if _, _, err := end.Answer([]byte("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0 111\r\na=rtpmap:111 telephone-event/8000\r\n")); err != nil {
			r.Fatal(err)
		}
		if got := codecsOf(end.Offer()); got != "0 8 9 96 111 110" {
			r.Errorf("type 111 was taken: %s", got)
		}
	})
}

// opus says a packet of 20 ms, made by hand.
func (p *phone) opus(pt uint8) {
	p.send(rtp.Header{PayloadType: pt, SequenceNumber: p.seq, Timestamp: p.ts, SSRC: p.ssrc}, append([]byte{toc20}, make([]byte, 1200)...))
	p.seq++
	p.ts += 960
	time.Sleep(frameTime)
}

func (p *phone) opusFor(d time.Duration) {
	for range d / frameTime {
		p.opus(111)
	}
}

func TestOpusIsRelayedAsItComes(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyO), r.phone(strings.ReplaceAll(onlyO, "111", "96"))
		bridge(a, b)
		a.opusFor(time.Second)
		got := b.hears()
		r.oneStream(got)
		if len(got) != 50 || len(got[0].Payload) != 1201 || got[0].PayloadType != 96 || got[49].Timestamp-got[0].Timestamp != 49*960 {
			r.Fatalf("%d packets, the last %v", len(got), got[len(got)-1].Header)
		}
		st := a.end.Stats()
		if st.Codec != "OPUS" || st.JitterMS > 0.1 || st.Lost != 0 {
			r.Errorf("%+v", st)
		}
	})
}

// Jitter is in milliseconds whatever the clock.
func TestJitterIsTheSameByBothClocks(t *testing.T) {
	var of [2]Stats
	for i, c := range []codec{ulaw, full} {
		var x reception
		for n := range 200 {
			at := time.Duration(n)*frameTime + time.Duration(n%3)*5*time.Millisecond
			x.update(&inbound{codec: c, seq: uint16(n), ts: uint32(n) * slots * uint32(c.clock()), ssrc: 1}, at, false)
		}
		x.count(&of[i])
		if block := x.block(); int(block.Jitter) < int(of[i].JitterMS)*int(c.clock()) {
			t.Errorf("%v: a report of %d", c, block.Jitter)
		}
	}
	if a, b := of[0].JitterMS, of[1].JitterMS; a < 5 || a-b > 0.05 || b-a > 0.05 {
		t.Errorf("%.2f ms at 8000, %.2f ms at 48000", a, b)
	}
}

func TestATimelineGoesOnWhereTimestampsWrap(t *testing.T) {
	for _, c := range []struct{ in, out ticks }{{8, 48}, {48, 8}, {48, 48}, {8, 8}} {
		var x timeline
		const from, to = 4294960000, 77
		x.begin(from, c.in, to, c.out)
		for ms := uint32(0); ms < 100*3600*1000; ms += 50_000 {
			if got, want := x.of(from+ms*uint32(c.in)), to+ms*uint32(c.out); got != want {
				t.Fatalf("%v: %d ms are %d, not %d", c, ms, got, want)
			}
			if got, want := x.of(from+(ms-40)*uint32(c.in)), to+(ms-40)*uint32(c.out); got != want {
				t.Fatalf("%v: what is late at %d ms is %d, not %d", c, ms, got, want)
			}
		}
	}
}

// presses sends a digit of 100 ms with a clock.
func (p *phone) presses(pt uint8, perMS uint16) {
	for i := range uint16(7) {
		var b [dtmf.Size]byte
		dtmf.Event{Code: 5, End: i >= 4, Duration: min(i+1, 5) * 20 * perMS}.Put(b[:])
		p.send(rtp.Header{PayloadType: pt, SequenceNumber: p.seq, Timestamp: p.ts, SSRC: p.ssrc, Marker: i == 0}, b[:])
		p.seq++
		time.Sleep(frameTime)
	}
	p.ts += 140 * uint32(perMS)
}

func TestDigitsHaveTheClockOfTheSound(t *testing.T) {
	speakOpus(t)
	for name, c := range map[string]struct {
		from, to string
		pt       uint8
		in, out  uint16
	}{
		"from Opus to PCMU": {onlyO, onlyU, 110, 48, 8},
		"from PCMU to Opus": {onlyU, onlyO, 101, 8, 48},
		"of Opus":           {onlyO, onlyO, 110, 48, 48},
	} {
		inBubble(t, nil, func(r *rig) {
			a, b := r.phone(c.from), r.phone(c.to)
			bridge(a, b)
			a.presses(c.pt, c.in)
			a.presses(c.pt, c.in)
			told := a.told()
			if len(told) != 2 || told[0].Digit != "5" || told[1].Duration != 100*time.Millisecond {
				r.Errorf("%s: %+v", name, told)
			}
			got := b.hears()
			last, _ := dtmf.Parse(got[len(got)-1].Payload)
			if len(got) != 14 || !last.End || last.Duration != 100*c.out || got[13].Timestamp-got[0].Timestamp != 140*uint32(c.out) {
				r.Errorf("%s: %d packets, %+v, %v", name, len(got), last, got[len(got)-1].Header)
			}
			b.end.SendDigits("1")
			time.Sleep(time.Second)
			sent := b.hears()
			last, _ = dtmf.Parse(sent[len(sent)-1].Payload)
			if last.Duration != 100*c.out || sent[0].Timestamp-got[13].Timestamp < 100*uint32(c.out) {
				r.Errorf("%s: ours lasts %d", name, last.Duration)
			}
		})
	}
}

// Phones that know one clock for digits have it beside Opus too: the durations are of it, and the stream goes on by its own.
func TestDigitsOfAPhoneThatKnowsOneClock(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyO), r.phone("m=audio %d RTP/AVP 111 101\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n")
		bridge(a, b)
		a.opusFor(time.Second)
		b.hears()
		b.end.SendDigits("1")
		time.Sleep(time.Second)
		sent := b.hears()
		last, _ := dtmf.Parse(sent[len(sent)-1].Payload)
		if last.Duration != 800 || !last.End || sent[0].PayloadType != 101 {
			r.Errorf("%+v %v", last, sent[0].Header)
		}
		a.ts += 48000
		a.opus(111)
		if next := b.hears()[0]; next.Timestamp-sent[0].Timestamp < 4800 || next.SequenceNumber != sent[len(sent)-1].SequenceNumber+1 {
			r.Errorf("%v after %v", next.Header, sent[0].Header)
		}
		b.opus(111)
		b.presses(101, 8)
		if told := b.told(); len(told) != 1 || told[0].Duration != 100*time.Millisecond {
			r.Errorf("%+v", told)
		}
		got := a.hears()
		if last, _ := dtmf.Parse(got[len(got)-1].Payload); last.Duration != 4800 {
			r.Errorf("%+v", last)
		}
	})
}

// Another clock is another stream (RFC 7160 section 4.1), and the one before says good bye.
func TestAnotherClockIsAnotherStream(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyU), r.phone("m=audio %d RTP/AVP 0 111\r\na=rtpmap:111 opus/48000/2\r\n")
		b.end.Hear([]Heard{{From: a.end}})
		a.talk(1, 10)
		before := b.hears()
		b.offer(b.sdpOf(onlyO))
		a.offer(a.sdpOf(onlyO))
		for range 10 {
			a.opus(111)
		}
		after := b.hears()
		r.oneStream(after)
		if len(after) < 9 || after[0].SSRC == before[0].SSRC || after[0].PayloadType != 111 || b.end.Stats().PacketsSent != uint64(len(before)+len(after)) {
			r.Errorf("%v, then %d of %v", before[0].Header, len(after), after[0].Header)
		}
	})
}

// A payload that is no packet of Opus is refused and counted.
func TestWhatIsNoOpusIsRefused(t *testing.T) {
	speakOpus(t)
	inBubble(t, nil, func(r *rig) {
		a, b := r.phone(onlyO), r.phone(onlyO)
		bridge(a, b)
		for _, payload := range [][]byte{{}, {3}, {toc20 | 3, 0}, {toc20 | 3, 63, 0}, {toc20 | 1, 7}, {toc20 | 2, 200, 1}, make([]byte, 1277)} {
			a.send(rtp.Header{PayloadType: 111, SequenceNumber: a.seq, Timestamp: a.ts, SSRC: a.ssrc}, payload)
		}
		if got := a.end.Stats(); got.Refused != 7 || got.PacketsReceived != 0 {
			r.Errorf("%+v", got)
		}
		a.opus(111)
		if len(b.hears()) != 1 {
			r.Error("the party itself is not heard any more")
		}
	})
}
