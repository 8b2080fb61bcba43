package media

import (
	"net/netip"
	"slices"
)

// source decides whose packets are the party's. Only the address of the SDP is heard, and of it the port that sent
// first, since not all phones send from where they listen (RFC 4961 asks them to). With NAT any address may be the
// first. Whoever it was stays until the next description; only the very address of the SDP takes over: from another port
// beside it, which may be a losing branch of a fork behind the same gateway, and from a stranger who was faster, since a
// party that sends from where it said is behind no NAT. So does the address that the signalling comes from: behind NAT
// the sound mostly comes from there too.
type source struct {
	said   netip.AddrPort // of the SDP
	near   netip.Addr     // of the signalling; zero: not known
	locked netip.AddrPort // zero: nobody yet
	maybe  netip.AddrPort // NAT: another address, heard once
	ssrc   uint32
	next   uint16
	ice    bool             // who has shown our ICE password is heard, and nobody else
	paths  []netip.AddrPort // the newest last
}

// maxPaths is how many addresses of a party with ICE are heard: those that checked us last.
const maxPaths = 8

// path is an address that ICE has shown to be the party's.
func (s *source) path(from netip.AddrPort) {
	if slices.Contains(s.paths, from) {
		return
	}
	if len(s.paths) == maxPaths {
		s.paths = slices.Delete(s.paths, 0, 1)
	}
	s.paths = append(s.paths, from)
}

// may says whether a packet from there could be the party's, before its keys were looked at.
func (s *source) may(from netip.AddrPort, learn bool) bool {
	switch {
	case s.ice:
		return slices.Contains(s.paths, from)
	case s.locked.IsValid():
		return from == s.locked || s.better(from)
	}
	return s.said.IsValid() && (learn || from.Addr() == s.said.Addr())
}

// expect takes the address of a new description; the lock is gone.
func (s *source) expect(said netip.AddrPort) { *s = source{said: said, near: s.near} }

// better says whether somebody is surely the party, and who is heard now may be a stranger.
func (s *source) better(from netip.AddrPort) bool {
	if from == s.said {
		return true
	}
	now := s.locked.Addr()
	return from.Addr() == s.near && now != s.near && now != s.said.Addr()
}

// admit says whether a valid packet is the party's. A stranger behind NAT must send two packets in sequence, as
// RFC 3550 appendix A.1 asks of a new source, so that one stray packet takes no call.
func (s *source) admit(from netip.AddrPort, learn bool, ssrc uint32, seq uint16) bool {
	if s.ice {
		return s.may(from, false)
	}
	if s.locked.IsValid() {
		if s.better(from) {
			s.locked = from
		}
		return from == s.locked
	}
	if !s.said.IsValid() {
		return false
	}
	if from.Addr() == s.said.Addr() {
		s.locked = from
		return true
	}
	if !learn {
		return false
	}
	if s.maybe == from && s.ssrc == ssrc && s.next == seq {
		s.locked = from
		return true
	}
	s.maybe, s.ssrc, s.next = from, ssrc, seq+1
	return false
}
