package rtcp

import (
	"bytes"
	"testing"
)

var full = Report{
	SSRC: 0x01020304, Sends: true, Sent: Sent{NTP: 0xE000000080000000, RTP: 7, Packets: 8, Octets: 9},
	Hears: true, Block: Block{SSRC: 5, Fraction: 128, Lost: -2, Highest: 70000, Jitter: 11, LastSR: 12, Delay: 13}, Bye: true,
}

func TestReportIsReadAsItWasWritten(t *testing.T) {
	onlyRR := Report{SSRC: 3}
	hears := Report{SSRC: 3, Hears: true, Block: Block{SSRC: 5, Lost: 1<<23 - 1}}
	for _, want := range []Report{full, onlyRR, hears} {
		for _, name := range []string{"", "a", "ab", "abc", "0123456789abcdef"} {
			b := want.Append(nil, name)
			if len(b)%4 != 0 || len(b) > Size || !Is(b) {
				t.Errorf("%q: %d bytes: %x", name, len(b), b)
			}
			if got, ok := Read(b, 5); !ok || got != want {
				t.Errorf("%q: %+v, want %+v", name, got, want)
			}
		}
	}
}

// The bytes are those of RFC 3550 sections 6.4.1, 6.5 and 6.6.
func TestBytesOfACompound(t *testing.T) {
	want := []byte{
		0x81, 200, 0, 12, 1, 2, 3, 4, 0xE0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9,
		0, 0, 0, 5, 128, 0xFF, 0xFF, 0xFE, 0, 1, 0x11, 0x70, 0, 0, 0, 11, 0, 0, 0, 12, 0, 0, 0, 13,
		0x81, 202, 0, 3, 1, 2, 3, 4, 1, 2, 'm', 'e', 0, 0, 0, 0,
		0x81, 203, 0, 1, 1, 2, 3, 4,
	}
	if got := full.Append(nil, "me"); !bytes.Equal(got, want) {
		t.Errorf("\n%x\n%x", got, want)
	}
}

func TestWhatIsNotWholeIsNotBelieved(t *testing.T) {
	b := full.Append(nil, "me")
	for n := range b {
		if _, ok := Read(b[:n], 5); ok && n != 52 && n != 68 { // SR alone, SR and SDES
			t.Errorf("%d bytes were believed", n)
		}
	}
	bad := map[string]func(b []byte){
		"version":         func(b []byte) { b[0] = 0x41 },
		"SDES first":      func(b []byte) { b[1] = 202 },
		"too many blocks": func(b []byte) { b[0] = 0x82 },
		"padding inside":  func(b []byte) { b[0] |= 0x20 },
		"length":          func(b []byte) { b[2] = 1 },
		"second version":  func(b []byte) { b[52] = 0 },
		"BYE of many":     func(b []byte) { b[68] = 0x82 },
	}
	for name, spoil := range bad {
		c := bytes.Clone(b)
		spoil(c)
		if r, ok := Read(c, 5); ok {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestBlocksOfOthersAreNotOurs(t *testing.T) {
	if r, ok := Read(full.Append(nil, "me"), 6); !ok || r.Hears {
		t.Errorf("%+v", r)
	}
}

func TestRTPIsNoRTCP(t *testing.T) {
	for _, second := range []byte{0, 8, 13, 101, 127, 0x80, 0x88, 0x80 | 101} {
		if Is([]byte{0x80, second}) {
			t.Error(second)
		}
	}
	if Is(nil) || Is([]byte{0x80}) {
		t.Error("no packet")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	buf := make([]byte, 0, Size)
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := Read(full.Append(buf, "0123456789abcdef"), 5); !ok {
			t.Fatal("not read")
		}
	}); n != 0 {
		t.Error(n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(full.Append(nil, "me"))
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := Read(b, 5)
		if !ok && r != (Report{}) || ok && len(b) < 8 {
			t.Errorf("%v %+v", ok, r)
		}
	})
}
