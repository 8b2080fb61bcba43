package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/offhook/offhook/schemas/config"
)

// How long a server may take, RFC 5321 4.5.3.2. A mail that is given up after its dot may come twice: of these it has the most.
const (
	connectTimeout = 10 * time.Second
	greetTimeout   = time.Minute // until it is logged in: some let strangers wait for the greeting
	commandTimeout = 5 * time.Minute
	dotTimeout     = 10 * time.Minute
)

// server hands mails to an SMTP server, one connection each.
type server struct {
	host, user, password string
	port                 int
	wrapped              bool // smtps
	policy               gomail.TLSPolicy
}

// newServer reads email.smtp: smtp://[user:pass@]host[:587] or smtps://...[:465]. STARTTLS is used when the server
// offers it; ?tls=required insists, ?tls=none does without.
func newServer(cfg config.Email, getenv func(string) string) (*server, error) {
	u, err := url.Parse(cfg.SMTP)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New("email.smtp: not smtp://[user:pass@]host:port or smtps://")
	}
	s := &server{host: u.Hostname(), wrapped: u.Scheme == "smtps", user: u.User.Username()}
	s.password, _ = u.User.Password()
	if s.password == "" {
		if s.password, err = cfg.Password.Resolve(getenv); err != nil {
			return nil, fmt.Errorf("email.password: %w", err)
		}
	}
	if s.port, err = smtpPort(u); err != nil {
		return nil, err
	}
	s.policy, err = tlsPolicy(u.Query().Get("tls"), s.wrapped)
	return s, err
}

func smtpPort(u *url.URL) (int, error) {
	switch {
	case u.Port() != "":
		return strconv.Atoi(u.Port())
	case u.Scheme == "smtps":
		return 465, nil
	}
	return 587, nil
}

func tlsPolicy(text string, wrapped bool) (gomail.TLSPolicy, error) {
	switch {
	case wrapped || text == "none":
		return gomail.NoTLS, nil
	case text == "" || text == "opportunistic":
		return gomail.TLSOpportunistic, nil
	case text == "required":
		return gomail.TLSMandatory, nil
	}
	return gomail.NoTLS, fmt.Errorf("email.smtp: tls=%q; there are opportunistic, required, none", text)
}

// deliver runs one SMTP transaction (RFC 5321 3.3).
func (s *server) deliver(ctx context.Context, from string, to []string, raw []byte, commit func() error) delivery {
	c, hangUp, err := s.connect(ctx)
	if err != nil {
		return delivery{err: fmt.Errorf("smtp server %s: %w", s.host, err)} // login refused too: somebody will mend it
	}
	defer hangUp()
	return transact(c, from, to, raw, commit)
}

func transact(c *smtp.Client, from string, to []string, raw []byte, commit func() error) delivery {
	if err := c.UpdateDeadline(commandTimeout); err != nil {
		return delivery{err: err}
	}
	if err := c.Mail("<" + from + ">"); err != nil {
		return delivery{err: fmt.Errorf("sender %s: %w", from, err)} // for good too: the sender is the configuration's
	}
	d, taken := offer(c, to)
	if taken == 0 {
		d.final = len(d.later) == 0
		return d
	}
	if err := data(c, raw, commit); err != nil {
		return delivery{err: err, final: permanent(err), refused: d.refused}
	}
	_ = c.Quit() // the mail is the server's; what it says now changes nothing
	if len(d.later) == 0 {
		d.err = nil
	}
	return d
}

// offer names the recipients; taken is how many the server accepts.
func offer(c *smtp.Client, to []string) (d delivery, taken int) {
	for _, one := range to {
		err := c.UpdateDeadline(commandTimeout)
		if err == nil {
			err = c.Rcpt("<" + one + ">")
		}
		switch {
		case err == nil:
			taken++
			continue
		case permanent(err):
			d.refused = append(d.refused, one+": "+err.Error())
		default:
			d.later = append(d.later, one)
		}
		d.err = fmt.Errorf("recipient %s: %w", one, err)
	}
	return d, taken
}

// data sends the mail. commit is called when all but the dot is on its way.
func data(c *smtp.Client, raw []byte, commit func() error) error {
	if err := c.UpdateDeadline(commandTimeout); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if err := commit(); err != nil {
		return err // no dot: the server drops what it has
	}
	if err := c.UpdateDeadline(dotTimeout); err != nil {
		return err
	}
	return w.Close()
}

// permanent: the server says no for good (RFC 5321 4.2.1).
func permanent(err error) bool {
	te, ok := errors.AsType[*textproto.Error](err)
	return ok && te.Code >= 500
}

// connect dials, greets, encrypts and logs in. hangUp must be called.
func (s *server) connect(ctx context.Context) (*smtp.Client, func(), error) {
	hangUp := func() {}
	dial := func(dialCtx context.Context, network, address string) (net.Conn, error) {
		conn, err := s.dial(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		// What go-mail does after dialling does not look at ctx: closing the connection ends it.
		release := context.AfterFunc(ctx, func() { _ = conn.Close() })
		hangUp = func() {
			release()
			_ = conn.Close()
		}
		return conn, nil
	}
	client, err := gomail.NewClient(s.host, gomail.WithPort(s.port), gomail.WithTimeout(greetTimeout), gomail.WithTLSPolicy(s.policy),
		gomail.WithTLSConfig(s.tlsConfig()), gomail.WithDialContextFunc(dial))
	if err != nil {
		return nil, nil, err
	}
	c, err := client.DialToSMTPClientWithContext(ctx)
	if err == nil {
		err = s.login(c)
	}
	if err != nil {
		hangUp()
		return nil, nil, err
	}
	return c, hangUp, nil
}

func (s *server) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: connectTimeout}
	if s.wrapped {
		return (&tls.Dialer{NetDialer: dialer, Config: s.tlsConfig()}).DialContext(ctx, network, address)
	}
	return dialer.DialContext(ctx, network, address)
}

// tlsConfig checks the certificate wherever encryption was asked for or a password goes out. Encryption that merely
// happens to be offered (RFC 7435) is taken without: the alternative is none.
func (s *server) tlsConfig() *tls.Config {
	unchecked := !s.wrapped && s.policy == gomail.TLSOpportunistic && s.user == ""
	return &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: unchecked} //nolint:gosec // see above
}

// login uses the best way that the server offers. A password goes out in the clear to this machine only.
func (s *server) login(c *smtp.Client) error {
	if s.user == "" {
		return nil
	}
	_, offered := c.Extension("AUTH")
	_, encrypted := c.TLSConnectionState()
	safe := encrypted || s.wrapped || loopback(s.host)
	ways := strings.Fields(strings.ToUpper(offered))
	for _, mechanism := range []string{"SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"} {
		for _, w := range ways {
			if w == mechanism && (safe || mechanism != "PLAIN" && mechanism != "LOGIN") {
				return c.Auth(s.auth(mechanism))
			}
		}
	}
	return fmt.Errorf("no way to log in that is safe here: it offers %q", offered)
}

func (s *server) auth(mechanism string) smtp.Auth {
	switch mechanism {
	case "SCRAM-SHA-256":
		return smtp.ScramSHA256Auth(s.user, s.password)
	case "PLAIN":
		return smtp.PlainAuth("", s.user, s.password, s.host, true)
	case "LOGIN":
		return smtp.LoginAuth(s.user, s.password, s.host, true)
	}
	return smtp.CRAMMD5Auth(s.user, s.password)
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
