// Package sipua is the signalling: transactions, dialogs, registrar, trunks and gateways over sipgo's sip package.
// SDP is bytes here, and no call logic: it tells its Handler what the wire did and does what a Dialog is told.
package sipua

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/offhook/offhook/edge/load"
)

// Config of a UA. The zero value of every field but Listen is usable.
type Config struct {
	Listen                                 []Listen                                             // where to listen; the first UDP one is the default source
	Advertise                              string                                               // host for Via and Contact; default: the listener's address
	Node                                   string                                               // this edge's name, in Contact and tags
	Secret                                 []byte                                               // HMAC key for Contact, tags and nonces; shared by the edges of a cluster; default random
	UserAgent                              string                                               // default "offhook"
	Workers                                int                                                  // default 4; every Call-ID has one
	Queue                                  int                                                  // inputs a worker may have waiting before new INVITEs get 503; default 4096
	SessionExpires                         time.Duration                                        // RFC 4028; default 1800 s
	MinSE                                  time.Duration                                        // default 90 s
	MaxExpires, MinExpires, DefaultExpires time.Duration                                        // REGISTER: 3600 s, 10 s, 600 s
	SHA256                                 bool                                                 // offer SHA-256 before MD5 (RFC 8760); default MD5 alone, for phones that give up when they see another
	Certificate                            func(*tls.ClientHelloInfo) (*tls.Certificate, error) // for tls and wss; asked at each handshake
	Origins                                []string                                             // hosts whose pages may use ws and wss, beside our own: shop.example, *.acme.test; "*": all
	Logger                                 *slog.Logger
	ListenPacket                           func(network, addr string) (net.PacketConn, error) // default net.ListenPacket with large buffers
	ListenTCP                              func(network, addr string) (net.Listener, error)
	DialTCP                                func(ctx context.Context, network, addr string) (net.Conn, error)
	Lookup                                 func(ctx context.Context, host string) ([]netip.Addr, error) // default net.DefaultResolver
}

// Listen is one listener.
type Listen struct {
	Network string // udp, tcp, tls, ws, wss
	Addr    string // host:port
}

// ListenError tells which listener cannot be had.
type ListenError struct {
	Listen
	Err error
}

func (e *ListenError) Error() string {
	return "sipua: " + e.Network + " " + e.Addr + ": " + e.Err.Error()
}
func (e *ListenError) Unwrap() error { return e.Err }

// Header is one SIP header to send; control characters are refused.
type Header struct{ Name, Value string }

// Handler is told what the wire does. Its methods run on the worker that owns the Call-ID, in the order of arrival,
// and must not block; they may call any Dialog method.
type Handler interface {
	// OnInvite: an admitted INVITE made a new inbound dialog; 100 is out already. The handler answers now or later
	// by d.Progress, d.Accept or d.End.
	OnInvite(d *Dialog, in Invite)
	// OnDialog: something happened in a dialog.
	OnDialog(d *Dialog, ev DialogEvent)
	// OnBinding: a registration was added, refreshed or removed (also called for what Restore did not bring). The changes
	// of all registrations come one after another; an expiry comes from a goroutine of its own. It may call Bindings and
	// AllBindings, not Restore or Forget.
	OnBinding(b Binding, change BindingChange)
	// OnGateway: a gateway's registration changed state.
	OnGateway(gateway string, registered bool, err error)
}

// FinalHandler may be a Handler too: it is told when the final response to an inbound INVITE that it answered is out,
// as OnDialog is told things.
type FinalHandler interface{ OnFinal(d *Dialog) }

// LoadHandler may be a Handler too: while it is late, sources have shares; while it is full, new calls are refused before they
// are parsed. It is asked for each message by any goroutine, so it must be quick.
type LoadHandler interface{ Load() load.Level }

// Invite is an inbound call as admitted.
type Invite struct {
	CallID     string
	Tenant     string
	Trunk      string // admitted by this trunk, or
	User       string // digest-authenticated as this user
	From       string // number or user part of From, checked; "anonymous" when withheld
	FromName   string
	To         string // user part of the Request-URI
	ToHost     string
	ReferredBy string            // as a user's phone or another edge says; a trunk's is not believed
	Headers    map[string]string // X- headers only, at most 32, checked
	SDP        []byte            // offer; nil: the offer is ours to make in the 2xx
	Source     netip.AddrPort
	Heard      time.Time // when it was read from the wire
	UserAgent  string
	Hops       int     // Max-Forwards, as it came
	Token      string  // what an edge of the cluster told beside the call; checked by Cluster
	Replaces   *Dialog // the dialog of the same tenant whose place this call takes (RFC 3891); its Context is the handler's
}

// DialogEvent is one thing that happened in a dialog; Kind says which fields count.
type DialogEvent struct {
	Kind        DialogEventKind
	Code        int // Progress: 180 ...; Ended: the final response if there was one
	Phrase      string
	SDP         []byte // Progress, Answered, Offer, Ack: what came, nil if none
	Body        []byte // Info
	ContentType string
	End         EndCause // Ended
	Forked      bool     // Progress, Answered: the SDP is from another branch than before
	Refer       *Refer   // Referred
}

// DialogEventKind tells DialogEvents apart.
type DialogEventKind int

// Kinds of DialogEvent.
const (
	Progress      DialogEventKind = iota + 1 // outbound: 1xx other than 100
	Answered                                 // outbound: 2xx (ACK is sent by us); inbound: our 2xx was acknowledged
	Offer                                    // re-INVITE or UPDATE: SDP is the offer, nil SDP (re-INVITE): we must offer. Answer by d.AnswerOffer or d.RefuseOffer
	OfferAnswered                            // the answer to our offer of d.Reoffer or of a 2xx (in the ACK); Code >= 300: it was refused
	Info                                     // INFO, already answered 200
	Referred                                 // REFER, already accepted: d.NotifyRefer tells how it goes, 200 and above is the last
	Notified                                 // how our d.Refer goes: Code and Phrase; 200 and above is the last
	Adrift                                   // the WebSocket of the page is gone; the dialog goes on, and reaches the page again when it comes back
	Ended                                    // the last event of a dialog, always exactly one
)

// Refer is what the other side asks for by REFER (RFC 3515).
type Refer struct {
	URI      string  // Refer-To, checked, without headers
	User     string  // its user part or number, unescaped; "" when there is none that can be used
	Host     string  // its host, "" of a tel: URI
	Local    bool    // the host is ours, as far as this dialog shows; a tenant's domains are for the handler to know
	By       string  // Referred-By, checked
	Replaces *Dialog // the dialog of the same tenant that the other party is to take the place of
}

// EndCause says how a dialog ended.
type EndCause struct {
	Why    EndWhy
	Remote bool
	Code   int // final response, if one ended it
	Phrase string
	Reason string   // the Reason header as it came, checked
	Q850   int      // from the Reason header, 0: none
	Moved  []string // a 3xx: SIP URIs to try instead, best first, at most 8
}

// EndWhy classifies an end.
type EndWhy int

// Ways a dialog ends.
const (
	EndBye       EndWhy = iota + 1 // BYE, by Remote or us
	EndCancel                      // CANCEL before the answer (487)
	EndRefused                     // final response >= 300
	EndTimeout                     // no response to INVITE (Timer B) or 408
	EndNoAck                       // our 2xx was never acknowledged
	EndTransport                   // could not be sent
	EndExpired                     // session timer (RFC 4028)
	EndLost                        // in-dialog request got 408/481 or no answer
)

// End is what a handler wants of Dialog.End.
type End struct {
	Code    int      // final response when the inbound dialog is unanswered; default 480
	Phrase  string   // default: the code's
	Headers []Header // for example Retry-After
	Reason  string   // Reason header value for CANCEL and BYE, e.g. `SIP;cause=200;text="Call completed elsewhere"`
}

// InviteRequest starts an outbound dialog.
type InviteRequest struct {
	CallID                       string // chosen by the caller; must be unique
	Tenant                       string // whose call it is: only the same tenant's may refer to it
	URI                          string // Request-URI
	Via                          string // "udp:ip:port", "tcp:ip:port", "tls:host:port"; empty: by DNS from Route or URI
	Flow                         string // connection token of a registration; wins over Via
	Route                        []string
	FromUser, FromName, FromHost string
	Anonymous                    bool   // withhold From* (RFC 3323); a Gateway is trusted with it (RFC 3325)
	User                         string // whose registered phone it is: a page that comes back over another WebSocket is found by it
	ToUser                       string // default: URI's
	Gateway                      string // TENANT/NAME: credentials for 401/407
	SDP                          []byte
	Headers                      []Header
	Hops                         int           // Max-Forwards; default 70
	Patience                     time.Duration // how long the other side may take to give any sign of life; default Timer B (32 s)
	Context                      any           // handed back in Dialog.Context
}

// Binding is one contact of an address of record.
type Binding struct {
	Tenant, User string
	Contact      string // URI
	Via          string // "udp:ip:port": where it was heard from
	Flow         string // connection token; dead after a restart
	Path         []string
	CallID       string
	CSeq         uint32
	UserAgent    string
	Expires      time.Time
	Node         string
	Q            int    // preference in thousandths, 0-1000 (RFC 3261 20.10); 1000 when the phone gave none
	Instance     string // +sip.instance with reg-id (RFC 5626), empty: the Contact alone names the binding
}

// BindingChange says what happened to a Binding.
type BindingChange int

// Changes of a Binding.
const (
	BindingAdded BindingChange = iota + 1
	BindingRefreshed
	BindingRemoved
	BindingExpired
	BindingLost // the WebSocket that it came over was closed
)

// Directory is what the UA asks about the tenants. It must answer from memory.
type Directory interface {
	// Tenant owns this SIP domain (host of Request-URI or To); realm is for its digest. ok false: none does.
	Tenant(host string) (tenant, realm string, ok bool)
	// Password of a user or digest trunk; trunk is set when the username is a trunk's.
	Password(tenant, username string) (password string, trunk string, ok bool)
	// TrunkByAddress admits by source address; tenant and trunk name.
	TrunkByAddress(src netip.Addr, host string) (tenant, trunk string, ok bool)
	// IsUser tells a user's AOR from a number: From claims of users are challenged even from trusted addresses.
	IsUser(tenant, username string) bool
	// Trusted addresses have as much as they ask for, also while others wait: trunks, gateways, the other edges.
	Trusted(src netip.Addr) bool
	// Gateways lists all gateways; called at the start and after Reload.
	Gateways() []Gateway
}

// TokenHeader carries what edges of a cluster tell each other beside a call. X-Offhook- headers are theirs: from anybody
// else they are dropped.
const TokenHeader = "X-Offhook-Params"

// Cluster is a Directory that knows the other edges.
type Cluster interface {
	// FromNode admits a call by the token of another edge, and gives the tenant whose call it is and the trunk it counts as.
	// ok false: the token is not believed, and the call is treated as anybody's.
	FromNode(src netip.Addr, callID, to, token string) (tenant, trunk string, ok bool)
}

// Gateway is an upstream we send calls to, and perhaps register at.
type Gateway struct {
	Name               string // TENANT/NAME
	Host               string // host[:port]
	Transport          string // udp, tcp, tls
	CA                 string // file of the authorities that TLS trusts; empty: the system's
	Domain             string
	Username, Password string
	Register           bool
	Expires            time.Duration
}
