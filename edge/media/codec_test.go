package media

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/opus"
	"github.com/pion/rtp"
)

// singer is a phone that sings a tone, by its codec.
type singer struct {
	*phone
	hz   float64
	code coder
	n    int // samples so far
}

func (r *rig) singer(media string, hz float64) *singer {
	s := &singer{phone: r.phone(media), hz: hz}
	s.code.agree(map[uint8]codec{0: ulaw, 8: alaw, 9: wide, 111: full}[s.pt], opus.Options{FEC: true})
	return s
}

func (s *singer) rate() float64 { return float64(s.code.codec.size()) * 50 }

// sing sends one frame.
func (s *singer) sing() {
	pcm, payload := make([]int16, s.code.codec.size()), make([]byte, frameSize)
	for i := range pcm {
		pcm[i] = int16(6000 * math.Sin(2*math.Pi*s.hz*float64(s.n+i)/s.rate()))
	}
	s.n += len(pcm)
	n := s.code.encode(payload, pcm)
	s.send(rtp.Header{PayloadType: s.pt, SequenceNumber: s.seq, Timestamp: s.ts, SSRC: s.ssrc}, payload[:n])
	s.seq++
	s.ts += slots * uint32(s.code.codec.clock())
}

// choir lets all sing for so many frames.
func choir(frames int, all ...*singer) {
	for range frames {
		for _, s := range all {
			s.sing()
		}
		time.Sleep(frameTime)
	}
}

// ears decodes all that was heard.
func (s *singer) ears() (pcm []int16) {
	var d decoder
	got := s.hears()
	s.r.oneStream(got)
	for _, h := range got {
		if h.PayloadType != s.pt {
			s.r.Fatalf("payload type %d, not %d", h.PayloadType, s.pt)
		}
		frame := make([]int16, 2*maxPayload)
		pcm = append(pcm, frame[:d.decode(frame, h.Payload, s.code.codec)]...)
	}
	return pcm
}

// loudness of a tone in the second half of a sound, in samples.
func loudness(pcm []int16, hz, rate float64) float64 {
	var re, im float64
	half := pcm[len(pcm)/2:]
	for i, v := range half {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / rate)
		re, im = re+float64(v)*cos, im+float64(v)*sin
	}
	return 2 * math.Hypot(re, im) / float64(max(len(half), 1))
}

// expect checks which tones are heard, and that nothing of others is.
func (s *singer) expect(name string, want []float64, silent ...float64) {
	s.r.Helper()
	s.hearsTones(name, 60, want, silent)
}

// hearsTones checks it for a codec that makes so much of what was not sung.
func (s *singer) hearsTones(name string, most float64, want, silent []float64) {
	s.r.Helper()
	pcm := s.ears()
	for _, hz := range want {
		if l := loudness(pcm, hz, s.rate()); l < 4000 || l > 8000 {
			s.r.Errorf("%s hears %v Hz with %.0f, sung with 6000", name, hz, l)
		}
	}
	for _, hz := range silent {
		if l := loudness(pcm, hz, s.rate()); l > most {
			s.r.Errorf("%s hears %v Hz with %.0f", name, hz, l)
		}
	}
}

func TestConferenceOfBothRates(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b, c := r.singer(onlyW, 5500), r.singer(onlyW, 1000), r.singer(onlyU, 600)
		a.end.Hear([]Heard{{From: b.end}, {From: c.end}})
		b.end.Hear([]Heard{{From: a.end}, {From: c.end}})
		c.end.Hear([]Heard{{From: a.end}, {From: b.end}})
		choir(100, a, b, c)
		a.expect("wide a", []float64{1000, 600}, 5500, 7000, 7400)
		b.expect("wide b", []float64{5500, 600}, 1000, 2500, 7400)
		c.expect("narrow c", []float64{1000}, 600, 2500, 3000)
	})
}

func TestListeningAndWhisperingAtBothRates(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		caller, agent := r.singer(onlyA, 900), r.singer(onlyW, 5000)
		boss, narrow := r.singer(onlyW, 1500), r.singer(onlyU, 1500)
		agent.end.Hear([]Heard{{From: caller.end}, {From: boss.end}})
		caller.end.Hear([]Heard{{From: agent.end}})
		boss.end.Hear([]Heard{{From: caller.end}, {From: agent.end}})
		narrow.end.Hear([]Heard{{From: caller.end, Gain: 2}, {From: agent.end, Gain: 0.25}})
		choir(100, caller, agent, boss)
		agent.expect("agent", []float64{900, 1500}, 5000)
		caller.expect("caller", nil, 900, 1500, 3000)
		boss.expect("boss", []float64{900, 5000}, 1500, 3000)
		pcm := narrow.ears()
		if l := loudness(pcm, 900, 8000); l < 11000 || l > 13000 {
			r.Errorf("twice as loud is %.0f", l)
		}
	})
}

func TestRelayTranscodesToAndFromG722(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		hz       float64
		heard    []float64
		silent   []float64
	}{
		"G722 as it comes":    {onlyW, onlyW, 5500, []float64{5500}, []float64{2500}},
		"G722 to PCMU":        {onlyW, onlyU, 1000, []float64{1000}, nil},
		"G722 to PCMA":        {onlyW, onlyA, 3000, []float64{3000}, nil},
		"PCMU to G722":        {onlyU, onlyW, 1000, []float64{1000}, []float64{7000}},
		"PCMA to G722":        {onlyA, onlyW, 3000, []float64{3000}, []float64{5000}},
		"above the telephone": {onlyW, onlyU, 5500, nil, []float64{2500, 5500 - 4000}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(r *rig) {
				a, b := r.singer(c.from, c.hz), r.singer(c.to, 0)
				bridge(a.phone, b.phone)
				choir(100, a)
				b.expect(name, c.heard, c.silent...)
			})
		})
	}
}

// What is lost before a transcoding relay is missing behind it too, and does no more harm.
func TestTranscodingSurvivesLoss(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.singer(onlyW, 1000), r.singer(onlyU, 0)
		bridge(a.phone, b.phone)
		choir(20, a)
		for range 5 {
			a.seq += 2
			a.ts += 2 * frameSize
			choir(15, a)
		}
		got := b.hears()
		if len(got) != 95 || got[94].SequenceNumber-got[0].SequenceNumber != 104 || got[94].Timestamp-got[0].Timestamp != 104*frameSize {
			r.Fatalf("%d packets, %v to %v", len(got), got[0].Header, got[len(got)-1].Header)
		}
		var d decoder
		pcm := make([]int16, frameSize)
		for i, h := range got[5:] {
			d.decode(pcm, h.Payload, ulaw)
			if l := loudness(pcm, 1000, 8000); l < 4500 || l > 7500 {
				r.Errorf("packet %d: %.0f", i, l)
			}
		}
	})
}

// Packets that change places or come twice do no harm to G.722, though they are decoded as they come.
func TestG722InDisorder(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b, c := r.singer(onlyW, 1000), r.singer(onlyU, 0), r.singer(onlyW, 0)
		b.end.Hear([]Heard{{From: a.end}})
		c.end.Hear([]Heard{{From: a.end}, {From: b.end}})
		pcm := make([]int16, wideFrame)
		var packets [200][]byte
		for n := range packets {
			for i := range pcm {
				pcm[i] = int16(6000 * math.Sin(2*math.Pi*1000*float64(n*wideFrame+i)/16000))
			}
			packets[n] = make([]byte, frameSize)
			a.code.encode(packets[n], pcm)
		}
		say := func(n int) {
			a.send(rtp.Header{PayloadType: 9, SequenceNumber: uint16(n), Timestamp: uint32(n * frameSize), SSRC: 3}, packets[n])
		}
		for n := 0; n < len(packets); n += 5 {
			for _, k := range []int{0, 1, 3, 2, 2, 3, 4} {
				say(n + k)
			}
			time.Sleep(5 * frameTime)
		}
		for name, s := range map[string]*singer{"relayed": b, "mixed": c} {
			whole := s.inOrder()
			if l, all := loudness(whole, 1000, s.rate()), power(whole); l*l/2 < 0.99*all {
				r.Errorf("%s: %.4f of the power is the tone", name, l*l/2/all)
			}
		}
	})
}

// power of the second half, as loudness.
func power(pcm []int16) (sum float64) {
	half := pcm[len(pcm)/2:]
	for _, v := range half {
		sum += float64(v) * float64(v) / float64(len(half))
	}
	return sum
}

// inOrder is what is heard behind a jitter buffer.
func (s *singer) inOrder() (pcm []int16) {
	got := s.hears()
	slices.SortFunc(got, func(a, b heard) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) })
	got = slices.CompactFunc(got, func(a, b heard) bool { return a.SequenceNumber == b.SequenceNumber })
	var d decoder
	for _, h := range got {
		frame := make([]int16, 2*maxPayload)
		pcm = append(pcm, frame[:d.decode(frame, h.Payload, s.code.codec)]...)
	}
	return pcm
}

func TestCodecChangesWithANewOffer(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a, b := r.singer(onlyW, 1000), r.singer(onlyW, 600)
		bridge(a.phone, b.phone)
		choir(50, a, b)
		b.expect("G722", []float64{1000}, 600)
		a.ears()
		for _, to := range []struct {
			media string
			pt    uint8
			codec codec
		}{{onlyU, 0, ulaw}, {onlyW, 9, wide}, {onlyA, 8, alaw}} {
			b.offer(b.sdpOf(to.media, "a=sendonly\r\n"))
			b.offer(b.sdpOf(to.media))
			b.pt, b.n = to.pt, 0
			b.code.agree(to.codec, opus.Options{})
			choir(50, a, b)
			b.expect(to.codec.String(), []float64{1000}, 600)
			a.expect("a of "+to.codec.String(), []float64{600}, 1000)
		}
	})
}

// However many hear a source, its other rate is made once a frame.
func TestOtherRateIsMadeOnce(t *testing.T) {
	var s, once sound
	pcm := make([]int16, frameSize)
	for n := range 20 {
		for i := range pcm {
			pcm[i] = int16(6000 * math.Sin(2*math.Pi*1000*float64(n*frameSize+i)/8000))
		}
		for _, x := range []*sound{&s, &once} {
			x.next()
			x.set(pcm, false)
		}
		for range 3 {
			s.at(wideFrame)
		}
		if got, want := s.at(wideFrame), once.at(wideFrame); !slices.Equal(got, want) || &s.at(frameSize)[0] != &pcm[0] {
			t.Fatalf("frame %d differs", n)
		}
	}
	s.next()
	if s.at(frameSize) != nil || s.at(wideFrame) != nil {
		t.Error("a frame that did not come")
	}
}

func TestPacketsOfAnyUsualTimeAreHeard(t *testing.T) {
	for _, media := range []string{onlyU, onlyW} {
		for _, ms := range []int{10, 30, 40, 60} {
			inBubble(t, nil, func(r *rig) {
				a, b, c := r.singer(media, 1000), r.singer(onlyU, 0), r.singer(onlyW, 0)
				b.end.Hear([]Heard{{From: a.end}})
				c.end.Hear([]Heard{{From: a.end}, {From: b.end}})
				pcm, payload := make([]int16, a.code.codec.size()*ms/20), make([]byte, 8*ms)
				for range 2400 / ms {
					for i := range pcm {
						pcm[i] = int16(6000 * math.Sin(2*math.Pi*a.hz*float64(a.n+i)/a.rate()))
					}
					a.n += len(pcm)
					a.code.encode(payload, pcm)
					a.send(rtp.Header{PayloadType: a.pt, SequenceNumber: a.seq, Timestamp: a.ts, SSRC: a.ssrc}, payload)
					a.seq++
					a.ts += uint32(8 * ms)
					time.Sleep(time.Duration(ms) * time.Millisecond)
				}
				for name, s := range map[string]*singer{"relayed": b, "mixed": c} {
					got := s.decoded()
					if l := loudness(got, 1000, s.rate()); l < 5000 || l > 7000 {
						r.Errorf("%d ms %s %s: %.0f", ms, strings.Fields(media)[3], name, l)
					}
				}
			})
		}
	}
}

// decoded is ears for packets of any length.
func (s *singer) decoded() (pcm []int16) {
	var d decoder
	for _, h := range s.hears() {
		frame := make([]int16, 2*maxPayload)
		pcm = append(pcm, frame[:d.decode(frame, h.Payload, s.code.codec)]...)
	}
	return pcm
}

// A party may go over to another codec that was agreed on, with no offer and in the middle of the stream.
func TestCodecMayChangeInTheStream(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.singer("m=audio %d RTP/AVP 9 0 8 101\r\n", 1000)
		b, c := r.singer(onlyU, 0), r.singer(onlyW, 0)
		b.end.Hear([]Heard{{From: a.end}})
		c.end.Hear([]Heard{{From: a.end}, {From: b.end}})
		for _, pt := range []uint8{9, 0, 8, 9} {
			a.pt, a.n = pt, 0
			a.code.agree(map[uint8]codec{0: ulaw, 8: alaw, 9: wide}[pt], opus.Options{})
			choir(50, a)
			b.expect(fmt.Sprint(pt, " relayed"), []float64{1000}, 2000)
			c.expect(fmt.Sprint(pt, " mixed"), []float64{1000}, 2000, 7000)
		}
	})
}

func TestRecordingOfBothRates(t *testing.T) {
	for _, rate := range []int{0, Rate, WideRate} {
		inBubble(t, nil, func(r *rig) {
			a, b := r.singer(onlyW, 5500), r.singer(onlyU, 600)
			rec := r.record(Recording{Channels: 2, Rate: rate}, Heard{From: a.end}, Heard{From: b.end, Channel: 1})
			choir(100, a, b)
			rec.Stop()
			<-rec.done
			var left, right []int16
			for i := 0; i < len(rec.pcm); i += 2 {
				left, right = append(left, rec.pcm[i]), append(right, rec.pcm[i+1])
			}
			is := float64(max(rate, Rate))
			if l := loudness(left, 5500, is); rate == WideRate && math.Abs(l-6000) > 800 {
				r.Errorf("%d: 5500 Hz with %.0f", rate, l)
			}
			if l, folded := loudness(right, 600, is), loudness(left, 2500, is); math.Abs(l-6000) > 800 || folded > 60 {
				r.Errorf("%d: 600 Hz with %.0f, 2500 with %.0f", rate, l, folded)
			}
			if n := float64(len(left)) / is; n < 1.9 || n > 2.1 {
				r.Errorf("%d: %.2f s", rate, n)
			}
		})
	}
}

func TestMonitorHearsWidePartiesAt8kHz(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		a := r.singer(onlyW, 1000)
		var pcm []int16
		m := r.eng.Monitor(func(frame []int16) { pcm = append(pcm, frame...) })
		m.Hear([]Heard{{From: a.end}})
		choir(100, a)
		m.Stop()
		if l := loudness(pcm, 1000, 8000); l < 5000 || l > 7000 || len(pcm) < 99*frameSize {
			r.Errorf("%.0f in %d samples", l, len(pcm))
		}
	})
}

// codecsOf is the m= line's list.
func codecsOf(description []byte) string {
	_, rest, _ := strings.Cut(string(description), "RTP/AVP ")
	list, _, _ := strings.Cut(rest, "\r\n")
	return list
}

func TestOffersFollowTheProfile(t *testing.T) {
	for want, p := range map[string]Profile{
		"0 8 9 101": {},
		"9 0 8 101": {Like: []string{"G722", "PCMU"}},
		"8 9 101":   {Codecs: []string{"pcma", "g722"}, Like: []string{"G722"}},
		"9 8 0 101": {Codecs: []string{"g722", "pcma", "pcmu", "g722"}},
		"0 101":     {Codecs: []string{"opus", "PCMU"}},
	} {
		inBubble(t, nil, func(r *rig) {
			end, err := r.eng.Open(nil)
			if err != nil {
				r.Fatal(err)
			}
			end.Prefer(p)
			offer := end.Offer()
			if got := codecsOf(offer); got != want {
				r.Errorf("%+v: %s, want %s", p, got, want)
			}
			if strings.Contains(want, "9 ") && !strings.Contains(string(offer), "a=rtpmap:9 G722/8000\r\n") {
				r.Errorf("%s", offer)
			}
		})
	}
}

func TestAnswersTakeWhatTheProfileAllowsInTheOrderOfTheOffer(t *testing.T) {
	for _, c := range []struct {
		offer  string
		prefer Profile
		want   string // empty: refused
		codec  string
	}{
		{"9 8 0 101", Profile{}, "9 8 0 101", "G722"},
		{"0 9", Profile{}, "0 9", "PCMU"},
		{"18 9 3", Profile{}, "9", "G722"},
		{"9 0 101", Profile{Codecs: []string{"pcmu"}}, "0 101", "PCMU"},
		{"9 0 101", Profile{Codecs: []string{"pcma", "pcmu", "g722"}}, "9 0 101", "G722"},
		{"9 0", Profile{Codecs: []string{"pcma"}}, "", ""},
		{"9 0 8", Profile{Like: []string{"PCMA", "G722"}}, "8 9 0", "PCMA"},
		{"9 0 8", Profile{Codecs: []string{"g722", "pcmu"}, Like: []string{"PCMA", "PCMU"}}, "0 9", "PCMU"},
	} {
		inBubble(t, nil, func(r *rig) {
			end, err := r.eng.Open(nil)
			if err != nil {
				r.Fatal(err)
			}
			end.Prefer(c.prefer)
			text := "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP " + c.offer + "\r\na=rtpmap:101 telephone-event/8000\r\n"
			answer, n, err := end.Answer([]byte(text))
			if got := codecsOf(answer); got != c.want || n.Codec != c.codec || (err == nil) != (c.want != "") {
				r.Errorf("%s for %+v: %q %s %v, want %q %s", c.offer, c.prefer, got, n.Codec, err, c.want, c.codec)
			}
			if err == nil && end.Codecs()[0] != c.codec {
				r.Errorf("%s: %v", c.offer, end.Codecs())
			}
		})
	}
}

func TestCodecsInCommonWithAnOffer(t *testing.T) {
	offer := []byte("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 18 9 101 8\r\na=rtpmap:101 telephone-event/8000\r\n")
	for want, p := range map[string]*Profile{"[G722 PCMA]": {}, "[PCMA]": {Codecs: []string{"pcmu", "pcma"}}} {
		if got, err := p.Common(offer); err != nil || fmt.Sprint(got) != want {
			t.Error(got, err)
		}
	}
	for _, text := range []string{"", "v=0\r\nm=audio 4000 RTP/AVP 18\r\n"} {
		if got, err := new(Profile).Common([]byte(text)); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
