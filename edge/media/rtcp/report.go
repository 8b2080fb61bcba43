// Package rtcp reads and writes the reports of a telephone call's RTP stream (RFC 3550 section 6): SR, RR, SDES with a
// CNAME, and BYE. It knows no sockets and no clock, and allocates nothing.
package rtcp

import "encoding/binary"

// Packet types (RFC 3550 section 12.1) and the SDES item of a CNAME (section 12.2).
const (
	senderReport   = 200
	receiverReport = 201
	description    = 202
	goodbye        = 203
	cname          = 1
)

// Sizes in bytes.
const (
	headSize   = 8 // with the SSRC that every packet here begins with
	senderSize = 20
	blockSize  = 24

	// Size is the most that Append adds with a CNAME of 16 bytes.
	Size = headSize + senderSize + blockSize + headSize + 20 + headSize
)

// Report is a compound packet, as far as two parties need it.
type Report struct {
	SSRC  uint32 // who tells it
	Sends bool   // it is an SR: Sent counts
	Sent  Sent
	Hears bool // Block counts
	Block Block
	Bye   bool
}

// Sent is the sender information of an SR (RFC 3550 section 6.4.1).
type Sent struct {
	NTP             uint64
	RTP             uint32
	Packets, Octets uint32
}

// Block is how a stream is received (RFC 3550 section 6.4.1).
type Block struct {
	SSRC     uint32 // of the stream
	Fraction uint8  // lost since the report before, of 256
	Lost     int32  // 24 bits; negative when packets came twice
	Highest  uint32
	Jitter   uint32 // in samples
	LastSR   uint32 // Middle of its SR's NTP time
	Delay    uint32 // since that SR came, in 1/65536 s
}

// Middle is the part of an NTP time that reports repeat: seconds in 16.16.
func Middle(ntp uint64) uint32 { return uint32(ntp >> 16) }

// Is says whether a packet that came to an RTP port is RTCP (RFC 5761 section 4).
func Is(b []byte) bool { return len(b) > 1 && b[1] >= 192 && b[1] <= 223 }

// Append writes the report and the CNAME of its sender behind b.
func (r *Report) Append(b []byte, name string) []byte {
	kind, size, count := uint8(receiverReport), headSize, 0
	if r.Sends {
		kind, size = senderReport, size+senderSize
	}
	if r.Hears {
		size, count = size+blockSize, 1
	}
	b = head(b, count, kind, size, r.SSRC)
	if r.Sends {
		b = r.Sent.append(b)
	}
	if r.Hears {
		b = r.Block.append(b)
	}
	b = appendName(b, r.SSRC, name)
	if r.Bye {
		b = head(b, 1, goodbye, headSize, r.SSRC)
	}
	return b
}

func head(b []byte, count int, kind uint8, size int, ssrc uint32) []byte {
	b = append(b, 2<<6|byte(count), kind)
	b = binary.BigEndian.AppendUint16(b, uint16(size/4-1))
	return binary.BigEndian.AppendUint32(b, ssrc)
}

func (s *Sent) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, s.NTP)
	b = binary.BigEndian.AppendUint32(b, s.RTP)
	b = binary.BigEndian.AppendUint32(b, s.Packets)
	return binary.BigEndian.AppendUint32(b, s.Octets)
}

func (k *Block) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, k.SSRC)
	b = binary.BigEndian.AppendUint32(b, uint32(k.Fraction)<<24|uint32(min(max(k.Lost, -1<<23), 1<<23-1))&0xFFFFFF)
	b = binary.BigEndian.AppendUint32(b, k.Highest)
	b = binary.BigEndian.AppendUint32(b, k.Jitter)
	b = binary.BigEndian.AppendUint32(b, k.LastSR)
	return binary.BigEndian.AppendUint32(b, k.Delay)
}

// appendName writes SDES: the list of items ends with a zero and is filled up to 4 bytes with more (section 6.5).
func appendName(b []byte, ssrc uint32, name string) []byte {
	name = name[:min(len(name), 255)]
	items := (2 + len(name) + 1 + 3) / 4 * 4
	b = head(b, 1, description, headSize+items, ssrc)
	b = append(b, cname, byte(len(name)))
	b = append(b, name...)
	return append(b, 0, 0, 0, 0)[:len(b)+items-2-len(name)]
}
