package node

import (
	"slices"
	"sync"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/schemas/event"
)

// maxTries bounds how many calls of one name are asked to take a leg.
const maxTries = 8

// loan is a leg that its home call has lent. Home and borrower run on workers of their own: the loan keeps what each wants
// the leg's party to hear, and it hears what home says, else what the borrower says. Home's recordings and streams hear the
// voices of the latter.
type loan struct {
	home  *session
	leg   *leg // only home's worker looks into it
	place call.Place

	to    string // to, in and tried are of whoever is asked now; in.Mode is under the meetings' lock
	in    call.Lent
	tried []*session // who was asked for it

	mu     sync.Mutex
	rtp    *media.Endpoint
	by     *session // who has it
	at     int      // the leg's number there
	over   bool
	own    []media.Heard // what home has it hear
	theirs []media.Heard
	voices []media.Heard // of these: who speaks, for home's recordings and streams
	kept   bool          // home has some that hear them
}

// lend offers a leg to whoever has that name or id.
func (s *session) lend(to string, in call.Lent) {
	l := s.leg(in.Line)
	if l == nil || l.guest { // its end is on the way to the core
		s.again = append(s.again, refusal(in, call.WhyNotFound))
		return
	}
	m := &s.node.meetings
	if l.loan != nil { // taken back before anybody was known to have it
		s.recall(l.loan.place)
	}
	x := &loan{home: s, leg: l, place: in.From, to: to, in: in, rtp: l.rtp}
	l.loan, s.loans = x, append(s.loans, x)
	m.mu.Lock()
	m.loans[x.place] = x
	m.mu.Unlock()
	s.applyMix() // what is recorded hears the loan from now on
	s.node.offer(x, call.WhyNotFound)
}

func refusal(in call.Lent, why string) call.LoanEnded {
	return call.LoanEnded{Loan: in.From.N, Refused: true, Why: why}
}

// offer asks the next call of the name; when there is none the home call is told why.
func (n *Node) offer(x *loan, why string) {
	to := n.find(x.home, x.to, x.tried)
	if to == nil {
		n.meetings.drop(x)
		n.post(x.home, refusal(x.in, why))
		return
	}
	x.tried = append(x.tried, to)
	n.post(to, x.in)
}

// refused lets the next call of the name have what this one did not take: two who pick from one queue at the same moment
// get one caller each.
func (n *Node) refused(by *session, home string, in call.LoanEnded) bool {
	x := n.meetings.loan(call.Place{Call: home, N: in.Loan})
	if x == nil || !slices.Contains(x.tried, by) {
		return false
	}
	switch in.Why {
	case call.WhyNotFound, call.WhyTaken, call.WhyEnded:
	default:
		n.meetings.drop(x)
		return false
	}
	n.offer(x, in.Why)
	return true
}

// undelivered answers what reached a call that is over.
func (n *Node) undelivered(s *session, in call.Input) {
	switch in := in.(type) {
	case call.Lent:
		if home := n.session(in.From.Call); home != nil && !n.refused(s, home.id, refusal(in, call.WhyEnded)) {
			n.post(home, refusal(in, call.WhyEnded))
		}
	case call.LoanTaken:
		n.gone(s.id, in)
	}
}

// gone tells a borrower that the leg's call is over.
func (n *Node) gone(home string, in call.LoanTaken) {
	if by := n.session(in.By.Call); by != nil {
		n.post(by, call.LoanRecalled{From: call.Place{Call: home, N: in.Loan}, Cause: call.CauseNormal})
	}
}

func (m *meetings) loan(at call.Place) *loan {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loans[at]
}

func (m *meetings) drop(x *loan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.loans, x.place)
}

// note keeps the mode of a member, for the API.
func (m *meetings) note(in call.LoanInput) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if x := m.loans[in.From]; x != nil && in.What == "mode" {
		x.in.Mode = in.Text
	}
}

// borrow has a leg of this call stand for a lent one. Home may have taken it back by now.
func (s *session) borrow(o call.LegBorrow) {
	x := s.node.meetings.loan(o.From)
	if x == nil || !x.take(s, o.Leg) {
		s.again = append(s.again, call.LoanRecalled{From: o.From, Cause: call.CauseCancelled})
		return
	}
	s.legs = append(s.legs, &leg{id: o.Leg, s: s, loan: x, guest: true})
	s.applyMix()
}

// giveBack ends a loan from either side: what home says is heard again.
func (s *session) giveBack(l *leg) {
	if l.loan == nil {
		return
	}
	s.node.meetings.drop(l.loan)
	l.loan.close()
	if l.guest {
		s.forget(l)
	}
}

// recall takes a leg of this call back, whoever has it.
func (s *session) recall(at call.Place) {
	s.loans = slices.DeleteFunc(s.loans, func(x *loan) bool {
		if x.place == at {
			s.seeLoan(at.N, false)
			s.node.meetings.drop(x)
			x.close()
		}
		return x.place == at
	})
}

// loanEnded: the borrower has given it back, or nobody took it.
func (s *session) loanEnded(n int) {
	s.seeLoan(n, false)
	s.loans = slices.DeleteFunc(s.loans, func(x *loan) bool { return x.place.N == n })
}

// deserted: this call is over, perhaps by a crash. What it lent and what it borrowed goes home.
func (s *session) deserted(cause event.Cause) {
	for _, l := range slices.Clone(s.legs) {
		if !l.guest {
			continue
		}
		x := l.loan
		by, _ := x.held()
		if s.giveBack(l); by == s {
			s.node.post(x.home, call.LoanEnded{Loan: x.place.N, Why: cause.Reason, Cause: cause})
		}
	}
	for _, x := range slices.Clone(s.loans) {
		by, _ := x.held()
		if s.recall(x.place); by != nil {
			s.node.post(by, call.LoanRecalled{From: x.place, Cause: cause})
		}
	}
}

// take gives the leg to a call; false when the loan is over or somebody else has it.
func (x *loan) take(by *session, at int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over || x.by != nil {
		return false
	}
	x.by, x.at = by, at
	return true
}

// close ends the loan; repeating it does nothing.
func (x *loan) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over {
		x.over, x.by, x.theirs = true, nil, nil
		x.speak(nil)
		x.apply()
	}
}

// hear is told what a call has the leg's party hear, and which of these are voices. When the loan is over only home has a
// say.
func (x *loan) hear(s *session, rows, voices []media.Heard) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch s {
	case x.home:
		x.own = rows
	case x.by:
		x.theirs = rows
		x.speak(voices)
	default:
		return
	}
	x.apply()
}

// speak: who is heard where the leg is has changed, or not. x.mu is held.
func (x *loan) speak(voices []media.Heard) {
	if slices.Equal(x.voices, voices) {
		return
	}
	if x.voices = voices; x.kept {
		x.home.later(x.home.applyMix)
	}
}

// heardThere are those who speak where the leg is; from now on home is told when they change.
func (x *loan) heardThere() []media.Heard {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.kept = true
	return x.voices
}

func (x *loan) apply() {
	rows := x.own
	if len(rows) == 0 {
		rows = x.theirs
	}
	if x.rtp != nil {
		x.rtp.Hear(rows)
	}
}

func (x *loan) held() (by *session, at int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.by, x.at
}

func (x *loan) sound() *media.Endpoint {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.rtp
}

// opened: the leg got its endpoint after it was lent.
func (x *loan) opened(rtp *media.Endpoint) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rtp = rtp
	x.apply()
	if by := x.by; by != nil { // others there may hear it now
		by.later(by.applyMix)
	}
}
