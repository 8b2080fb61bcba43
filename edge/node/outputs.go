package node

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/stream"
	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/encode"
	"github.com/offhook/offhook/schemas/event"
)

// do carries one output out. Nothing here blocks; what takes time comes back as an input.
func (s *session) do(out call.Output) {
	switch o := out.(type) {
	case call.LegRing:
		s.withLeg(o.Leg, func(l *leg) { l.ring(o.EarlyMedia) })
	case call.LegAnswer:
		s.withLeg(o.Leg, (*leg).accept)
	case call.LegInvite:
		s.invite(o)
	case call.LegEnd:
		s.withLeg(o.Leg, func(l *leg) { l.end(o.Cause) })
	case call.LegDTMF:
		s.withLeg(o.Leg, func(l *leg) { l.dial(o.Digits) })
	case call.LegRefer:
		s.withDialog(o.Leg, func(l *leg) { l.refer(o) })
	case call.LegNotify:
		s.withDialog(o.Leg, func(l *leg) { l.notify(o) })
	default:
		s.doSound(out)
	}
}

// doSound carries out what concerns the sound of several legs.
func (s *session) doSound(out call.Output) {
	switch o := out.(type) {
	case call.SetMix:
		s.mix = o.Mix
		s.applyMix()
	case call.PlayStart:
		s.play(o)
	case call.Prepare:
		s.prepare(o)
	case call.PlayStop:
		s.stopPlay(o.Play)
	case call.PlayPause:
		s.withPlay(o.Play, func(p *media.Player) { p.Pause(o.Paused) })
	case call.PlaySeek:
		s.withPlay(o.Play, func(p *media.Player) { p.Seek(o.To, o.By) })
	case call.RecordStart:
		s.record(o)
	case call.RecordPause:
		s.withRecorder(o.Record, func(r *media.Recorder) { r.Pause(o.Paused) })
	case call.RecordStop:
		s.withRecorder(o.Record, (*media.Recorder).Stop)
	case call.DetectStart:
		s.detect(o)
	case call.DetectStop:
		s.stopDetect(o.Detect)
	default:
		s.doBeside(out)
	}
}

// doBeside carries out what concerns no leg's wire: streams, timers, asks, events, other calls, the end.
func (s *session) doBeside(out call.Output) {
	switch o := out.(type) {
	case call.StreamStart:
		s.stream(o)
	case call.StreamDigit:
		s.withStream(o.Stream, func(st *stream.Stream) { st.Digit(o.Digit) })
	case call.StreamStop:
		s.withStream(o.Stream, (*stream.Stream).Stop)
	case call.TimerStart:
		s.startTimer(o)
	case call.TimerStop:
		s.stopTimer(o.Timer)
	case call.AskStart:
		s.ask(o)
	case call.AskStop:
		s.stopAsk(o.Ask)
	case call.Resolve:
		s.again = append(s.again, s.node.resolve(s.tenant, o, s.way))
	case call.Publish:
		s.publish(o.Type, o.Data)
	case call.LogLine:
		s.logLine(o)
	case call.Messages:
		s.setLamp(o)
	case call.Names:
		s.declare(o.Names)
	case call.Send:
		s.send(o)
	case call.LegBorrow:
		s.borrow(o)
	case call.LegReturn:
		s.withLeg(o.Leg, s.giveBack)
	case call.Over:
		s.finish(call.CauseNormal)
	default:
		panic(fmt.Sprintf("unknown output %T", out))
	}
}

func (s *session) withLeg(id int, f func(*leg)) {
	if l := s.leg(id); l != nil {
		f(l)
	}
}

// applyMix makes each endpoint hear what the mix says.
func (s *session) applyMix() {
	for _, l := range s.legs {
		switch {
		case l.loan != nil:
			l.loan.hear(s, s.heardBy(l.id), s.voices(l))
		case l.rtp != nil:
			l.rtp.Hear(s.heardBy(l.id))
		}
	}
	for id, rec := range s.records {
		rec.Hear(s.heardBy(id))
	}
	for id, x := range s.streams {
		x.hear(s.heardBy(id))
	}
	for id, d := range s.detections {
		d.hear(s.heardBy(id))
	}
}

// sound is the leg's endpoint, nil while it has none. A guest's is at its home.
func (l *leg) sound() *media.Endpoint {
	if l.guest {
		return l.loan.sound()
	}
	return l.rtp
}

func (s *session) heardBy(id int) []media.Heard {
	var heard []media.Heard
	for _, row := range s.mix {
		if row.To == id {
			heard = s.whom(heard, row)
		}
	}
	return heard
}

// voices are of what a guest hears what is for its own call's recordings: who speaks to all.
func (s *session) voices(l *leg) []media.Heard {
	if !l.guest {
		return nil
	}
	var heard []media.Heard
	for _, row := range s.mix {
		if row.To == l.id && !row.Whisper && s.plays[row.From] == nil {
			heard = s.whom(heard, row)
		}
	}
	return heard
}

// whom adds what a row's From is: a player, a leg, or whom a lent leg hears where it is.
func (s *session) whom(heard []media.Heard, row call.Hear) []media.Heard {
	if p := s.player(row.From); p != nil {
		return append(heard, media.Heard{From: p, Gain: row.Gain, Channel: row.Channel})
	}
	if l := s.leg(row.From); l != nil {
		return append(heard, media.Heard{From: l.sound(), Gain: row.Gain, Channel: row.Channel, NoDigits: row.Mute})
	}
	for _, x := range s.loans {
		if x.place.N == row.From {
			for _, there := range x.heardThere() {
				there.Channel = row.Channel
				heard = append(heard, there)
			}
		}
	}
	return heard
}

func (s *session) startTimer(o call.TimerStart) {
	if s.timers == nil {
		s.timers = map[int]*timer{}
	}
	s.timers[o.Timer] = s.worker.timers.start(s, o.Timer, o.After)
}

func (s *session) stopTimer(id int) {
	if t := s.timers[id]; t != nil {
		s.worker.timers.cancel(t)
		delete(s.timers, id)
	}
}

// publish hands an event to the log. The log's own bound is its policy; the call goes on without it.
func (s *session) publish(kind string, data any) {
	base := data.(interface{ Ref() *event.Base }).Ref()
	s.seq = base.Seq
	s.hung = s.hung || kind == event.CallHangup
	s.see(kind, data)
	err := encode.Lend(data.(encode.Value), func(body []byte) error {
		return s.node.cfg.Events.Publish(events.Event{
			ID: s.id + "-" + strconv.FormatInt(base.Seq, 10), Type: event.Prefix + kind, Source: s.node.source,
			Subject: s.id, Time: base.At, Topic: events.TopicCalls, Key: s.id, Data: body,
		})
	})
	if err != nil {
		s.node.metrics.unpublished.Inc()
		s.node.log.Error("event not taken by the log", "call", s.id, "tenant", s.tenant, "type", kind, "err", err)
	}
}

func (s *session) logLine(o call.LogLine) {
	level := slog.LevelInfo
	_ = level.UnmarshalText([]byte(o.Level)) // an unknown level stays info
	s.node.log.Log(context.Background(), level, o.Text, "call", s.id, "tenant", s.tenant)
}
