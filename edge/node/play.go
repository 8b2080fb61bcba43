package node

import (
	"context"
	"net/url"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/sound"
	"github.com/offhook/offhook/schemas/verb"
)

func (s *session) play(o call.PlayStart) {
	n, id := s.node, o.Play
	part := media.Part{From: o.From, Until: o.Until, Loop: o.Loop, Instead: s.fallback(o)}
	sources := s.sources(o, part.Instead != nil)
	if s.plays == nil {
		s.plays = map[int]*media.Player{}
	}
	s.plays[id] = n.cfg.Media.PlayPart(sources, part, func(ev media.Event) {
		switch ev.Kind {
		case media.PlayFailed:
			n.post(s, call.PlayFailed{Play: id, Audio: failedName(o, ev.Source), Code: sound.Code(ev.Err), Error: errorText(ev.Err), Fallback: ev.Instead})
		case media.PlayEnded:
			n.post(s, call.PlayEnded{Play: id, Error: errorText(ev.Err), PositionMS: ev.Position.Milliseconds()})
		}
	})
	s.applyMix()
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// fallback is heard in the place of what cannot be had; nil: nothing is.
func (s *session) fallback(o call.PlayStart) media.Source {
	a := o.Fallback
	if name := s.configured().Audio.Fallback; a == nil && name != "" && o.Music == "" {
		a = &verb.Audio{Name: name}
	}
	if a == nil {
		return nil
	}
	return &standIn{open: func() media.Source { return s.open(*a) }}
}

// standIn is opened when it is needed, by the one player that has it.
type standIn struct {
	open func() media.Source
	src  media.Source
}

// Frame implements media.Source.
func (i *standIn) Frame(n int) ([]int16, bool, error) {
	if i.src == nil {
		i.src = i.open()
	}
	return i.src.Frame(n)
}

// FrameWide implements media.Wide.
func (i *standIn) FrameWide(n int) []int16 {
	if src, is := i.src.(media.Wide); is {
		return src.FrameWide(n)
	}
	return nil
}

func (s *session) open(a verb.Audio) media.Source {
	src, err := s.node.cfg.Sounds.Open(s.node.asking, s.tenant, a)
	if err != nil {
		return unplayable{err}
	}
	return src
}

// sources opens what is to be played. strict: what fails says so at once, for something else is heard then.
func (s *session) sources(o call.PlayStart, strict bool) []media.Source {
	if o.Music != "" {
		return []media.Source{s.node.cfg.Sounds.Music(s.node.asking, s.tenant, o.Music)}
	}
	sources := make([]media.Source, 0, len(o.Audio))
	for _, a := range o.Audio {
		src := s.open(a)
		if patient, is := src.(interface{ Strict() media.Source }); is && strict {
			src = patient.Strict()
		}
		sources = append(sources, src)
	}
	return sources
}

// unplayable stands where a sound cannot be opened: what else there is to play is heard, and its error is told.
type unplayable struct{ err error }

// Frame implements media.Source.
func (u unplayable) Frame(int) ([]int16, bool, error) { return nil, false, u.err }

func failedName(o call.PlayStart, at int) string {
	if at >= len(o.Audio) {
		return "music"
	}
	return audioName(o.Audio[at])
}

// audioName is what events call a sound. What a URL asks for may be secret.
func audioName(a verb.Audio) string {
	if a.Say != nil {
		return "say"
	}
	if u, err := url.Parse(a.Name); err == nil && u.Host != "" {
		u.User, u.RawQuery, u.Fragment = nil, "", ""
		return u.String()
	}
	return a.Name
}

func (s *session) withPlay(id int, f func(*media.Player)) {
	if p := s.plays[id]; p != nil {
		f(p)
	}
}

func (s *session) stopPlay(id int) {
	if p := s.plays[id]; p != nil {
		p.Stop()
		delete(s.plays, id)
		s.applyMix()
	}
}

// prepare has speech made that the call may come to.
func (s *session) prepare(o call.Prepare) {
	if s.soon == nil {
		s.soon, s.never = context.WithCancel(s.node.asking)
	}
	for _, a := range o.Audio {
		s.node.cfg.Sounds.Prepare(s.soon, s.tenant, a)
	}
}
