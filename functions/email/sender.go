package email

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"path/filepath"
	"sync"
	"time"

	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/schemas/config"
)

const (
	atOnce     = 4 // mails under way at the same time
	firstPause = time.Second
	mostPause  = 5 * time.Minute
	tooOld     = 24 * time.Hour
	idlePoll   = time.Hour // beside wake-ups: time to forget old mails
	farewell   = 5 * time.Second
)

// way takes a composed mail to where mails go.
type way interface {
	// deliver calls commit just before the mail can no longer be called back. What it returns holds for each recipient.
	deliver(ctx context.Context, from string, to []string, raw []byte, commit func() error) delivery
}

// delivery is how it went. err without refused and later holds for all recipients.
type delivery struct {
	refused []string // for good, with the server's words
	later   []string // not now
	err     error
	final   bool // err will be the same next time
}

// sender takes mails out of the outbox, some at the same time, until they are sent, refused or too old.
type sender struct {
	box    *outbox
	config func() *config.Config
	getenv func(string) string
	folder string
	log    *slog.Logger

	pause    func(tries int) time.Duration
	woken    chan struct{}
	ctx      context.Context // ends the loop
	end      context.CancelFunc
	patience context.Context // ends what is under way
	giveUp   context.CancelFunc
	done     sync.WaitGroup

	forgot time.Time // used by the loop only

	mu       sync.Mutex
	underWay map[string]bool
}

func newSender(box *outbox, env fn.Env) *sender {
	s := &sender{
		box: box, config: env.Config, getenv: env.Getenv, folder: filepath.Join(env.Data, "mail"), log: env.Logger,
		pause: pause, woken: make(chan struct{}, 1), underWay: make(map[string]bool),
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.patience, s.giveUp = context.WithCancel(context.Background())
	return s
}

func (s *sender) start() { s.done.Go(s.loop) }

// stop takes no more mails, gives those under way some seconds, and then gives them up.
func (s *sender) stop() {
	s.end()
	late := time.AfterFunc(farewell, s.giveUp)
	defer late.Stop()
	s.done.Wait()
	s.giveUp()
}

func (s *sender) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

func (s *sender) loop() {
	var running sync.WaitGroup
	defer running.Wait()
	free := make(chan struct{}, atOnce)
	for s.ctx.Err() == nil {
		s.forget()
		for _, id := range s.take() {
			select {
			case free <- struct{}{}:
			case <-s.ctx.Done():
				return
			}
			running.Go(func() {
				defer func() { <-free }()
				s.run(id)
			})
		}
		s.rest()
	}
}

// forget drops old mails, once a day.
func (s *sender) forget() {
	if time.Since(s.forgot) < 24*time.Hour {
		return
	}
	s.forgot = time.Now()
	if err := s.box.forget(s.ctx, s.forgot); err != nil && s.ctx.Err() == nil {
		s.log.Error("old mails not forgotten", "err", err)
	}
}

// take claims mails that are due and not under way.
func (s *sender) take() []string {
	ids, err := s.box.due(s.ctx, time.Now(), 10*atOnce)
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("outbox not read", "err", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	mine := ids[:0]
	for _, id := range ids {
		if !s.underWay[id] {
			s.underWay[id] = true
			mine = append(mine, id)
		}
	}
	return mine
}

func (s *sender) run(id string) {
	defer s.wake() // more may be due than were taken at once
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.underWay, id)
	}()
	err := s.sendOne(s.patience, id)
	if err != nil && s.patience.Err() == nil {
		s.log.Warn("mail not sent yet", "event", id, "err", err)
	}
	if errors.Is(err, errStuck) {
		s.settleDown()
	}
}

// settleDown pauses with a mail that is still due, as the outbox could not take how the try went: a full disk, mostly.
func (s *sender) settleDown() {
	t := time.NewTimer(firstPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
}

// rest waits for the next mail's time or a wake-up.
func (s *sender) rest() {
	pause := idlePoll
	if at, ok, err := s.box.next(s.ctx); err != nil {
		pause = firstPause
	} else if ok {
		pause = min(max(time.Until(at), 10*time.Millisecond), idlePoll)
		if s.busy() && pause <= 10*time.Millisecond {
			pause = firstPause // what is due is under way; its end wakes us
		}
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.woken:
	case <-s.ctx.Done():
	}
}

func (s *sender) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.underWay) > 0
}

// sendOne tries a queued mail once and writes down how it went. An error: it is still queued.
func (s *sender) sendOne(ctx context.Context, id string) error {
	w, queued, err := s.box.get(ctx, id)
	if err != nil || !queued {
		return err
	}
	to, bad := w.letter.recipients()
	if len(bad) > 0 {
		s.log.Error("mail not sent to these: no valid address, or too many", "event", id, "call", w.letter.Call, "to", bad)
	}
	if len(to) == 0 {
		return s.fail(ctx, w.letter, "no valid recipient")
	}
	started := time.Now()
	d := s.deliver(ctx, w.letter, to)
	if d.err != nil && ctx.Err() != nil {
		return errors.Join(ctx.Err(), s.abandon(context.WithoutCancel(ctx), w.letter))
	}
	return s.book(context.WithoutCancel(ctx), w, d, started)
}

// abandon: given up by us. What is queued stays so; of what was being handed over nobody knows.
func (s *sender) abandon(ctx context.Context, l letter) error {
	lost, err := s.box.lose(ctx, l.ID)
	if lost {
		s.log.Warn("mail unconfirmed: it was being handed over when time was up, and is not sent again", "event", l.ID, "call", l.Call)
	}
	return err
}

func (s *sender) deliver(ctx context.Context, l letter, to []*mail.Address) delivery {
	cfg := s.config().Email
	from, err := sourceAddress(cfg.From)
	if err != nil {
		return delivery{err: fmt.Errorf("email.from: %w", err)}
	}
	raw, err := l.compose(from, to)
	if err != nil {
		return delivery{err: err, final: errors.Is(err, errLetter)}
	}
	way, err := s.way(cfg, l)
	if err != nil {
		return delivery{err: err}
	}
	list := make([]string, len(to))
	for i, a := range to {
		list[i] = a.Address
	}
	return way.deliver(ctx, from.Address, list, raw, func() error { return s.box.end(ctx, l.ID, stateCommitting, "") })
}

func (s *sender) way(cfg config.Email, l letter) (way, error) {
	if cfg.SMTP == "" {
		return &folder{path: s.folder, name: l.key() + ".eml"}, nil
	}
	return newServer(cfg, s.getenv)
}

func sourceAddress(text string) (*mail.Address, error) {
	if text == "" {
		text = defaultFrom
	}
	return address(text)
}

// book writes down how a try went.
func (s *sender) book(ctx context.Context, w waiting, d delivery, started time.Time) error {
	l := w.letter
	if len(d.refused) > 0 {
		s.log.Error("mail refused for these", "event", l.ID, "call", l.Call, "to", d.refused)
	}
	switch {
	case d.err == nil:
		s.log.Info("mail sent", "event", l.ID, "call", l.Call, "tenant", l.Tenant, "to", l.To, "tries", w.tries+1, "took", time.Since(started).Round(time.Millisecond))
		return s.box.end(ctx, l.ID, stateSent, "")
	case d.final:
		return s.fail(ctx, l, d.err.Error())
	case time.Since(w.queued) > tooOld:
		return s.fail(ctx, l, "given up after "+tooOld.String()+": "+d.err.Error())
	}
	if len(d.later) > 0 {
		l.To = d.later
	}
	if err := s.box.again(ctx, l, time.Now().Add(s.pause(w.tries)), d.err.Error()); err != nil {
		return err
	}
	return d.err
}

func (s *sender) fail(ctx context.Context, l letter, why string) error {
	s.log.Error("mail given up", "event", l.ID, "call", l.Call, "tenant", l.Tenant, "to", l.To, "err", why)
	return s.box.end(ctx, l.ID, stateFailed, why)
}

func pause(tries int) time.Duration {
	return min(firstPause<<min(tries, 20), mostPause)
}
