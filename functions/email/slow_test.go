package email

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	smtpserver "github.com/emersion/go-smtp"
	"github.com/wneessen/go-mail/smtp"
)

// slow is an SMTP server that takes its time for each line.
func slow(conn net.Conn, pause time.Duration) {
	defer conn.Close()
	say := func(text string) { _, _ = fmt.Fprintf(conn, "%s\r\n", text) } // the client may have gone
	say("220 slow")
	body := false
	for in := bufio.NewScanner(conn); in.Scan(); {
		line := in.Text()
		switch {
		case body && line != ".":
			continue
		case line == "DATA":
			body = true
			say("354 go on")
			continue
		}
		body = false
		time.Sleep(pause)
		say("250 fine")
	}
}

func TestAServerMayTakeItsTimeForEachRecipientAndForTheMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { slow(theirs, 4*time.Minute) })
		c, err := smtp.NewClient(ours, "slow")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Hello("here"); err != nil {
			t.Fatal(err)
		}
		to := make([]string, mostRecipients)
		for i := range to {
			to[i] = fmt.Sprint("user", i, "@acme.test")
		}
		d := transact(c, "pbx@acme.test", to, []byte("Subject: x\r\n\r\nx\r\n"), func() error { return nil })
		if d.err != nil || len(d.refused)+len(d.later) != 0 {
			t.Errorf("%v, refused %v, later %v", d.err, d.refused, d.later)
		}
		ours.Close()
		wg.Wait()
	})
}

func TestASenderThatTheServerRefusesIsTriedAgain(t *testing.T) {
	refuses := true
	p := openPost(t, &post{from: func() error {
		if refuses {
			refuses = false
			return &smtpserver.SMTPError{Code: 530, Message: "authentication required"}
		}
		return nil
	}})
	e := start(t, environment(t.TempDir(), "smtp://"+p.addr))
	e.sender.pause = func(int) time.Duration { return 0 }
	handle(t, e, held(t, "e-1"))
	if s := settled(t, e); s["e-1"] != stateSent {
		t.Fatal(s)
	}
}

func TestAnOutboxThatCannotBeWrittenIsNotTriedWithoutPause(t *testing.T) {
	tries := make(chan time.Time, 10)
	p := openPost(t, &post{rcpt: func(string) error {
		select {
		case tries <- time.Now():
		default:
		}
		return errors.New("later")
	}})
	e := start(t, environment(t.TempDir(), "smtp://"+p.addr))
	if _, err := e.box.db.Exec(`CREATE TRIGGER full BEFORE UPDATE ON mails BEGIN SELECT RAISE(ABORT, 'full'); END`); err != nil {
		t.Fatal(err)
	}
	handle(t, e, held(t, "e-1"))
	first, second := <-tries, <-tries
	if apart := second.Sub(first); apart < firstPause {
		t.Errorf("tried again after %v", apart)
	}
}

func TestAnAddressWithAQuotedAtIsNone(t *testing.T) {
	for _, text := range []string{`"victim@other.test"@acme.test`, `"a,b"@acme.test`, `"a;b"@acme.test`, `"a\\b"@acme.test`, "@acme.test", "boss@", strings.Repeat("a", 250) + "@acme.test"} {
		if to, _ := (letter{To: []string{text}}).recipients(); len(to) != 0 {
			t.Errorf("%s is %s", text, to[0].Address)
		}
	}
}
