package real

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/g722"
)

// Capture is what went over loopback, taken by tshark.
type Capture struct {
	*Process
	file string
}

// Packet is one captured UDP packet.
type Packet struct {
	At       time.Time
	Src, Dst int // ports
	Payload  []byte
}

// StartCapture captures UDP on loopback that fits a filter, such as "udp portrange 20000-20100".
func StartCapture(t *testing.T, filter string) *Capture {
	t.Helper()
	Need(t, "tshark")
	dir := t.TempDir()
	c := &Capture{file: filepath.Join(dir, "wire.pcap")}
	c.Process = Start(t, dir, "tshark", "-i", "lo", "-f", filter, "-F", "pcap", "-w", c.file, "-q")
	c.Line(t, "Capturing on")
	Eventually(t, "a capture file", func() bool { s, err := os.Stat(c.file); return err == nil && s.Size() >= 24 })
	return c
}

// Packets ends the capture and reads it.
func (c *Capture) Packets(t *testing.T) []Packet {
	t.Helper()
	c.Stop()
	b, err := os.ReadFile(c.file)
	must(t, err)
	if len(b) < 24 || binary.LittleEndian.Uint32(b) != 0xa1b2c3d4 {
		t.Fatalf("not a capture file of microseconds: %d bytes", len(b))
	}
	var all []Packet
	for b = b[24:]; len(b) >= 16; {
		n := int(binary.LittleEndian.Uint32(b[8:]))
		if len(b) < 16+n {
			break
		}
		at := time.Unix(int64(binary.LittleEndian.Uint32(b)), int64(binary.LittleEndian.Uint32(b[4:]))*1000)
		if p, ok := udp(b[16 : 16+n]); ok {
			p.At = at
			all = append(all, p)
		}
		b = b[16+n:]
	}
	return all
}

// udp takes Ethernet (loopback's kind), IPv4 and UDP off.
func udp(frame []byte) (Packet, bool) {
	if len(frame) < 14+20+8 || binary.BigEndian.Uint16(frame[12:]) != 0x0800 {
		return Packet{}, false
	}
	ip := frame[14:]
	head := int(ip[0]&15) * 4
	if ip[9] != 17 || len(ip) < head+8 {
		return Packet{}, false
	}
	u := ip[head:]
	return Packet{Src: int(binary.BigEndian.Uint16(u)), Dst: int(binary.BigEndian.Uint16(u[2:])), Payload: u[8:]}, true
}

// WideAt is the same of G.722, at 16 kHz.
func WideAt(packets []Packet, ports [2]int, from, to time.Time) (pcm []int16) {
	d := g722.NewDecoder()
	for _, p := range packets {
		if p.Dst < ports[0] || p.Dst > ports[1] || p.At.Before(from) || p.At.After(to) || len(p.Payload) < 12 || p.Payload[0]>>6 != 2 || p.Payload[1]&127 != 9 {
			continue
		}
		codes := p.Payload[12+4*int(p.Payload[0]&15):]
		frame := make([]int16, 2*len(codes))
		pcm = append(pcm, frame[:d.Decode(frame, codes)]...)
	}
	return pcm
}

// HeardAt is the sound that arrived at a port between two times, from RTP with PCMU or PCMA, in order of arrival.
func HeardAt(packets []Packet, ports [2]int, from, to time.Time) []int16 {
	var pcm []int16
	for _, p := range packets {
		if p.Dst < ports[0] || p.Dst > ports[1] || p.At.Before(from) || p.At.After(to) || len(p.Payload) < 12 {
			continue
		}
		kind := p.Payload[1] & 127
		if p.Payload[0]>>6 != 2 || kind != 0 && kind != 8 {
			continue
		}
		for _, c := range p.Payload[12+4*int(p.Payload[0]&15):] {
			pcm = append(pcm, expand(c, kind == 8))
		}
	}
	return pcm
}

// expand decodes G.711 by its definition, apart from the product's tables.
func expand(c byte, alaw bool) int16 {
	if alaw {
		c ^= 0x55
		s, e := int(c&15)<<4+8, int(c>>4)&7
		if e > 0 {
			s = (s + 0x100) << (e - 1)
		}
		if c&0x80 == 0 {
			s = -s
		}
		return int16(s)
	}
	c = ^c
	s := (int(c&15)<<3+0x84)<<(c>>4&7) - 0x84
	if c&0x80 != 0 {
		s = -s
	}
	return int16(s)
}

// Destinations counts packets by the port they went to.
func Destinations(packets []Packet) map[int]int {
	counts := map[int]int{}
	for _, p := range packets {
		counts[p.Dst]++
	}
	return counts
}
