package media

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// frameNumbers are the frames that a phone heard since the last time.
func (p *phone) frameNumbers() (list []int) {
	for _, h := range p.hears() {
		list = append(list, number(h))
	}
	return list
}

func span(from, to int) (list []int) {
	for n := from; n < to; n++ {
		list = append(list, n)
	}
	return list
}

// onPlayer has a phone hear a player, in virtual time.
func onPlayer(t *testing.T, src []Source, part Part, test func(r *rig, p *phone, player *Player, over *ends)) {
	t.Helper()
	inBubble(t, nil, func(r *rig) {
		p, over := r.phone(onlyU), new(ends)
		player := r.eng.PlayPart(src, part, over.notify)
		p.end.Hear([]Heard{{From: player}})
		test(r, p, player, over)
	})
}

func TestPartOfAListIsPlayedAsOneSound(t *testing.T) {
	list := []Source{prompt(10), prompt(0), prompt(10)}
	for name, c := range map[string]struct {
		part Part
		want []int
		at   int
	}{
		"all":                       {Part{}, append(span(0, 10), span(0, 10)...), 20},
		"from within the first":     {Part{From: 7 * frameTime}, append(span(7, 10), span(0, 10)...), 20},
		"from where one begins":     {Part{From: 10 * frameTime}, span(0, 10), 20},
		"from within the last":      {Part{From: 12 * frameTime}, span(2, 10), 20},
		"from the last frame":       {Part{From: 19 * frameTime}, span(9, 10), 20},
		"until within the first":    {Part{Until: 4 * frameTime}, span(0, 4), 4},
		"across":                    {Part{From: 8 * frameTime, Until: 12 * frameTime}, []int{8, 9, 0, 1}, 12},
		"in each round":             {Part{From: 9 * frameTime, Until: 11 * frameTime, Loop: 3}, []int{9, 0, 9, 0, 9, 0}, 11},
		"from beyond the end":       {Part{From: time.Hour, Loop: -1}, nil, 20},
		"until before from":         {Part{From: 5 * frameTime, Until: 2 * frameTime, Loop: -1}, nil, 5},
		"until beyond the end":      {Part{From: 18 * frameTime, Until: time.Hour}, span(8, 10), 20},
		"a time that is no frame's": {Part{From: 19*frameTime + time.Millisecond}, span(9, 10), 20},
	} {
		onPlayer(t, list, c.part, func(r *rig, p *phone, _ *Player, over *ends) {
			time.Sleep(2 * time.Second)
			if got := p.frameNumbers(); !slices.Equal(got, c.want) {
				r.Errorf("%s: heard %v, want %v", name, got, c.want)
			}
			ev := over.all()
			if len(ev) != 1 || ev[0].Kind != PlayEnded || ev[0].Err != nil {
				r.Fatalf("%s: %v", name, ev)
			}
			if got := int(ev[0].Position / frameTime); got != c.at {
				r.Errorf("%s: ended at %d, want %d", name, got, c.at)
			}
		})
	}
}

func TestPausedPlayerIsSilentAndGoesOnWhereItWas(t *testing.T) {
	onPlayer(t, []Source{prompt(100)}, Part{}, func(r *rig, p *phone, player *Player, over *ends) {
		time.Sleep(40 * frameTime)
		player.Pause(true)
		player.Pause(true)
		before := p.frameNumbers()
		at := player.Position()
		time.Sleep(10 * time.Second)
		if got := p.frameNumbers(); len(got) > 1 || player.Position() != at {
			r.Errorf("paused: heard %v, at %s, was %s", got, player.Position(), at)
		}
		player.Pause(false)
		time.Sleep(2 * time.Second)
		after := p.frameNumbers()
		if len(before) == 0 || len(after) == 0 || after[0] < before[len(before)-1] || after[0] > before[len(before)-1]+1 || after[len(after)-1] != 99 {
			r.Errorf("before %v, after %v", before, after)
		}
		if ev := over.all(); len(ev) != 1 || ev[0].Position != 100*frameTime {
			r.Errorf("%v", ev)
		}
	})
}

func TestPlayerIsMovedBackAndForth(t *testing.T) {
	list := []Source{prompt(100), tune(0), prompt(100)}
	for name, c := range map[string]struct {
		to    time.Duration
		by    bool
		first int // frame heard next
		place int
	}{
		"on":                  {20 * frameTime, true, 70, 70},
		"into the next":       {60 * frameTime, true, 10, 110},
		"back":                {-30 * frameTime, true, 20, 20},
		"back before from":    {-time.Hour, true, 10, 10},
		"to a place":          {150 * frameTime, false, 50, 150},
		"to before from":      {0, false, 10, 10},
		"to where it is":      {50 * frameTime, false, 50, 50},
		"to the last frame":   {199 * frameTime, false, 99, 199},
		"to where one begins": {100 * frameTime, false, 0, 100},
	} {
		onPlayer(t, list, Part{From: 10 * frameTime}, func(r *rig, p *phone, player *Player, over *ends) {
			for player.Position() < 50*frameTime {
				time.Sleep(time.Millisecond)
			}
			p.hears()
			player.Seek(c.to, c.by)
			if got := int(player.Position() / frameTime); got != c.place {
				r.Errorf("%s: at %d, want %d", name, got, c.place)
			}
			time.Sleep(5 * time.Second)
			got := p.frameNumbers()
			if len(got) > 0 && got[0] == 50 && c.first != 50 {
				got = got[1:] // it was under way
			}
			if len(got) == 0 || got[0] != c.first || len(over.all()) != 1 {
				r.Errorf("%s: heard %v", name, got)
			}
		})
	}
}

func TestSkippingPastTheEndEndsThePlayback(t *testing.T) {
	onPlayer(t, []Source{prompt(100)}, Part{}, func(r *rig, _ *phone, player *Player, over *ends) {
		time.Sleep(time.Second)
		player.Seek(time.Hour, true)
		time.Sleep(100 * time.Millisecond)
		if ev := over.all(); len(ev) != 1 || ev[0].Kind != PlayEnded || ev[0].Err != nil {
			r.Errorf("%v", ev)
		}
	})
}

func TestSkippingPastTheEndOfARoundBeginsTheNext(t *testing.T) {
	onPlayer(t, []Source{prompt(50), prompt(50)}, Part{From: 10 * frameTime, Loop: 3}, func(r *rig, p *phone, player *Player, over *ends) {
		for range 2 {
			time.Sleep(500 * time.Millisecond)
			p.hears()
			player.Seek(time.Hour, true)
			time.Sleep(100 * time.Millisecond)
			if got := p.frameNumbers(); len(got) == 0 || got[len(got)-1] < 10 || got[len(got)-1] > 16 {
				r.Errorf("heard %v", got)
			}
		}
		player.Seek(time.Hour, true)
		time.Sleep(100 * time.Millisecond)
		if ev := over.all(); len(ev) != 1 || ev[0].Kind != PlayEnded || ev[0].Err != nil {
			r.Errorf("%v", ev)
		}
	})
}

func TestPlaceInASoundThatIsNotThereYetIsWaitedFor(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		p := r.phone(onlyU)
		p.end.Hear([]Heard{{From: r.eng.PlayPart([]Source{notYet{time.Now(), 10}, prompt(10)}, Part{From: 15 * frameTime}, nil)}})
		time.Sleep(900 * time.Millisecond)
		if got := p.hears(); len(got) != 0 {
			r.Fatalf("heard %d packets too early", len(got))
		}
		time.Sleep(time.Second)
		if got := p.frameNumbers(); !slices.Equal(got, span(5, 10)) {
			r.Errorf("heard %v", got)
		}
	})
}

// notYet is a prompt that comes after a second.
type notYet struct {
	from time.Time
	n    int
}

func (s notYet) Frame(n int) ([]int16, bool, error) {
	if time.Since(s.from) < time.Second {
		return nil, true, nil
	}
	return tune(s.n).Frame(n)
}

var errGone = errors.New("gone")

type gone struct{}

func (gone) Frame(int) ([]int16, bool, error) { return nil, false, errGone }

func TestFallbackIsHeardInThePlaceOfWhatFails(t *testing.T) {
	onPlayer(t, []Source{gone{}, prompt(3)}, Part{Instead: prompt(2), Loop: 2}, func(r *rig, p *phone, _ *Player, over *ends) {
		time.Sleep(time.Second)
		if got := p.frameNumbers(); !slices.Equal(got, []int{0, 1, 0, 1, 2, 0, 1, 0, 1, 2}) {
			r.Errorf("heard %v", got)
		}
		ev := over.all()
		if len(ev) != 2 || ev[0].Kind != PlayFailed || !ev[0].Instead || !errors.Is(ev[0].Err, errGone) || ev[1].Kind != PlayEnded || ev[1].Err != nil {
			r.Errorf("%+v", ev)
		}
	})
	onPlayer(t, []Source{gone{}, prompt(3)}, Part{Instead: gone{}, Loop: -1, Until: 2 * frameTime}, func(r *rig, p *phone, player *Player, over *ends) {
		time.Sleep(10 * frameTime)
		player.Stop()
		if ev := over.all(); len(ev) != 1 || ev[0].Kind != PlayFailed {
			r.Errorf("a fallback that fails too: %+v", ev)
		}
	})
}
