package calltest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/ask"
)

// Town is several calls of one tenant that may meet: it knows their names, carries what they send each other, makes rooms,
// and holds them to the rules of lending. What two calls send each other stays in order; all else may happen in any.
type Town struct {
	Maker
	cfg    Config
	now    time.Time
	houses []*house  // by age
	post   []Message // on its way
	rooms  int
	asked  map[call.Place]call.Lent // how each loan's leg takes part, as far as the borrower was told
	trail  []string
	outs   []Out // of the last move
}

// Maker makes calls that run the verbs under test.
type Maker struct {
	New  func(id string) *call.Call
	Read func(raw []byte) (*call.Call, error)
}

// house is a call in its own world.
type house struct {
	id    string
	call  *call.Call
	world *World
	names []call.Name
}

// Message is what one call sent another.
type Message struct {
	From, To string // call ids
	In       call.Input
}

// Move is one thing that may happen in a town.
type Move struct {
	Call   string // something happens to this call, or
	Choice Choice
	Mail   *Message // this arrives
}

// NewTown makes a town without calls.
func NewTown(cfg Config, maker Maker) *Town {
	return &Town{Maker: maker, cfg: cfg, asked: map[call.Place]call.Lent{}}
}

func (t *Town) house(id string) *house {
	for _, h := range t.houses {
		if h.id == id {
			return h
		}
	}
	return nil
}

// Begin adds a call.
func (t *Town) Begin(at time.Time, in call.Begin) error {
	t.outs = nil
	if err := t.begin(at, in); err != nil {
		return err
	}
	return t.Check()
}

func (t *Town) begin(at time.Time, in call.Begin) error {
	h := &house{id: in.Call.ID, call: t.New(in.Call.ID), world: New(t.cfg)}
	h.world.inTown = true
	t.houses = append(t.houses, h)
	return t.step(h, Choice{Input: in, At: at})
}

// Next lists all that may happen, in a fixed order.
func (t *Town) Next() []Move {
	moves := t.Mail()
	for _, h := range t.houses {
		for _, c := range h.world.Next() {
			moves = append(moves, Move{Call: h.id, Choice: c})
		}
	}
	return moves
}

// Mail lists what may arrive next: the oldest between each two calls.
func (t *Town) Mail() []Move {
	var moves []Move
	for i, m := range t.post {
		if !slices.ContainsFunc(t.post[:i], func(x Message) bool { return x.From == m.From && x.To == m.To }) {
			moves = append(moves, Move{Mail: &m})
		}
	}
	return moves
}

// Ending lists what must happen if nobody does anything any more.
func (t *Town) Ending() []Move {
	moves := t.Mail()
	for _, h := range t.houses {
		for _, c := range h.world.Ending() {
			moves = append(moves, Move{Call: h.id, Choice: c})
		}
	}
	return moves
}

// Do lets one thing happen. An error names the rule that was broken.
func (t *Town) Do(m Move) error {
	t.outs = nil
	if err := t.do(m); err != nil {
		return err
	}
	return t.Check()
}

func (t *Town) do(m Move) error {
	if m.Mail == nil {
		return t.step(t.house(m.Call), m.Choice)
	}
	at := slices.IndexFunc(t.post, func(x Message) bool { return x.From == m.Mail.From && x.To == m.Mail.To })
	x := t.post[at]
	t.post = slices.Delete(slices.Clone(t.post), at, at+1)
	return t.arrives(x)
}

// arrives brings a message, or answers for a call that is over.
func (t *Town) arrives(m Message) error {
	h := t.house(m.To)
	if h != nil && !h.call.Over() {
		t.note(m.In)
		return t.step(h, Choice{Input: m.In})
	}
	t.trail = append(t.trail, fmt.Sprintf("%s is over: %s", m.To, text(m.In)))
	t.bounce(m)
	return nil
}

// bounce answers what reached nobody.
func (t *Town) bounce(m Message) {
	switch in := m.In.(type) {
	case call.Lent:
		t.send(Message{From: m.To, To: in.From.Call, In: call.LoanEnded{Loan: in.From.N, Refused: true, Why: call.WhyEnded}})
	case call.LoanTaken:
		t.send(Message{From: m.To, To: m.From, In: call.LoanRecalled{From: call.Place{Call: m.To, N: in.Loan}, Cause: call.CauseCancelled}})
	}
}

func (t *Town) send(m Message) { t.post = append(t.post, m) }

func text(in call.Input) string {
	raw, err := call.MarshalInput(in)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// step gives a call one input and looks at what came out.
func (t *Town) step(h *house, c Choice) error {
	t.now = c.When(t.now)
	t.trail = append(t.trail, h.id+" "+text(c.Input))
	h.world.Happens(c.Input)
	outs := h.call.Step(t.now, c.Input)
	for _, out := range outs {
		t.outs = append(t.outs, Out{h.id, out})
	}
	if err := h.world.Did(t.now, outs); err != nil {
		return fmt.Errorf("%s: %w", h.id, err)
	}
	for _, out := range outs {
		if err := t.did(h, out); err != nil {
			return err
		}
	}
	return nil
}

func (t *Town) did(h *house, out call.Output) error {
	switch o := out.(type) {
	case call.Names:
		t.named(h, o.Names)
	case call.Send:
		return t.route(h, o)
	}
	return nil
}

// named takes a call's names, and tells those in a line where they stand now.
func (t *Town) named(h *house, names []call.Name) {
	was := h.names
	h.names = names
	for _, n := range append(slices.Clone(was), names...) {
		if strings.HasPrefix(n.Name, "queue:") && slices.Contains(was, n) != slices.Contains(names, n) {
			line := t.found(n.Name)
			for i, in := range line {
				t.send(Message{From: "names", To: in.id, In: call.Placed{Name: n.Name, Position: i + 1, Size: len(line)}})
			}
		}
	}
}

// found are the calls of a name: more priority first, then the older ones.
func (t *Town) found(name string) []*house {
	type place struct {
		at       *house
		priority int
	}
	var places []place
	for _, h := range t.houses {
		for _, n := range h.names {
			if n.Name == name {
				places = append(places, place{h, n.Priority})
			}
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { return b.priority - a.priority })
	line := make([]*house, 0, len(places))
	for _, p := range places {
		line = append(line, p.at)
	}
	return line
}

// route finds whom a message is for, when it is sent.
func (t *Town) route(h *house, o call.Send) error {
	if id, ok := strings.CutPrefix(o.To, "call:"); ok {
		t.send(Message{From: h.id, To: id, In: o.In})
		return nil
	}
	room, isRoom := strings.CutPrefix(o.To, "room:")
	if isRoom && len(t.found(o.To)) == 0 {
		t.rooms++
		begin := call.Begin{Room: room, Call: ask.Call{ID: fmt.Sprintf("room_%d", t.rooms), Tenant: "demo", Direction: "room", To: room}}
		if err := t.begin(t.now, begin); err != nil {
			return err
		}
	}
	line := t.found(o.To)
	if lent, ok := o.In.(call.Lent); ok && len(line) == 0 {
		t.send(Message{From: "names", To: h.id, In: call.LoanEnded{Loan: lent.From.N, Refused: true, Why: call.WhyNotFound}})
	} else if len(line) > 0 {
		t.send(Message{From: h.id, To: line[0].id, In: o.In})
	}
	return nil
}

// note keeps what the borrower of a leg was told about it.
func (t *Town) note(in call.Input) {
	switch in := in.(type) {
	case call.Lent:
		t.asked[in.From] = in
	case call.LoanInput:
		lent := t.asked[in.From]
		switch {
		case in.What == "held" || in.What == "resumed":
			lent.Held = in.What == "held"
		case in.What == "mode" && (in.Text == call.ModeMuted || in.Text == call.ModeSpeaks):
			lent.Muted = in.Text == call.ModeMuted
		case in.What == "mode":
			lent.Mode = in.Text
		}
		t.asked[in.From] = lent
	}
}

// Now is the time of the last move.
func (t *Town) Now() time.Time { return t.now }

// Over is true once all calls are.
func (t *Town) Over() bool {
	return len(t.post) == 0 && !slices.ContainsFunc(t.houses, func(h *house) bool { return !h.call.Over() })
}

// Calls are the ids of all calls, rooms too, the oldest first.
func (t *Town) Calls() []string {
	ids := make([]string, 0, len(t.houses))
	for _, h := range t.houses {
		ids = append(ids, h.id)
	}
	return ids
}

// Call gives a call by its id.
func (t *Town) Call(id string) *call.Call { return t.house(id).call }

// Out is what a call put out.
type Out struct {
	Call string
	call.Output
}

// Outs are what came out of the last move.
func (t *Town) Outs() []Out { return t.outs }

// Trail is what happened, for a message.
func (t *Town) Trail() string { return strings.Join(t.trail, "\n") }

// Reread brings a call back from its JSON.
func (t *Town) Reread(id string) error {
	h := t.house(id)
	raw, err := json.Marshal(h.call)
	if err != nil {
		return err
	}
	h.call, err = t.Read(raw)
	return err
}

// Clone gives a town that goes its own way.
func (t *Town) Clone() (*Town, error) {
	c := *t
	c.houses, c.post, c.trail = nil, slices.Clone(t.post), slices.Clone(t.trail)
	c.asked = map[call.Place]call.Lent{}
	for at, lent := range t.asked {
		c.asked[at] = lent
	}
	for _, h := range t.houses {
		x := *h
		x.world = h.world.Clone()
		c.houses = append(c.houses, &x)
		if err := c.Reread(h.id); err != nil {
			return nil, err
		}
	}
	return &c, nil
}
