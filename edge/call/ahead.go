package call

import (
	"slices"
	"strings"

	"github.com/offhook/offhook/schemas/verb"
)

// Bounds of what is foreseen.
const (
	maxAhead   = 3 // texts
	maxForesee = 8 // verbs that are looked at
)

// Foresight is what a verb is going to do, as far as its document says so.
type Foresight struct {
	Says    verb.Audios     // that it plays itself
	Prompts []verb.Document // that it plays while it runs
	Later   []verb.Document // that may follow it, by what comes of it
	Ends    bool            // what stands after it is not run, or not soon
}

// Foreseen gives the kind a foresight.
func (k Kind) Foreseen(f func(v verb.Verb) Foresight) Kind {
	k.Foresee = f
	return k
}

// foresee has the texts made that a strand will come to soon, while its verb lasts. What is not known yet, and what
// depends on how the verb ends, is left out; nothing rests on it.
func (c *Call) foresee(s *Strand, running verb.Verb) {
	f := foreseer{c: c, s: s, left: maxForesee}
	now := c.foresight(running)
	for _, doc := range now.Later {
		f.document(doc[:min(1, len(doc))])
	}
	for _, frame := range slices.Backward(s.Frames) {
		if now.Ends || !f.document(frame.Doc) || frame.Next != nil {
			break
		}
	}
	if len(f.found) > 0 {
		c.put(Prepare{Audio: f.found})
	}
}

func (c *Call) foresight(v verb.Verb) Foresight {
	if kind := c.registry[v.VerbName()]; kind.Foresee != nil {
		return kind.Foresee(v)
	}
	return Foresight{}
}

type foreseer struct {
	c     *Call
	s     *Strand
	left  int
	found verb.Audios
}

// document is false where it is not known what follows.
func (f *foreseer) document(doc verb.Document) bool {
	for _, v := range doc {
		if f.left--; f.left < 0 || len(f.found) >= maxAhead {
			return false
		}
		next := f.c.foresight(v)
		for _, a := range next.Says {
			f.text(a)
		}
		for _, prompt := range next.Prompts {
			f.document(prompt)
		}
		if next.Ends {
			return false
		}
	}
	return true
}

// text takes a text whose variables have their values already.
func (f *foreseer) text(a verb.Audio) {
	if a.Say == nil || len(f.found) >= maxAhead || slices.ContainsFunc(verb.Names(a.Say), changing) {
		return
	}
	filled, err := verb.Fill(a.Say, func(name string) (string, bool) { return f.c.lookup(f.s, name) })
	if err != nil {
		return
	}
	f.found = append(f.found, verb.Audio{Say: filled.(*verb.Say)})
}

// changing are variables that the verbs before a text are likely to change.
func changing(name string) bool {
	return name == "digits" || strings.HasPrefix(name, "result.") || strings.HasPrefix(name, "agent_") || strings.HasPrefix(name, "queue_")
}
