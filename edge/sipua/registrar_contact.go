package sipua

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/guard"
)

// maxName bounds a user name, number or host that we take from outside, in bytes.
const maxName = 128

var (
	errContact  = errors.New("Contact is not a SIP URI")
	errWildcard = errors.New("Contact * needs Expires 0 and stands alone")
)

// contact is one value of a REGISTER's Contact.
type contact struct {
	uri      string
	q        int
	expires  time.Duration // 0: remove
	instance string        // with reg-id
}

// contacts reads the Contact headers of a REGISTER (RFC 3261 10.3 step 6). all: it was "*".
func (b *bindings) contacts(req *sip.Request) (list []contact, all bool, err error) {
	headers := req.GetHeaders("Contact")
	standard := b.u.cfg.DefaultExpires
	if h := req.GetHeader("Expires"); h != nil {
		standard = parseExpires(h.Value(), standard)
	}
	for _, h := range headers {
		c, ok := h.(*sip.ContactHeader)
		if !ok {
			return nil, false, errContact
		}
		if c.Address.Wildcard {
			if len(headers) != 1 || req.GetHeader("Expires") == nil || standard != 0 {
				return nil, false, errWildcard
			}
			return nil, true, nil
		}
		one, err := readContact(c, standard)
		if err != nil {
			return nil, false, err
		}
		list = append(list, one)
	}
	return list, false, nil
}

func readContact(h *sip.ContactHeader, standard time.Duration) (contact, error) {
	address := *h.Address.Clone()
	address.Headers = nil // never added to what we send there (RFC 3261 19.1.5)
	if address.Scheme != "sip" && address.Scheme != "sips" || !guard.IsHost(address.Host) {
		return contact{}, errContact
	}
	one := contact{uri: address.String(), q: 1000, expires: standard}
	if len(one.uri) > 512 || !guard.Clean(one.uri) || strings.ContainsAny(one.uri, "<>\" ") {
		return contact{}, errContact
	}
	if v, ok := h.Params.Get("expires"); ok {
		one.expires = parseExpires(v, standard)
	}
	if v, ok := h.Params.Get("q"); ok {
		if q, err := strconv.ParseFloat(v, 64); err == nil && q >= 0 && q <= 1 {
			one.q = int(q*1000 + 0.5)
		}
	}
	instance, _ := h.Params.Get("+sip.instance")
	if id, ok := h.Params.Get("reg-id"); ok && instance != "" && len(instance) <= 200 && id != "" && token(id) == id {
		one.instance = strings.Trim(instance, `"`) + ";reg-id=" + id
	}
	return one, nil
}

// parseExpires reads delta-seconds; what can't be read means the default (RFC 3261 20.10, 20.19).
func parseExpires(v string, standard time.Duration) time.Duration {
	n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 32)
	if errors.Is(err, strconv.ErrRange) {
		n, err = 1<<32-1, nil
	}
	if err != nil {
		return standard
	}
	return time.Duration(n) * time.Second
}

// contactKey makes equal what RFC 3261 19.1.4 calls equivalent, as far as phones tell devices apart: scheme, user, host,
// port and transport.
func contactKey(contact string) string {
	var uri sip.Uri
	if err := sip.ParseUri(contact, &uri); err != nil {
		return contact
	}
	transport := "udp"
	for _, p := range uri.UriParams {
		if strings.EqualFold(p.K, "transport") {
			transport = strings.ToLower(p.V)
		}
	}
	port := cmp.Or(uri.Port, defaultPortOf(transport))
	return uri.Scheme + ":" + unescape(uri.User) + "@" + net.JoinHostPort(strings.ToLower(uri.Host), strconv.Itoa(port)) + ";" + transport
}

// unescape undoes % escapes, once (RFC 4475 3.1.1.3); what isn't well escaped stays.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	u, err := url.PathUnescape(s)
	if err != nil {
		return s
	}
	return u
}
