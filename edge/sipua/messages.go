package sipua

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/digest"
)

const (
	messageSummary  = "message-summary" // RFC 3842
	typeSummary     = "application/simple-message-summary"
	lampLife        = time.Hour // longest subscription; the default too (RFC 3842 5.4)
	maxSubscribers  = 10        // subscriptions to one user's lamp
	maxSubscription = 50_000    // in all
)

// Messages is what a user's message lamp shows.
type Messages struct{ New, Old int }

// lamps keeps the message counts of users, and who is told of them. It is safe for many goroutines.
type lamps struct {
	mu     sync.Mutex
	counts map[aor]Messages
	subs   map[aor][]*subscription
	total  int
}

func newLamps() lamps { return lamps{counts: map[aor]Messages{}, subs: map[aor][]*subscription{}} }

// subscription is a phone that wants to know its lamp (RFC 6665, 3842). Its worker alone touches what is in it; d speaks for
// it and is no call.
type subscription struct {
	d       *Dialog
	who     aor
	via     string // where it subscribed from
	until   time.Duration
	limit   timer
	waiting bool // a NOTIFY has no response yet
	stale   bool // the lamp changed meanwhile
}

// SetMessages sets a user's lamp. Phones that subscribed here are told, and those registered here that did not.
func (u *UA) SetMessages(tenant, user string, m Messages) {
	subs, same := u.lamps.set(aor{tenant, user}, m)
	if same {
		return
	}
	for _, s := range subs {
		s.d.w.post(s.changed)
	}
	for _, b := range u.Bindings(tenant, user) {
		subscribed := slices.ContainsFunc(subs, func(s *subscription) bool { return s.via == b.Via })
		if !subscribed && b.Node == u.cfg.Node {
			u.tellLamp(b, m)
		}
	}
}

// RestoreMessages is SetMessages for what the phones have been told already, before a start.
func (u *UA) RestoreMessages(tenant, user string, m Messages) { u.lamps.set(aor{tenant, user}, m) }

// set gives who is to be told, and whether nothing changed.
func (l *lamps) set(who aor, m Messages) (subs []*subscription, same bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	same = l.counts[who] == m
	l.counts[who] = m
	return slices.Clone(l.subs[who]), same
}

func (l *lamps) of(who aor) (m Messages, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, known = l.counts[who]
	return m, known
}

// join is false when there are too many.
func (l *lamps) join(s *subscription) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.subs[s.who]) >= maxSubscribers || l.total >= maxSubscription {
		return false
	}
	l.subs[s.who] = append(l.subs[s.who], s)
	l.total++
	return true
}

func (l *lamps) leave(s *subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.subs[s.who], s)
	if i < 0 {
		return
	}
	l.total--
	if l.subs[s.who] = slices.Delete(l.subs[s.who], i, i+1); len(l.subs[s.who]) == 0 {
		delete(l.subs, s.who)
	}
}

// summary is the body of a NOTIFY: RFC 3842 5.2.
func (m Messages) summary(who aor, host string) []byte {
	waiting := "no"
	if m.New > 0 {
		waiting = "yes"
	}
	return fmt.Appendf(nil, "Messages-Waiting: %s\r\nMessage-Account: sip:%s@%s\r\nVoice-Message: %d/%d (0/0)\r\n",
		waiting, who.user, host, m.New, m.Old)
}

// subscribed takes a SUBSCRIBE outside of calls: a new one, or a refresh of one that we know.
func (w *worker) subscribed(req *sip.Request, from path) {
	if eventOf(req) != messageSummary { // RFC 6665 4.2.1.1
		w.answer(req, from, 489, Header{"Allow-Events", allowEvents})
		return
	}
	life := min(parseExpires(headerOf(req, "expires"), lampLife), lampLife)
	if tag := tagOf(req.To().Params); tag != "" {
		w.resubscribed(req, from, w.subs[tombKey{req.CallID().Value(), tag, true}], life)
		return
	}
	if w.subs[tombKey{req.CallID().Value(), w.ids.tag(req.CallID().Value(), tagOf(req.From().Params)), true}] != nil {
		w.answer(req, from, 482) // it came another way, RFC 3261 8.2.2.2
		return
	}
	who, refusal := w.subscriber(req, from)
	if refusal != nil {
		w.turnAway(req, refusal, from)
		return
	}
	s := w.subscription(req, from, who)
	if life > 0 && !w.u.lamps.join(s) {
		w.answer(req, from, 480)
		return
	}
	w.accept(req, s, from, life)
}

// subscriber is whose phone asks: it is registered there, or has the user's password, and asks for that user's lamp.
func (w *worker) subscriber(req *sip.Request, from path) (aor, *sip.Response) {
	tenant, realm, ok := w.u.tenantOf(req)
	if !ok {
		return aor{}, refuse(req, 404, "Not Our Domain")
	}
	user := unescape(req.Recipient.User)
	if w.u.atHome(aor{tenant, user}, viaOf(from.link.network(), from.to)) { // some ask without end when they are challenged
		return aor{tenant, user}, nil
	}
	now := time.Now()
	who, outcome := w.u.bindings.auth.Check(req, tenant, realm, from.to.Addr().Unmap(), now)
	w.u.bindings.counts.authentication(outcome)
	switch {
	case outcome == digest.Locked:
		return aor{}, refuse(req, 403, "")
	case outcome != digest.Authenticated:
		return aor{}, w.u.challenge(req, 401, realm, outcome, now)
	case who.User == "" || user != "" && user != who.User || !w.u.dir.IsUser(tenant, who.User):
		return aor{}, refuse(req, 403, "")
	}
	return aor{tenant, who.User}, nil
}

func (w *worker) subscription(req *sip.Request, from path, who aor) *subscription {
	callID := req.CallID().Value()
	tag := w.ids.tag(callID, tagOf(req.From().Params))
	d := w.answering(req, callID, tag, who.tenant)
	d.state = confirmed
	d.peer.path = from // the Contact is not believed where to send: nobody is flooded in its name
	return &subscription{d: d, who: who, via: viaOf(from.link.network(), from.to)}
}

func (w *worker) resubscribed(req *sip.Request, from path, s *subscription, life time.Duration) {
	switch {
	case s == nil || s.d.remoteTag != tagOf(req.From().Params):
		w.answer(req, from, 481)
	case req.CSeq().SeqNo <= s.d.peer.heard:
		w.answer(req, from, 500)
	default:
		s.d.peer.heard = req.CSeq().SeqNo
		s.d.peer.learn(req, req.Contact())
		s.d.peer.path = from
		w.accept(req, s, from, life)
	}
}

// accept answers a SUBSCRIBE and tells the lamp at once (RFC 6665 4.2.1.2).
func (w *worker) accept(req *sip.Request, s *subscription, from path, life time.Duration) {
	tx := w.serve(req, replyPath(req, from), s.d.localTag)
	tx.respond(req, 200, nil, Header{"Expires", strconv.Itoa(int(life / time.Second))}, Header{"Contact", s.d.contact(s.d.peer.path)})
	s.until = w.now() + life
	if life == 0 {
		s.notify("terminated;reason=timeout")
		return
	}
	w.subs[tombKey{s.d.callID, s.d.localTag, true}] = s
	w.after(&s.limit, s, life)
	s.changed()
}

// changed tells the phone; one NOTIFY at a time.
func (s *subscription) changed() {
	if s.waiting {
		s.stale = true
		return
	}
	if left := s.until - s.d.w.now(); left > 0 && s.d.w.subs[tombKey{s.d.callID, s.d.localTag, true}] == s {
		s.notify("active;expires=" + strconv.Itoa(int(left/time.Second)))
	}
}

func (s *subscription) notify(state string) {
	ends := state[0] == 't'
	if ends {
		s.end()
	}
	req, way, err := s.d.request(sip.NOTIFY, 0, Header{"Event", messageSummary}, Header{"Subscription-State", state})
	if err != nil {
		s.end()
		return
	}
	m, _ := s.d.w.u.lamps.of(s.who)
	setBody(req, typeSummary, m.summary(s.who, s.d.hostName(way)))
	s.waiting = true
	s.d.ask(req, way, func(res *sip.Response) { s.answered(res) })
}

// answered: a phone that does not answer or know it has gone (RFC 6665 4.2.2).
func (s *subscription) answered(res *sip.Response) {
	s.waiting = false
	switch {
	case res == nil || res.StatusCode >= 300:
		s.end()
	case s.stale:
		s.stale = false
		s.changed()
	}
}

func (s *subscription) expire(*timer) { s.notify("terminated;reason=timeout") }

// end forgets the subscription; it may be told twice.
func (s *subscription) end() {
	w := s.d.w
	w.timers.stop(&s.limit)
	delete(w.subs, tombKey{s.d.callID, s.d.localTag, true})
	w.u.lamps.leave(s)
}

// tellLamp tells a registered phone without being asked, as most phones expect it.
func (u *UA) tellLamp(b Binding, m Messages) {
	callID := "lamp-" + u.ids.tag(b.Contact, strconv.FormatInt(time.Now().UnixNano(), 36))
	w := u.worker(callID)
	w.post(func() {
		hop := b.Contact
		b.Path = bare(b.Path)
		if len(b.Path) > 0 {
			hop = b.Path[0]
		}
		w.waysTo(InviteRequest{Via: b.Via, Flow: b.Flow, Route: b.Path}, hop, func(ways []path, err error) {
			if err == nil && len(ways) > 0 {
				w.sendLamp(callID, b, m, ways[0])
			}
		})
	})
}

func (w *worker) sendLamp(callID string, b Binding, m Messages, way path) {
	d := &Dialog{w: w, callID: callID, localTag: w.ids.tag(callID, "lamp"), state: confirmed}
	host := d.hostName(way)
	own := "<sip:" + b.User + "@" + host + ">"
	d.peer = peer{local: own + ";tag=" + d.localTag, remote: own, target: b.Contact, routes: b.Path, path: way}
	req, _, err := d.request(sip.NOTIFY, 0, Header{"Event", messageSummary}, Header{"Subscription-State", "active"})
	if err != nil {
		w.log.Debug("message lamp not told", "user", b.User, "error", err)
		return
	}
	setBody(req, typeSummary, m.summary(aor{b.Tenant, b.User}, host))
	if _, err := w.send(req, way, nil); err != nil {
		w.log.Debug("message lamp not told", "user", b.User, "error", err)
	}
}
