package rtcp

import "encoding/binary"

// Read takes a compound packet; of its blocks it keeps the one about the stream ours. ok is false when any part of it is
// not as RFC 3550 appendix A.2 asks: then nothing of it is believed.
func Read(b []byte, ours uint32) (r Report, ok bool) {
	for first := true; len(b) > 0; first = false {
		if len(b) < 4 || b[0]>>6 != 2 {
			return Report{}, false
		}
		size := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b) || b[0]&0x20 != 0 && size != len(b) { // padding is the last one's
			return Report{}, false
		}
		if first && b[1] != senderReport && b[1] != receiverReport {
			return Report{}, false
		}
		if !r.packet(b[1], int(b[0]&31), b[4:size], ours, first) {
			return Report{}, false
		}
		b = b[size:]
		ok = true
	}
	return r, ok
}

// packet takes one packet of a compound. Kinds that we do not know are passed over (section 6.1).
func (r *Report) packet(kind uint8, count int, body []byte, ours uint32, first bool) bool {
	switch kind {
	case senderReport, receiverReport:
		return r.report(kind, count, body, ours, first)
	case goodbye:
		if len(body) < 4*count {
			return false
		}
		for ; count > 0; count-- {
			r.Bye = r.Bye || binary.BigEndian.Uint32(body[4*count-4:]) == r.SSRC
		}
	}
	return true
}

func (r *Report) report(kind uint8, count int, body []byte, ours uint32, first bool) bool {
	need := 4 + blockSize*count
	if kind == senderReport {
		need += senderSize
	}
	if len(body) < need {
		return false
	}
	if first {
		r.SSRC = binary.BigEndian.Uint32(body)
	}
	blocks := body[4:]
	if kind == senderReport {
		if first {
			r.Sends, r.Sent = true, readSent(blocks)
		}
		blocks = blocks[senderSize:]
	}
	for ; count > 0; count-- {
		if binary.BigEndian.Uint32(blocks) == ours {
			r.Hears, r.Block = true, readBlock(blocks)
		}
		blocks = blocks[blockSize:]
	}
	return true
}

func readSent(b []byte) Sent {
	return Sent{
		NTP: binary.BigEndian.Uint64(b), RTP: binary.BigEndian.Uint32(b[8:]),
		Packets: binary.BigEndian.Uint32(b[12:]), Octets: binary.BigEndian.Uint32(b[16:]),
	}
}

func readBlock(b []byte) Block {
	lost := binary.BigEndian.Uint32(b[4:])
	return Block{
		SSRC: binary.BigEndian.Uint32(b), Fraction: uint8(lost >> 24), Lost: int32(lost<<8) >> 8, Highest: binary.BigEndian.Uint32(b[8:]),
		Jitter: binary.BigEndian.Uint32(b[12:]), LastSR: binary.BigEndian.Uint32(b[16:]), Delay: binary.BigEndian.Uint32(b[20:]),
	}
}
