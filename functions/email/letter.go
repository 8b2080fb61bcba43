package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

const (
	mostRecipients = 50
	mostText       = 1 << 20
	mostSubject    = 500
	defaultFrom    = "offhook@localhost"
)

// letter is a mail as the outbox keeps it.
type letter struct {
	ID      string    `json:"id"` // the event's
	Call    string    `json:"call"`
	Tenant  string    `json:"tenant"`
	At      time.Time `json:"at"`
	To      []string  `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`

	attached bool
}

// errLetter says that a mail can never be sent as it is.
var errLetter = errors.New("mail cannot be sent")

// recipients are the addresses that can be written to; bad names the others.
func (l letter) recipients() (good []*mail.Address, bad []string) {
	for _, text := range l.To {
		a, err := address(text)
		if err != nil || len(good) == mostRecipients {
			bad = append(bad, text)
			continue
		}
		good = append(good, a)
	}
	return good, bad
}

// address reads one address. Control characters would end its line in a header or a command (RFC 5322 2.2, RFC 5321 4.1.2).
func address(text string) (*mail.Address, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, fmt.Errorf("%w: control character in an address", errLetter)
	}
	a, err := mail.ParseAddress(text)
	switch {
	case err != nil:
		return nil, err
	case len(a.Address) > 254 || !plain(a.Address):
		return nil, fmt.Errorf("%w: address %q", errLetter, a.Address)
	}
	return a, nil
}

// plain: a local part that needs no quotes, RFC 5321 4.1.2. The parser has taken them off.
func plain(address string) bool {
	at := strings.LastIndexByte(address, '@')
	return at > 0 && !strings.ContainsAny(address[:at], " <>()[]\\,;:@\"") && !strings.ContainsAny(address[at:], " <>\"")
}

// compose makes the message's bytes, with CRLF line ends.
func (l letter) compose(from *mail.Address, to []*mail.Address) ([]byte, error) {
	if len(l.Text)+len(l.HTML) > mostText {
		return nil, fmt.Errorf("%w: longer than %d bytes", errLetter, mostText)
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(from)
	m.ToMailAddress(to...)
	m.Subject(oneLine(l.Subject))
	m.SetDateWithValue(l.At)
	m.SetMessageIDWithValue(l.messageID(from))
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 5
	m.SetGenHeader("X-Offhook-Call", oneLine(l.Call))
	m.SetGenHeader("X-Offhook-Event", oneLine(l.ID))
	l.body(m)
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("%w: %w", errLetter, err)
	}
	return b.Bytes(), nil
}

func (l letter) body(m *gomail.Msg) {
	switch {
	case l.HTML == "":
		m.SetBodyString(gomail.TypeTextPlain, l.Text)
	case l.Text == "":
		m.SetBodyString(gomail.TypeTextHTML, l.HTML)
	default:
		m.SetBodyString(gomail.TypeTextPlain, l.Text)
		m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	}
}

// messageID is the same for the same event, always.
func (l letter) messageID(from *mail.Address) string {
	_, domain, ok := strings.Cut(from.Address, "@")
	if !ok {
		domain = "localhost"
	}
	return l.key() + "@" + domain
}

// key is the event id where that can stand in a Message-ID and a file's name, else its hash.
func (l letter) key() string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}
	if l.ID != "" && len(l.ID) <= 120 && strings.TrimFunc(l.ID, plain) == "" {
		return l.ID
	}
	sum := sha256.Sum256([]byte(l.ID))
	return "event-" + hex.EncodeToString(sum[:16])
}

// oneLine drops what would end a header's line: nothing that a caller can bring in makes a second header.
func oneLine(s string) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	if r := []rune(s); len(r) > mostSubject {
		s = string(r[:mostSubject])
	}
	return s
}
