package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	mostMessage = 1 << 20 // bytes of a message of the server
	mostBad     = 100     // of its messages that are no frames, then it is given up
	mostASecond = 5000    // of its messages; what is more waits
)

// link is one connection: a goroutine reads, one watches over it, and the stream's own writes.
type link struct {
	s    *Stream
	conn *websocket.Conn
	counters

	bad  int             // messages of the server that are no frames
	told map[string]bool // faults that it was told of
}

// serve works until the connection ends; nil: the server closed it, or the stream was stopped.
func (l *link) serve(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	var came error
	work.Go(func() { came = l.read(ctx); end(came) })
	work.Go(func() { l.watch(ctx, end) })
	err := l.write(ctx)
	if err == nil {
		_ = l.conn.Close(websocket.StatusNormalClosure, "") // within closeTime, or watch ends it
	}
	end(err)
	_ = l.conn.CloseNow()
	work.Wait()
	l.s.play.forget()
	switch code := websocket.CloseStatus(came); {
	case err == nil || code == websocket.StatusNormalClosure || code == websocket.StatusNoStatusRcvd:
		return nil
	case code != -1:
		return came
	}
	return context.Cause(ctx)
}

// write sends until the stream is stopped, and then what is left and the stop frame.
func (l *link) write(ctx context.Context) error {
	about := &l.s.cfg.Start
	if err := l.send(ctx, about.connected()); err != nil {
		return err
	}
	if err := l.send(ctx, about.start(&l.counters)); err != nil {
		return err
	}
	var f frame
	var buf []byte
	for {
		c, ok := l.s.out.take(&f)
		switch {
		case ok && c.kind == "media":
			buf = about.media(buf[:0], &l.counters, &f)
			if err := l.send(ctx, buf); err != nil {
				return err
			}
			l.s.sent.Add(frameSize)
		case ok:
			if err := l.send(ctx, about.control(&l.counters, c)); err != nil {
				return err
			}
		case l.s.soft.Err() != nil:
			return l.send(ctx, about.stop(&l.counters))
		case !l.more(ctx):
			return ctx.Err()
		}
	}
}

func (l *link) send(ctx context.Context, b []byte) error {
	return l.conn.Write(ctx, websocket.MessageText, b)
}

// more waits for something to send; false: the connection is over.
func (l *link) more(ctx context.Context) bool {
	select {
	case <-l.s.out.wake:
	case <-l.s.soft.Done():
	case <-ctx.Done():
		return false
	}
	return true
}

// watch pings the server, and ends the connection a while after the stream was stopped.
func (l *link) watch(ctx context.Context, end context.CancelCauseFunc) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := l.ping(ctx); err != nil && l.s.soft.Err() == nil {
				end(err)
				return
			}
		case <-l.s.soft.Done():
			t := time.NewTimer(closeTime)
			defer t.Stop()
			select {
			case <-ctx.Done():
			case <-t.C:
				end(context.DeadlineExceeded)
			}
			return
		}
	}
}

func (l *link) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingEvery)
	defer cancel()
	defer context.AfterFunc(l.s.soft, cancel)()
	err := l.conn.Ping(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errSilent
	}
	return err
}

func (l *link) read(ctx context.Context) error {
	second, n := time.Now(), 0
	for {
		kind, b, err := l.conn.Read(ctx)
		if errors.Is(err, websocket.ErrMessageTooBig) {
			return errLarge
		}
		if err != nil {
			return err
		}
		l.take(kind, b)
		if l.bad > mostBad {
			return ErrGarbage
		}
		if n++; n < mostASecond {
			continue
		}
		n = 0
		if !pause(ctx, time.Second-time.Since(second)) {
			return ctx.Err()
		}
		second = time.Now()
	}
}

// pause waits, so that a server in a loop does not have a processor for itself.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// take does what a message of the server says.
func (l *link) take(kind websocket.MessageType, b []byte) {
	var in incoming
	if kind != websocket.MessageText {
		l.garbage("a binary message; frames are JSON in text messages")
		return
	}
	if err := json.Unmarshal(b, &in); err != nil {
		l.garbage(err.Error())
		return
	}
	switch play := l.s.play; {
	case in.Event == "":
		l.garbage(`a frame without "event"`)
	case in.Event != "media" && in.Event != "mark" && in.Event != "clear":
		l.refuse("unknown_event", fmt.Sprintf("event %.40q; media, mark and clear are known", in.Event))
	case !l.s.cfg.Talk:
		l.refuse("listen_only", "this stream is not heard by anybody; its mode is listen")
	case in.Event == "clear":
		play.clear()
	case in.Event == "mark" && in.Mark != nil:
		if !play.mark(in.Mark.Name) {
			l.refuse("too_many_marks", fmt.Sprintf("%d marks of %d bytes are the most that wait", mostMarks, mostMark))
		}
	case in.Event == "media" && in.Media != nil:
		l.hear(in.Media.Payload)
	default:
		l.garbage(fmt.Sprintf("%s without %q", in.Event, in.Event))
	}
}

func (l *link) hear(payload []byte) {
	if !l.s.play.add(payload) {
		l.refuse("too_far_ahead", fmt.Sprintf("more than %d s of sound wait to be played; this is not", mostQueued/8000))
		return
	}
	l.s.received.Add(int64(len(payload)))
}

func (l *link) garbage(what string) {
	l.bad++
	l.refuse("bad_frame", what)
}

// refuse counts a frame that is not taken; the server is told once of each kind of fault.
func (l *link) refuse(code, what string) {
	l.s.refused.Add(1)
	if !l.told[code] {
		l.told[code] = true
		l.s.out.put(control{kind: "error", text: code, detail: what})
	}
}
