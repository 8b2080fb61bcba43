package phone

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// complete checks the options and fills the defaults in.
func (o Options) complete() (Options, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Transport = strings.ToLower(o.Transport)
	if o.Transport == "" {
		o.Transport = "udp"
	}
	if o.Password == "" && o.As != "" {
		o.Password = "demo-" + o.As
	}
	if o.Patience == 0 && !o.Wait {
		o.Patience = DefaultPatience
	}
	for _, check := range []func(Options) error{checkWords, checkTarget, checkCall} {
		if err := check(o); err != nil {
			return o, err
		}
	}
	o.Server = o.server()
	if _, _, err := net.SplitHostPort(o.Server); err != nil {
		o.Server = net.JoinHostPort(strings.Trim(o.Server, "[]"), "5060")
	}
	return o, nil
}

// server is where everything is sent: the one named, the one in the target, or the default.
func (o Options) server() string {
	var u sip.Uri
	if o.Server != "" {
		return o.Server
	}
	if strings.HasPrefix(o.Target, "sip:") && sip.ParseUri(o.Target, &u) == nil {
		return hostPort(u)
	}
	return DefaultServer
}

// checkWords keeps what would break a SIP message or a file of lines out of it.
func checkWords(o Options) error {
	for name, v := range map[string]string{"as": o.As, "name": o.Name, "target": o.Target, "server": o.Server} {
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7F || strings.ContainsRune(`"<>`, r) }) {
			return fmt.Errorf("%w: %s %q has a character that cannot be sent", ErrUsage, name, v)
		}
	}
	if o.As != "" && strings.ContainsAny(o.As, " @:;,") {
		return fmt.Errorf("%w: user %q; expected the part before the @ only", ErrUsage, o.As)
	}
	if o.Transport != "udp" && o.Transport != "tcp" {
		return fmt.Errorf("%w: transport %q; expected udp or tcp", ErrUsage, o.Transport)
	}
	return nil
}

func checkTarget(o Options) error {
	var u sip.Uri
	switch {
	case o.Wait && o.Target != "":
		return fmt.Errorf("%w: either a target or waiting for a call, not both", ErrUsage)
	case o.Wait:
		return nil
	case o.Target == "":
		return fmt.Errorf("%w: no target; expected an extension, a number or a SIP URI", ErrUsage)
	case !strings.Contains(o.Target, ":") && !strings.ContainsAny(o.Target, " @"):
		return nil
	}
	if err := sip.ParseUri(o.Target, &u); err != nil || u.Scheme != "sip" || u.Host == "" {
		return fmt.Errorf("%w: target %q; expected an extension, a number or sip:USER@HOST", ErrUsage, o.Target)
	}
	return nil
}

func checkCall(o Options) error {
	if i := strings.IndexFunc(o.Digits.Send, func(r rune) bool { return !strings.ContainsRune("0123456789*#ABCDabcdw,", r) }); i >= 0 {
		return fmt.Errorf("%w: digits %q; expected 0-9 * # A-D, w and , for pauses", ErrUsage, o.Digits.Send)
	}
	if r := o.Answer.Reject; r != 0 && (r < 300 || r > 699) {
		return fmt.Errorf("%w: refusing with %d; expected 300-699", ErrUsage, r)
	}
	if !slices.Contains([]string{"", "pcmu", "pcma"}, strings.ToLower(o.Sound.Codec)) {
		return fmt.Errorf("%w: codec %q; expected pcmu or pcma", ErrUsage, o.Sound.Codec)
	}
	if o.Sound.Tone < 0 || o.Sound.Tone > 4000 {
		return fmt.Errorf("%w: a tone of %v Hz; expected up to 4000", ErrUsage, o.Sound.Tone)
	}
	for _, h := range o.Hold {
		if err := h.check(); err != nil {
			return err
		}
	}
	return nil
}

func hostPort(u sip.Uri) string {
	port := u.Port
	if port == 0 {
		port = 5060
	}
	return net.JoinHostPort(strings.Trim(u.Host, "[]"), fmt.Sprint(port))
}

// targetURI is whom to call.
func (o Options) targetURI() sip.Uri {
	var u sip.Uri
	if strings.HasPrefix(o.Target, "sip:") && sip.ParseUri(o.Target, &u) == nil {
		return u
	}
	return o.uri(o.Target)
}

// uri is a user at the server.
func (o Options) uri(user string) sip.Uri {
	host, port := splitAddress(o.Server)
	if port == 5060 {
		port = 0
	}
	return sip.Uri{Scheme: "sip", User: user, Host: host, Port: port}
}

// user is who we say we are.
func (o Options) user() string {
	if o.As == "" {
		return "phone"
	}
	return o.As
}
