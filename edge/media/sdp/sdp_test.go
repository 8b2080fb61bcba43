package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"

const audio = "m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"

func parse(t *testing.T, text string) Session {
	t.Helper()
	s, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every usual way of putting somebody on hold, and what is not one.
func TestHoldForms(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		held  bool
		reply Direction
	}{
		"nothing said":                  {"c=IN IP4 192.0.2.1\r\nt=0 0\r\n" + audio, false, SendRecv},
		"sendrecv":                      {"c=IN IP4 192.0.2.1\r\n" + audio + "a=sendrecv\r\n", false, SendRecv},
		"sendonly":                      {"c=IN IP4 192.0.2.1\r\n" + audio + "a=sendonly\r\n", true, RecvOnly},
		"inactive":                      {"c=IN IP4 192.0.2.1\r\n" + audio + "a=inactive\r\n", true, Inactive},
		"recvonly is no hold":           {"c=IN IP4 192.0.2.1\r\n" + audio + "a=recvonly\r\n", false, SendOnly},
		"at session level":              {"c=IN IP4 192.0.2.1\r\na=sendonly\r\n" + audio, true, RecvOnly},
		"media level wins":              {"c=IN IP4 192.0.2.1\r\na=inactive\r\n" + audio + "a=sendrecv\r\n", false, SendRecv},
		"0.0.0.0":                       {"c=IN IP4 0.0.0.0\r\n" + audio, true, RecvOnly},
		"0.0.0.0 at media level":        {"c=IN IP4 192.0.2.1\r\n" + audio + "c=IN IP4 0.0.0.0\r\n", true, RecvOnly},
		"0.0.0.0 and sendonly":          {"c=IN IP4 0.0.0.0\r\n" + audio + "a=sendonly\r\n", true, RecvOnly},
		"0.0.0.0 and inactive":          {"c=IN IP4 0.0.0.0\r\n" + audio + "a=inactive\r\n", true, Inactive},
		"0.0.0.0 and recvonly":          {"c=IN IP4 0.0.0.0\r\n" + audio + "a=recvonly\r\n", true, Inactive},
		":: of IPv6":                    {"c=IN IP6 ::\r\n" + audio, true, RecvOnly},
		"media address over session's":  {"c=IN IP4 0.0.0.0\r\n" + audio + "c=IN IP4 192.0.2.1\r\n", false, SendRecv},
		"bare line feeds":               {"c=IN IP4 192.0.2.1\n" + strings.ReplaceAll(audio, "\r", "") + "a=sendonly\n", true, RecvOnly},
		"direction with trailing space": {"c=IN IP4 192.0.2.1\r\n" + audio + "a=sendonly \r\n", true, RecvOnly},
	} {
		t.Run(name, func(t *testing.T) {
			s := parse(t, head+c.text)
			if m := s.Media[0]; m.Held() != c.held || m.Direction.Reverse() != c.reply {
				t.Errorf("held %v, answered %v; want %v, %v", m.Held(), m.Direction.Reverse(), c.held, c.reply)
			}
		})
	}
}

// telephone is what every build speaks.
var telephone = []string{PCMU, PCMA, G722}

func TestCodecsInTheOrderOfTheOffer(t *testing.T) {
	for line, want := range map[string]string{
		"0 8 101": "[PCMU 0 PCMA 8] 255",
		"8 0\r\na=rtpmap:8 pcma/8000\r\na=rtpmap:0 PCMU/8000/1":                                "[PCMA 8 PCMU 0] 255",
		"111 9 8 0 97\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:97 Telephone-Event/8000":        "[G722 9 PCMA 8 PCMU 0] 97",
		"96 100 101\r\na=rtpmap:96 PCMU/8000\r\na=rtpmap:100 telephone-event/48000":            "[PCMU 96] 255",
		"0 100 101\r\na=rtpmap:100 telephone-event/48000\r\na=rtpmap:101 telephone-event/8000": "[PCMU 0] 101",
		"0\r\na=rtpmap:0 PCMU/16000": "[] 255",
		"18 3":                       "[] 255",
		"0 128 -1 999 x\r\na=rtpmap:128 telephone-event/8000": "[PCMU 0] 255",
	} {
		s := parse(t, head+"c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP "+line+"\r\n")
		c := s.Media[0].Common(telephone)
		names := []string{}
		for _, f := range c.Audio {
			names = append(names, fmt.Sprint(f.Name, " ", f.Type))
		}
		if got := fmt.Sprint(names, " ", c.Event(8000).Type); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func TestParametersOfOpusAreRead(t *testing.T) {
	for fmtp, want := range map[string]string{
		"a=fmtp:111 minptime=10;useinbandfec=1\r\n":                                 "1 0 0",
		"a=fmtp:111 maxplaybackrate=16000; UseInbandFEC=1; maxaveragebitrate=x\r\n": "1 0 16000",
		"a=fmtp:111 useinbandfec=0;maxaveragebitrate=20000;maxaveragebitrate\r\n":   "0 20000 0",
		"a=fmtp:96 useinbandfec=1\r\na=fmtp:111\r\n":                                "0 0 0",
		"": "0 0 0",
	} {
		s := parse(t, head+"c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 111\r\n"+fmtp+"a=rtpmap:111 opus/48000/2\r\n")
		f := s.Media[0].Common([]string{Opus}).Audio[0]
		if got := fmt.Sprint(f.Param("useinbandfec"), f.Param("maxaveragebitrate"), f.Param("maxplaybackrate")); got != want {
			t.Errorf("%q: %s, want %s", fmtp, got, want)
		}
	}
}

func TestOnlyPlainAudioIsPicked(t *testing.T) {
	for text, want := range map[string]int{
		audio:                                  0,
		"m=video 5000 RTP/AVP 96\r\n" + audio:  1,
		"m=audio 5000 RTP/SAVP 0\r\n" + audio:  1,
		"m=audio 0 RTP/AVP 0\r\n" + audio:      1,
		"m=audio 5000 RTP/AVP 18\r\n" + audio:  1,
		audio + audio:                          0,
		"m=audio 5000 RTP/AVPF 8\r\n":          0,
		"m=audio 5000 RTP/SAVP 0\r\n":          -1,
		"m=audio 5000 UDP/TLS/RTP/SAVPF 0\r\n": -1,
		"m=image 5000 udptl t38\r\n":           -1,
		"m=audio 0 RTP/AVP 0\r\n":              -1,
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=sctp-port:5000\r\n": -1,
		"": -1,
	} {
		s := parse(t, head+"c=IN IP4 192.0.2.1\r\n"+text)
		if got := s.Pick(telephone, Plain); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for c, want := range map[string]string{
		"IN IP4 192.0.2.9":          "192.0.2.9",
		"IN IP6 2001:db8::1":        "2001:db8::1",
		"IN IP4 224.2.1.1/127":      "invalid IP",
		"IN IP4 224.2.1.1":          "invalid IP",
		"IN IP4 255.255.255.255":    "invalid IP",
		"IN IP4 pbx.example.com":    "invalid IP",
		"IN IP6 192.0.2.9":          "invalid IP",
		"IN IP6 fe80::1%eth0":       "invalid IP",
		"IN IP6 ::ffff:192.0.2.200": "192.0.2.200",
	} {
		if got := parse(t, head+"c="+c+"\r\n"+audio).Media[0].Addr.String(); got != want {
			t.Errorf("%s: %s, want %s", c, got, want)
		}
	}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	many := strings.Repeat("m=audio 1 RTP/AVP 0\r\n", maxMedia+1)
	for _, text := range []string{
		"", "hello", "v=1\r\n", head + "m=audio\r\n", head + "m=audio x RTP/AVP 0\r\n", head + "m=audio 70000 RTP/AVP 0\r\n",
		head + "m=audio -1 RTP/AVP 0\r\n", head + "m=audio 4000 RTP/AVP\r\n", head + "c=IN IP4\r\n", head + "nonsense\r\n",
		head + "s=a\x00b\r\n", head + "s=\x1b[31m\r\n", head + many, head + "m=audio 1 RTP/AVP" + strings.Repeat(" 0", maxFormats+1),
		head + strings.Repeat("a=x\r\n", maxBytes),
	} {
		if _, err := Parse([]byte(text)); !errors.Is(err, ErrSyntax) {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func TestPacketTimes(t *testing.T) {
	s := parse(t, head+"a=ptime:30\r\n"+audio+"a=ptime:20\r\na=maxptime:60\r\n"+audio+"a=ptime:x\r\n")
	if a, b := s.Media[0], s.Media[1]; a.PTime != 20 || a.MaxPTime != 60 || b.PTime != 0 || b.MaxPTime != 0 {
		t.Errorf("%+v %+v", a, b)
	}
}

func TestOfferIsWritten(t *testing.T) {
	l := Local{ID: 7, Version: 2, Addr: netip.MustParseAddr("2001:db8::5"), Port: 20002, Codecs: Ours(telephone, FirstTypes)}
	want := "v=0\r\no=- 7 2 IN IP6 2001:db8::5\r\ns=-\r\nc=IN IP6 2001:db8::5\r\nt=0 0\r\nm=audio 20002 RTP/AVP 0 8 9 101\r\n" +
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n" +
		"a=ptime:20\r\na=sendrecv\r\n"
	if got := string(l.Offer()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestAnswerKeepsTheMediaOfTheOffer(t *testing.T) {
	offer := parse(t, head+"c=IN IP4 192.0.2.1\r\nt=5 9\r\nm=video 5000 RTP/AVP 96 97\r\nm=audio 4000 RTP/AVPF 8 96\r\n"+
		"a=rtpmap:96 telephone-event/8000\r\na=rtcp-mux\r\na=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=sendonly\r\n"+
		"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nm=audio 4002 RTP/AVP 0\r\n")
	m := &offer.Media[1]
	l := Local{ID: 7, Version: 1, Addr: netip.MustParseAddr("192.0.2.5"), Port: 20002, Direction: m.Direction.Reverse(), Codecs: m.Common(telephone)}
	want := "v=0\r\no=- 7 1 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=5 9\r\nm=video 0 RTP/AVP 96 97\r\n" +
		"m=audio 20002 RTP/AVPF 8 96\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\n" +
		"a=ptime:20\r\na=recvonly\r\nm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nm=audio 0 RTP/AVP 0\r\n"
	if got := string(l.Answer(offer, offer.Pick(telephone, Plain))); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Whatever is read can be answered, and the answer can be read and has the same media.
func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "c=IN IP4 192.0.2.1\r\nt=0 0\r\n" + audio + "a=sendonly\r\n"))
	f.Add([]byte(head + "c=IN IP6 ::\r\nm=video 5000/2 RTP/AVP 96\r\nm=audio 0 RTP/AVP 0\r\na=inactive\r\na=ptime:20"))
	f.Add([]byte("v=0\nm=audio 4000 RTP/AVPF 127 0\na=rtpmap:127 PCMA/8000/1\nc=IN IP4 1.2.3.4\n"))
	f.Add([]byte(head + "a=group:BUNDLE 0\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\n" +
		"a=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\na=rtcp-mux\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=fingerprint:sha-256 " + digits(32)))
	f.Add([]byte(head + "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b64(30) + "|2^31|1:4 WSH=64\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := Parse(in)
		if err != nil {
			return
		}
		for _, p := range []Protection{Plain, SDES, DTLS} {
			answered(t, s, p, len(in))
		}
	})
}

// answered answers a description in its own words, and reads that.
func answered(t *testing.T, s Session, p Protection, size int) {
	l := Local{Addr: netip.MustParseAddr("192.0.2.5"), Port: 20002, Codecs: Ours(telephone, FirstTypes)}
	at := s.Pick(telephone, p)
	if at >= 0 {
		l.Codecs, l.Link = s.Media[at].Common(telephone), s.Media[at].Link
	}
	back, err := Parse(l.Answer(s, at))
	if errors.Is(err, ErrSyntax) && size > maxBytes/8 {
		return // an answer to many media may pass the bound
	}
	if err != nil || len(back.Media) != len(s.Media) || back.Pick(telephone, p) != at {
		t.Fatalf("%v: %d media, picked %d; offer had %d, %d", err, len(back.Media), back.Pick(telephone, p), len(s.Media), at)
	}
}
