package sdp

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

const offer = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n" +
	"m=audio 4000 RTP/AVP 9 8 97 0\r\nc=IN IP4 10.0.0.2\r\na=rtpmap:97 telephone-event/8000\r\na=sendonly\r\n" +
	"m=video 5000 RTP/AVP 99\r\na=inactive\r\n"

func TestOfferIsReadByItsAudioStreamAlone(t *testing.T) {
	s, err := Parse([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	if s.Addr != netip.MustParseAddrPort("10.0.0.2:4000") || !slices.Equal(s.Payloads, []int{PCMA, PCMU}) || s.Digits != 97 || s.Direction != "sendonly" {
		t.Errorf("%+v", s)
	}
	if !s.Held() || s.Wants() {
		t.Error("sendonly is a hold")
	}
}

func TestAnswerKeepsEveryStreamAndRefusesTheOthers(t *testing.T) {
	s, err := Parse([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	d := Description{Addr: netip.MustParseAddrPort("10.0.0.9:6000"), Version: 2, Payloads: []int{PCMA}, Digits: 97, Direction: "recvonly"}
	got := string(d.Write(s.Streams, s.Audio))
	if !strings.Contains(got, "m=audio 6000 RTP/AVP 8 97\r\n") || !strings.Contains(got, "m=video 0 RTP/AVP 99\r\n") {
		t.Errorf("%s", got)
	}
}

func TestEveryFormOfHoldIsSeen(t *testing.T) {
	for form, held := range map[string]bool{"a=sendonly": true, "a=inactive": true, "c=IN IP4 0.0.0.0": true, "a=recvonly": false, "a=sendrecv": false, "": false} {
		s, err := Parse([]byte("v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n" + form + "\r\n"))
		if err != nil || s.Held() != held {
			t.Errorf("%q: held %v, %v", form, s.Held(), err)
		}
	}
}

func TestOwnDescriptionIsReadBack(t *testing.T) {
	for _, at := range []string{"127.0.0.1:4000", "[::1]:4000"} {
		d := Description{Addr: netip.MustParseAddrPort(at), Payloads: []int{PCMU, PCMA}, Digits: Digits, Direction: "sendrecv"}
		s, err := Parse(d.Write(nil, 0))
		if err != nil || s.Addr != d.Addr || s.Digits != Digits || !slices.Equal(s.Payloads, d.Payloads) || s.Held() {
			t.Errorf("%s: %+v, %v", at, s, err)
		}
		d.Zero = true
		if s, err := Parse(d.Write(nil, 0)); err != nil || !s.Held() {
			t.Errorf("%s with the zero address: %+v, %v", at, s, err)
		}
	}
}

func TestWhatCannotBeHeardIsRefused(t *testing.T) {
	for body, want := range map[string]error{
		"": ErrCodec,
		"v=0\r\nm=audio 0 RTP/AVP 0\r\nc=IN IP4 1.2.3.4\r\n":      ErrCodec,
		"v=0\r\nm=audio 9 RTP/SAVP 0\r\nc=IN IP4 1.2.3.4\r\n":     ErrCodec,
		"v=0\r\nm=audio 9 RTP/AVP 9\r\nc=IN IP4 1.2.3.4\r\n":      ErrCodec,
		"v=0\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 host.example\r\n": ErrSDP,
		"v=0\r\nm=audio 9 RTP/AVP 0\r\n":                          ErrSDP,
		strings.Repeat("a=x\r\n", 5000):                           ErrSDP,
	} {
		if _, err := Parse([]byte(body)); !errors.Is(err, want) {
			t.Errorf("%.60q: %v, want %v", body, err, want)
		}
	}
}

func TestDirectionsAreAnsweredByTheirMirror(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"sendrecv", ""}: "sendrecv", {"sendonly", ""}: "recvonly", {"recvonly", ""}: "sendonly", {"inactive", ""}: "inactive",
		{"sendrecv", "sendonly"}: "sendonly", {"sendonly", "sendonly"}: "inactive", {"recvonly", "sendonly"}: "sendonly", {"sendrecv", "inactive"}: "inactive",
	} {
		if got := Mirror(in[0], in[1]); got != want {
			t.Errorf("%v: %q, want %q", in, got, want)
		}
	}
}
