package sipua

import (
	"slices"

	"github.com/emiago/sipgo/sip"
)

// maxMoved bounds the Contacts of a 3xx that are handed up.
const maxMoved = 8

// movedTo gives the Contacts of a 3xx that can be called, higher q first, of equals in their order (RFC 3261 8.1.3.4).
func movedTo(res *sip.Response) (uris []string) {
	var all []contact
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok || len(all) == 4*maxMoved {
			continue
		}
		one, err := readContact(c, 0)
		twice := slices.ContainsFunc(all, func(x contact) bool { return contactKey(x.uri) == contactKey(one.uri) })
		if err == nil && !twice && c.Address.Scheme == "sip" {
			all = append(all, one)
		}
	}
	slices.SortStableFunc(all, func(a, b contact) int { return b.q - a.q })
	for _, c := range all[:min(len(all), maxMoved)] {
		uris = append(uris, c.uri)
	}
	return uris
}
