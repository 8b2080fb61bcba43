// Package email sends the mails that calls ask for: each email.requested becomes exactly one mail, by SMTP or, without a
// server, as a file DATA/mail/ID.eml. Texts come filled in. Attachments are not sent yet, and mails that come back are
// not read.
//
// Exactly once. An event is put into the outbox (DATA/email.db) under its id and counts as handled; a second delivery of
// the same event finds it there. A mail's Message-ID derives from the event id. Just before the dot that ends DATA the
// outbox is told (and synced), and once more after the server's 250. After a crash, what had not reached its dot is sent
// again: no server has taken it, RFC 5321 4.1.1.4. What stood between dot and 250 is not: the dot was handed to the
// kernel, which still delivers it when the process is gone, and the server has nearly always taken the mail; the log
// names such a mail as unconfirmed. What remains is the time between that sync and the write that follows it at once,
// and a power failure in the round trip. A connection lost after the dot while the process lives is tried again, as the
// server has not taken responsibility (RFC 5321 6.1); the same Message-ID lets mailboxes drop the double.
package email

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas/event"
)

const name = "email"

// Spec makes the function.
var Spec = fn.Spec{Name: name, Doc: "sends the mails that calls ask for, each exactly once", New: open}

func open(_ context.Context, env fn.Env) (*fn.Function, error) {
	box, lost, err := openOutbox(filepath.Join(env.Data, "email.db"))
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	for _, id := range lost {
		env.Logger.Warn("mail unconfirmed: it was being handed over when the process ended, and is not sent again", "event", id)
	}
	s := newSender(box, env)
	e := &email{box: box, sender: s, log: env.Logger, atOnce: env.Getenv != nil && env.Getenv("AWS_LAMBDA_RUNTIME_API") != ""}
	if !e.atOnce {
		s.start()
	}
	return &fn.Function{Name: name, Events: e.handle, Types: []string{event.Prefix + event.EmailRequested}, Closer: e}, nil
}

type email struct {
	box    *outbox
	sender *sender
	log    *slog.Logger
	atOnce bool // Lambda freezes what runs beside an invocation: send within it
}

// handle puts the mail into the outbox. With atOnce it also sends it; an error then brings the event again.
func (e *email) handle(ctx context.Context, d events.Delivered) error {
	l, err := read(d)
	if err != nil {
		return err
	}
	if l.attached {
		e.log.Warn("attachments are not sent yet", "event", l.ID, "call", l.Call)
	}
	added, err := e.box.add(ctx, l, time.Now())
	switch {
	case err != nil:
		return err
	case e.atOnce:
		return e.sender.sendOne(ctx, l.ID)
	case added:
		e.sender.wake()
	}
	return nil
}

func read(d events.Delivered) (letter, error) {
	var data event.Email
	if err := json.Unmarshal(d.Data, &data); err != nil {
		return letter{}, fmt.Errorf("event %s: %w", d.ID, err)
	}
	at := data.At
	if at.IsZero() {
		at = d.Time
	}
	return letter{
		ID: d.ID, Call: data.CallID, Tenant: data.Tenant, At: at, attached: len(data.Attach) > 0,
		To: data.To, Subject: data.Subject, Text: data.Text, HTML: data.HTML,
	}, nil
}

// Close ends the sender, then the outbox. A mail under way is finished or given up within seconds.
func (e *email) Close() error {
	e.sender.stop()
	return e.box.close()
}
