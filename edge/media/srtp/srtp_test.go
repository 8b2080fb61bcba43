package srtp

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/pion/rtp"
)

func keyOf(s *Suite, fill byte) Key {
	return Key{Suite: s, Master: bytes.Repeat([]byte{fill}, s.Size())}
}

func pair(tb testing.TB, k Key) (*Sealer, *Opener) {
	tb.Helper()
	s, err := k.Sealer()
	if err != nil {
		tb.Fatal(err)
	}
	o, err := k.Opener()
	if err != nil {
		tb.Fatal(err)
	}
	return s, o
}

func packet(tb testing.TB, seq uint16, ssrc uint32) []byte {
	tb.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, SSRC: ssrc}, Payload: make([]byte, 160)}
	b, err := p.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return append(make([]byte, 0, len(b)+Overhead), b...)
}

func TestWhatIsSealedIsOpenedOnce(t *testing.T) {
	for _, suite := range Suites {
		t.Run(suite.Name, func(t *testing.T) {
			s, o := pair(t, keyOf(suite, 7))
			plain := packet(t, 65535, 9)
			sealed, err := s.RTP(packet(t, 65535, 9))
			if err != nil || bytes.Contains(sealed, make([]byte, 16)) || len(sealed) > len(plain)+Overhead {
				t.Fatalf("%v: %x", err, sealed)
			}
			again := bytes.Clone(sealed)
			if got, err := o.RTP(sealed); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%v: %x", err, got)
			}
			if got, err := o.RTP(again); err == nil {
				t.Errorf("taken again: %x", got)
			}
			if sealed, err = s.RTP(packet(t, 0, 9)); err != nil { // over the end of the numbers
				t.Fatal(err)
			}
			if _, err := o.RTP(sealed); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReportsAreSealedToo(t *testing.T) {
	report := []byte{0x80, 201, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4}
	report[3] = 2
	for _, suite := range Suites {
		s, o := pair(t, keyOf(suite, 7))
		sealed, err := s.RTCP(report)
		if err != nil || bytes.Equal(sealed[:len(report)], report) {
			t.Fatalf("%s: %v %x", suite.Name, err, sealed)
		}
		again := bytes.Clone(sealed)
		if got, err := o.RTCP(sealed); err != nil || !bytes.Equal(got, report) {
			t.Errorf("%s: %v %x", suite.Name, err, got)
		}
		if _, err := o.RTCP(again); err == nil {
			t.Errorf("%s: taken again", suite.Name)
		}
	}
}

func TestNothingElseIsOpened(t *testing.T) {
	for _, suite := range Suites {
		s, _ := pair(t, keyOf(suite, 7))
		_, wrong := pair(t, keyOf(suite, 8))
		_, right := pair(t, keyOf(suite, 7))
		sealed, err := s.RTP(packet(t, 5, 9))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wrong.RTP(bytes.Clone(sealed)); err == nil {
			t.Errorf("%s: opened with another key", suite.Name)
		}
		for n := range sealed {
			if _, err := right.RTP(bytes.Clone(sealed[:n])); err == nil {
				t.Errorf("%s: opened %d of %d bytes", suite.Name, n, len(sealed))
			}
			if _, err := right.RTCP(bytes.Clone(sealed[:n])); err == nil {
				t.Errorf("%s: opened %d of %d bytes as a report", suite.Name, n, len(sealed))
			}
			bent := bytes.Clone(sealed)
			bent[n] ^= 1
			if _, err := right.RTP(bent); err == nil {
				t.Errorf("%s: opened with bit %d turned", suite.Name, 8*n)
			}
		}
		if _, err := right.RTP(sealed); err != nil {
			t.Errorf("%s: not opened after all that: %v", suite.Name, err)
		}
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s, o := pair(t, keyOf(Suites[0], 7))
	taken := 0
	for ssrc := range uint32(2 * maxStreams) {
		sealed, err := s.RTP(packet(t, 1, ssrc))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.RTP(sealed); err == nil {
			taken++
		}
	}
	if taken != maxStreams {
		t.Errorf("%d streams", taken)
	}
	sealed, err := s.RTP(packet(t, 2, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.RTP(sealed); err != nil {
		t.Errorf("one that is known: %v", err)
	}
}

// Some switches begin a stream with every caller that they put on a line, and an agent's line stays up for the day.
func TestALineHasRoomForTheStreamsOfADay(t *testing.T) {
	s, o := pair(t, keyOf(Suites[0], 7))
	for ssrc := range uint32(400) {
		sealed, err := s.RTP(packet(t, 1, ssrc))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.RTP(sealed); err != nil {
			t.Fatalf("stream %d: %v", ssrc, err)
		}
	}
}

func TestKeysOfTheWrongSizeAreRefused(t *testing.T) {
	for _, k := range []Key{{}, {Suite: Suites[0], Master: make([]byte, 30)}, {Suite: Suites[2], Master: make([]byte, 44)}} {
		if _, err := k.Sealer(); err == nil {
			t.Errorf("%+v seals", k)
		}
		if _, err := k.Opener(); err == nil {
			t.Errorf("%+v opens", k)
		}
	}
}

func TestAPacketThatNamesItsKeyIsOpened(t *testing.T) {
	k := keyOf(Suites[2], 7)
	k.MKI = []byte{0, 1}
	s, o := pair(t, k)
	b := append(make([]byte, 0, 300), packet(t, 5, 9)...)
	sealed, err := s.RTP(b)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := o.RTP(sealed); err != nil || !bytes.Equal(got, packet(t, 5, 9)) {
		t.Errorf("%v %x", err, got)
	}
}

func TestNothingIsAllocatedForAPacket(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, which runs the short tests, takes things out of the pool that AES_CM has its buffers from")
	}
	for _, suite := range Suites {
		s, o := pair(t, keyOf(suite, 7))
		b, seq := packet(t, 0, 9), uint16(0)
		sealed, err := s.RTP(b)
		if err == nil {
			_, err = o.RTP(sealed)
		}
		if err != nil {
			t.Fatal(err)
		}
		n := testing.AllocsPerRun(500, func() {
			seq++
			binary.BigEndian.PutUint16(b[2:], seq)
			sealed, err := s.RTP(b)
			if err == nil {
				_, err = o.RTP(sealed)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a packet", suite.Name, n)
		}
	}
}
