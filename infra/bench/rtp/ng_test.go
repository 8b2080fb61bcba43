package rtp

import (
	"net/netip"
	"reflect"
	"testing"
)

func TestBencodeReadsWhatItWrites(t *testing.T) {
	in := map[string]any{"command": "offer", "replace": []any{"origin", 7}, "deep": map[string]any{"": -1}, "sdp": "v=0\r\n"}
	raw := bencode(nil, in)
	if want := "d7:command5:offer4:deepd0:i-1ee7:replacel6:origini7ee3:sdp5:v=0\r\ne"; string(raw) != want {
		t.Errorf("wrote %q, want %q", raw, want)
	}
	out, rest, err := bdecode(raw)
	if err != nil || len(rest) != 0 || !reflect.DeepEqual(out, in) {
		t.Errorf("read %v, %q left, %v", out, rest, err)
	}
}

func TestBadBencodeIsRefused(t *testing.T) {
	for _, s := range []string{"", "i5", "ixe", "9:short", "-1:", "l", "d1:a", "li1e", "x"} {
		if v, _, err := bdecode([]byte(s)); err == nil {
			t.Errorf("%q was read as %v", s, v)
		}
	}
}

func TestTheAudioOfADescriptionIsFound(t *testing.T) {
	got, err := mediaAddr("v=0\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\nm=audio 1024 RTP/AVP 0\r\n")
	if want := netip.MustParseAddrPort("127.0.0.2:1024"); err != nil || got != want {
		t.Errorf("%v %v, want %v", got, err, want)
	}
	if _, err := mediaAddr("v=0\r\nm=video 5 RTP/AVP 0\r\n"); err == nil {
		t.Error("a description without address was taken")
	}
}
