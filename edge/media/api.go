// Package media is the sound: RTP endpoints, relay, transcoding, mixing, players, recorders, DTMF and SDP offer/answer.
// It knows no SIP, no calls, no tenants and no files; what plays comes in as a Source of frames, what is recorded is read.
package media

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"
)

// Samples a second. Sound is mixed at the rate of who hears it; what comes at the other is converted.
const (
	Rate     = 8000
	WideRate = 16000 // of parties that speak G.722 or Opus
)

// Config of an Engine.
type Config struct {
	IP               netip.Addr    // local address for RTP and SDP
	Advertise        netip.Addr    // address in SDP if another
	MinPort, MaxPort int           // RTP ports, even ones are used; RTCP is the next
	Rest             time.Duration // a closed port rests this long before reuse; default 5 s
	Silence          time.Duration // no RTP for this long on a leg that should send, nor RTCP once there was RTP: Timeout; default 30 s
	NAT              bool          // learn the source address once, then lock; else only the SDP's address is heard
	Logger           *slog.Logger
	// Listen opens a socket in place of UDP, for tests. Every socket then has a goroutine that reads it.
	Listen func(netip.AddrPort) (PacketSocket, error)
}

// Event is told by an Endpoint or a Player to its owner. Notify functions must not block.
type Event struct {
	Kind     EventKind
	Digit    string        // Digit
	Duration time.Duration // Digit
	InBand   bool          // Digit: it came as tones in the sound, see HearTones
	Err      error         // PlayEnded, PlayFailed, KeysFailed
	Position time.Duration // PlayEnded: where in the list it ended
	Source   int           // PlayFailed: which of the list
	Instead  bool          // PlayFailed: Part.Instead is heard in its place
}

// EventKind tells Events apart.
type EventKind int

// Kinds of Event.
const (
	Digit      EventKind = iota + 1 // a digit, once, at its end
	Timeout                         // RTP never came or stopped (Config.Silence); told once until it comes again
	PlayEnded                       // a player reached its end; Err is of the first source that failed
	PlayFailed                      // a source of a player failed, told once
	Keyed                           // DTLS brought the keys: from now on the party is heard, and hears
	KeysFailed                      // DTLS brought no keys: the party will hear nothing, and not be heard
)

// Source is a sound to play, mono, 16 bit, 8 kHz; see Wide for more. Frames may be shared by many players and must not be changed.
type Source interface {
	// Frame gives the n-th 20 ms (160 samples). ok false: the end. pcm nil with ok true: not ready yet; silence is heard
	// and the same n is asked for again 20 ms later. It is called on the wheel that serves all calls and must not block.
	Frame(n int) (pcm []int16, ok bool, err error)
}

// Wide is a Source that also has frames at 16 kHz.
type Wide interface {
	Source
	// FrameWide gives the n-th 20 ms (320 samples), which Frame has given before; nil: this frame has no more than 8 kHz.
	FrameWide(n int) []int16
}

// Encoded is a Source that also has the frame as G.711, so that an everyday prompt costs no coding.
type Encoded interface {
	Source
	FrameG711(n int, alaw bool) (b []byte, ok bool, err error)
}

// Stats of an endpoint.
type Stats struct {
	Codec                        string
	Encryption                   Encryption // Plain, SDES, DTLS; Auto: nothing was agreed on
	PacketsSent, PacketsReceived uint64
	BytesSent, BytesReceived     uint64
	Lost, Refused                uint64
	JitterMS                     float64
	ReportsRefused               uint64 // RTCP of others, or not to be read
	LastReceived                 time.Time

	Reported       bool          // the party told by RTCP how it hears us:
	RemoteLost     uint64        // packets that it missed,
	RemoteJitterMS float64       // and its jitter
	RoundTrip      time.Duration // smoothed; 0: not known

	RFactor, MOS float64 // see quality.go; 0: nothing was received
}

// Profile is what a party is offered, and what is taken of its offers.
type Profile struct {
	Codecs     []string // names as in SDP, in order of preference; none: all there are, those of Like first
	Like       []string // codecs of who will be heard, in their order: what needs no transcoding is chosen
	Encryption Encryption
	Browser    bool       // ICE, rtcp-mux and what else WebRTC asks for
	Near       netip.Addr // where its signalling comes from: sound from there is its own rather than a stranger's
}

// Encryption of a party's sound.
type Encryption int

// Encryptions. Anything but Auto is what is offered, and the only thing that is taken.
const (
	Auto  Encryption = iota // browsers are offered DTLS, others Plain; whatever is offered is taken
	Plain                   // RTP/AVP
	SDES                    // SRTP with the keys in the SDP (RFC 4568)
	DTLS                    // SRTP with keys that DTLS agrees on (RFC 5763, 5764)
)

// Heard is one row of what an endpoint's party hears, or a recorder: another endpoint or a player.
type Heard struct {
	From     Hearable
	Gain     float64 // linear; 0 means 1
	Channel  int     // of a recorder: 0 the first or only one, 1 the second
	NoDigits bool    // its RTP digits are told by Digit and not passed on
}

// Hearable is an *Endpoint or a *Player.
type Hearable interface{ hearable() }

// Negotiated is what an offer/answer brought.
type Negotiated struct {
	Held  bool // the other side put us on hold: sendonly, inactive or c=0.0.0.0
	Codec string
}

// Errors of this package.
var (
	// ErrNoPorts: every port of the range is in use or rests.
	ErrNoPorts = errors.New("media: no free RTP port")
	// ErrNoCodec: no audio stream with a codec that the Profile allows (SIP 488).
	ErrNoCodec = errors.New("media: no codec in common")
	// ErrNoEncryption: the sound is not to be encrypted, or not to be left so, in a way that both sides take (SIP 488).
	ErrNoEncryption = errors.New("media: no encryption in common")
	// ErrNoHandshake is told with KeysFailed: the party did not begin DTLS.
	ErrNoHandshake = errors.New("media: no DTLS handshake came")
	// ErrBadSDP is wrapped when a description cannot be read or names no address we can send to (SIP 400 or 488).
	ErrBadSDP = errors.New("media: bad session description")
	// ErrClosed: the engine or endpoint was closed.
	ErrClosed = errors.New("media: closed")
)
