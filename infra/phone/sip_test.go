package phone

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/offhook/offhook/infra/phone/sdp"
)

// peer is the other side of a phone, played message by message.
type peer struct {
	t       *testing.T
	conn    *net.UDPConn
	seen    map[string]bool // datagrams; a repeated one is passed over: who waits too long for this side repeats
	repeats bool            // they are not
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &peer{t: t, conn: conn, seen: map[string]bool{}}
}

func (p *peer) address() string { return p.conn.LocalAddr().String() }

// next reads a message.
func (p *peer) next() sip.Message {
	p.t.Helper()
	buf := make([]byte, 65535)
	if err := p.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	n, from, err := p.conn.ReadFromUDP(buf)
	if err != nil {
		p.t.Fatalf("no message: %v", err)
	}
	text := string(buf[:n])
	if strings.TrimSpace(text) == "" || p.seen[text] && !p.repeats { // a keep-alive, or a repetition
		return p.next()
	}
	p.seen[text] = true
	m, err := sip.ParseMessage(buf[:n])
	if err != nil {
		p.t.Fatal(err)
	}
	m.SetSource(from.String())
	return m
}

// request reads a request of a method.
func (p *peer) request(method sip.RequestMethod) *sip.Request {
	p.t.Helper()
	m := p.next()
	req, ok := m.(*sip.Request)
	if !ok || req.Method != method {
		p.t.Fatalf("got %s, want %s", strings.SplitN(m.String(), "\r\n", 2)[0], method)
	}
	return req
}

// status reads a response.
func (p *peer) status(code int) *sip.Response {
	p.t.Helper()
	m := p.next()
	res, ok := m.(*sip.Response)
	if !ok || res.StatusCode != code {
		p.t.Fatalf("got %s, want %d", strings.SplitN(m.String(), "\r\n", 2)[0], code)
	}
	return res
}

func (p *peer) send(to string, m sip.Message) {
	p.t.Helper()
	addr, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.conn.WriteToUDP([]byte(m.String()), addr); err != nil {
		p.t.Fatal(err)
	}
}

// reply answers; headers are "Name: value".
func (p *peer) reply(req *sip.Request, code int, tag string, body []byte, headers ...string) {
	p.t.Helper()
	res := sip.NewResponseFromRequest(req, code, "Whatever", nil)
	if tag != "" {
		res.To().Params.Remove("tag")
		res.To().Params.Add("tag", tag)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		res.AppendHeader(sip.NewHeader(name, value))
	}
	res.SetBody(body)
	p.send(req.Source(), res)
}

func (p *peer) contact() string { return "Contact: <sip:peer@" + p.address() + ">" }

func (p *peer) sdp(direction string) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8 0 96\r\n"+
		"a=rtpmap:96 telephone-event/8000\r\na=%s\r\n", direction)
}

// running is a phone in the background.
type running struct {
	side
	done chan struct{}
}

func background(ctx context.Context, o Options) *running {
	r := &running{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.report, r.err = Run(ctx, o, &r.out)
	}()
	return r
}

const nonce = `Digest realm="demo", nonce="abc123", qop="auth", algorithm=MD5`

// knows checks credentials as a registrar would.
func knows(req *sip.Request, header, user, password string) bool {
	h := req.GetHeader(header)
	if h == nil {
		return false
	}
	c, err := digest.ParseCredentials(h.Value())
	if err != nil || c.Username != user || c.Nonce != "abc123" || c.URI != req.Recipient.String() {
		return false
	}
	chal, _ := digest.ParseChallenge(nonce)
	want, err := digest.Digest(chal, digest.Options{
		Method: string(req.Method), URI: c.URI, Count: c.Nc, Cnonce: c.Cnonce, Username: user, Password: password,
	})
	return err == nil && want.Response == c.Response
}

func TestPhoneRegistersByDigestAndUnregistersAtTheEnd(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := background(ctx, Options{Server: p.address(), As: "101", Wait: true, Notify: func(e Event) {
		if e.Kind == KindRegistered {
			cancel()
		}
	}})
	first := p.request(sip.REGISTER)
	p.reply(first, 401, "", nil, "WWW-Authenticate: "+nonce)
	second := p.request(sip.REGISTER)
	if !knows(second, "Authorization", "101", "demo-101") || second.CSeq().SeqNo <= first.CSeq().SeqNo {
		t.Errorf("not authenticated rightly:\n%s", second)
	}
	if h := second.GetHeader("Expires"); h == nil || h.Value() != "300" {
		t.Errorf("expires %v", h)
	}
	p.reply(second, 200, "", nil, second.GetHeader("Contact").String()+";expires=60")
	last := p.request(sip.REGISTER)
	if h := last.GetHeader("Expires"); h == nil || h.Value() != "0" {
		t.Errorf("the end does not unregister:\n%s", last)
	}
	p.reply(last, 200, "", nil)
	<-r.done
	if r.err != nil || r.report.Outcome != Nothing {
		t.Errorf("%v, %+v", r.err, r.report)
	}
}

func TestRegistrationWithAWrongPasswordFails(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	r := background(context.Background(), Options{Server: p.address(), As: "101", Password: "wrong", Wait: true})
	p.reply(p.request(sip.REGISTER), 401, "", nil, "WWW-Authenticate: "+nonce)
	p.reply(p.request(sip.REGISTER), 401, "", nil, "WWW-Authenticate: "+nonce)
	<-r.done
	if r.report.Outcome != Unreachable || r.err == nil || !strings.Contains(r.err.Error(), "401") {
		t.Errorf("%v, %+v", r.err, r.report)
	}
	if out := r.out.String(); !strings.Contains(out, "registration refused: 401 Whatever; the server does not take the credentials of 101: check --as and --password") {
		t.Error(out)
	}
}

func TestARefusalForCredentialsSaysWhatToLookAt(t *testing.T) {
	t.Parallel()
	for user, want := range map[string]string{"101": "does not take the credentials of 101: check --as and --password", "": "wants a user and its password: give --as and --password"} {
		p := newPeer(t)
		r := background(context.Background(), Options{Server: p.address(), As: user, Password: "wrong", Target: "100"})
		for range 1 + min(1, len(user)) {
			p.reply(p.request(sip.INVITE), 407, "z", nil, "Proxy-Authenticate: "+nonce)
			p.request(sip.ACK)
		}
		<-r.done
		if out := r.out.String(); r.err == nil || !strings.Contains(out, "refused: 407 Whatever; the server "+want) {
			t.Errorf("%v\n%s", r.err, out)
		}
	}
}

func TestChallengedInviteIsSentAgainAndBothAnswersOfAForkAreAcknowledged(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	r := background(context.Background(), Options{Server: p.address(), As: "bob", Password: "x", Target: "100", For: 300 * time.Millisecond})
	first := p.request(sip.INVITE)
	p.reply(first, 407, "z", nil, "Proxy-Authenticate: "+nonce)
	if ack := p.request(sip.ACK); branchOf(ack) != branchOf(first) {
		t.Error("the refusal's ACK is not in the INVITE's transaction")
	}
	invite := p.request(sip.INVITE)
	if !knows(invite, "Proxy-Authorization", "bob", "x") {
		t.Errorf("not authenticated:\n%s", invite)
	}
	p.reply(invite, 180, "a", nil)
	p.reply(invite, 200, "a", p.sdp("sendrecv"), p.contact(), "Content-Type: application/sdp")
	if ack := p.request(sip.ACK); ack.To().Params.GetOr("tag", "") != "a" || !knows(ackAs(ack, sip.INVITE, invite), "Proxy-Authorization", "bob", "x") {
		t.Errorf("ACK:\n%s", ack)
	}
	p.reply(invite, 200, "b", p.sdp("sendrecv"), p.contact(), "Content-Type: application/sdp")
	for _, want := range []sip.RequestMethod{sip.ACK, sip.BYE} {
		req := p.request(want)
		if tag := req.To().Params.GetOr("tag", ""); tag != "b" {
			t.Errorf("%s of the other branch goes to %q", want, tag)
		}
		if want == sip.BYE {
			p.reply(req, 200, "", nil)
		}
	}
	bye := p.request(sip.BYE)
	if bye.To().Params.GetOr("tag", "") != "a" {
		t.Errorf("BYE:\n%s", bye)
	}
	p.reply(bye, 200, "", nil)
	<-r.done
	if r.err != nil || r.report.Outcome != Answered {
		t.Errorf("%v, %+v", r.err, r.report)
	}
}

// ackAs lets an ACK's credentials, which are its INVITE's, be checked.
func ackAs(ack *sip.Request, method sip.RequestMethod, invite *sip.Request) *sip.Request {
	c := ack.Clone()
	c.Method, c.Recipient = method, invite.Recipient
	return c
}

// invite is a call to a waiting phone.
func (p *peer) invite(to, tag string, body []byte) *sip.Request {
	text := "INVITE sip:x@" + to + " SIP/2.0\r\nVia: SIP/2.0/UDP " + p.address() + ";branch=z9hG4bK-" + tag + ";rport\r\n" +
		"From: \"Anna\" <sip:+371@demo>;tag=" + tag + "\r\nTo: <sip:x@demo>\r\nCall-ID: " + tag + "\r\nCSeq: 7 INVITE\r\n" +
		"Max-Forwards: 70\r\nX-Campaign: 7\r\n" + p.contact() + "\r\nContent-Type: application/sdp\r\n\r\n"
	m, err := sip.ParseMessage([]byte(text))
	if err != nil {
		p.t.Fatal(err)
	}
	m.SetBody(body)
	p.send(to, m)
	return m.(*sip.Request)
}

// follow is another request like one before, changed.
func follow(req *sip.Request, method sip.RequestMethod, cseq uint32, branch, toTag string, body []byte) *sip.Request {
	c := req.Clone()
	c.Method = method
	c.ReplaceHeader(&sip.CSeqHeader{SeqNo: cseq, MethodName: method})
	c.Via().Params.Add("branch", branch)
	if toTag != "" {
		c.To().Params.Add("tag", toTag)
	}
	c.SetBody(body)
	return c
}

func waiting(t *testing.T, o Options) (r *running, at string) {
	t.Helper()
	at0 := make(chan string, 1)
	o.Wait, o.Local = true, "127.0.0.1"
	o.Notify = func(e Event) {
		if e.Kind == "waiting" {
			at0 <- address(e.Text)
		}
	}
	r = background(context.Background(), o)
	return r, <-at0
}

func TestCallAnsweredElsewhereIsMissedWithTheReasonGiven(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	r, at := waiting(t, Options{Answer: Answering{After: time.Minute}})
	invite := p.invite(at, "t1", p.sdp("sendrecv"))
	ringing := p.status(180)
	cancel := follow(invite, sip.CANCEL, 7, branchOf(invite), "", nil)
	reason := `SIP;cause=200;text="Call completed elsewhere"`
	cancel.AppendHeader(sip.NewHeader("Reason", reason))
	p.send(at, cancel)
	p.status(200)
	final := p.status(487)
	if a, b := final.To().Params.GetOr("tag", ""), ringing.To().Params.GetOr("tag", "-"); a != b {
		t.Errorf("487 has tag %q, 180 %q", a, b)
	}
	p.send(at, follow(invite, sip.ACK, 7, branchOf(invite), final.To().Params.GetOr("tag", ""), nil))
	<-r.done
	if r.err != nil || r.report.Outcome != Missed || r.report.Why != reason || r.report.Headers["X-Campaign"] != "7" {
		t.Errorf("%v, %+v", r.err, r.report)
	}
}

func TestWaitingPhoneIsHeldResumedAndAskedForAnOffer(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	r, at := waiting(t, Options{Sound: Sound{Tone: 440}})
	invite := p.invite(at, "t2", p.sdp("sendrecv"))
	p.status(180)
	ok := p.status(200)
	tag := ok.To().Params.GetOr("tag", "")
	if s, err := sdp.Parse(ok.Body()); err != nil || s.Payloads[0] != sdp.PCMA || s.Digits != 96 {
		t.Errorf("answer %+v, %v; want their order and number", s, err)
	}
	p.send(at, follow(invite, sip.ACK, 7, "z9hG4bK-ack", tag, nil))
	for i, c := range []struct{ offered, answered string }{{"sendonly", "recvonly"}, {"inactive", "inactive"}, {"sendrecv", "sendrecv"}, {"", "sendrecv"}} {
		cseq, branch := uint32(8+i), fmt.Sprint("z9hG4bK-re", i)
		var body []byte
		if c.offered != "" {
			body = p.sdp(c.offered)
		}
		p.send(at, follow(invite, sip.INVITE, cseq, branch, tag, body))
		res := p.status(200)
		if s, err := sdp.Parse(res.Body()); err != nil || s.Direction != c.answered {
			t.Errorf("to %q: %q, %v", c.offered, s.Direction, err)
		}
		body = nil
		if c.offered == "" { // the ACK brings the answer
			body = p.sdp("sendrecv")
		}
		p.send(at, follow(invite, sip.ACK, cseq, branch+"ack", tag, body))
	}
	p.send(at, follow(invite, sip.BYE, 20, "z9hG4bK-bye", tag, nil))
	p.status(200)
	<-r.done
	out := r.out.String()
	if r.err != nil || strings.Count(out, "put on hold by them") != 1 || strings.Count(out, "resumed by them") != 1 {
		t.Errorf("%v\n%s", r.err, out)
	}
}

func TestHoldThatMeetsTheirsIsTriedAgain(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	r := background(context.Background(), Options{Server: p.address(), Target: "100", Hold: []Hold{{At: 10 * time.Millisecond, For: time.Minute}}})
	invite := p.request(sip.INVITE)
	p.reply(invite, 200, "a", p.sdp("sendrecv"), p.contact(), "Content-Type: application/sdp")
	p.request(sip.ACK)
	hold := p.request(sip.INVITE)
	// Theirs crosses it: refused with 491 while ours is open (RFC 3261 section 14.2).
	own := p.theirs(invite, "a", 100)
	p.send(hold.Source(), own)
	p.status(491)
	p.send(hold.Source(), follow(own, sip.ACK, 100, branchOf(own), "", nil))
	p.reply(hold, 491, "", nil)
	p.request(sip.ACK)
	again := p.request(sip.INVITE)
	if s, err := sdp.Parse(again.Body()); err != nil || s.Direction != "sendonly" {
		t.Errorf("second try: %+v, %v", s, err)
	}
	p.reply(again, 200, "", p.sdp("recvonly"), p.contact(), "Content-Type: application/sdp")
	p.request(sip.ACK)
	p.send(hold.Source(), bye(p.theirs(invite, "a", 101)))
	p.status(200)
	<-r.done
	if r.err != nil || !strings.Contains(r.out.String(), "put on hold") {
		t.Errorf("%v\n%s", r.err, &r.out)
	}
}

// theirs is a re-INVITE of the side that was called.
func (p *peer) theirs(invite *sip.Request, tag string, cseq uint32) *sip.Request {
	c := invite.Clone()
	from, to := invite.To().AsFrom(), invite.From().AsTo()
	from.Params.Add("tag", tag)
	c.ReplaceHeader(&from)
	c.ReplaceHeader(&to)
	c.ReplaceHeader(&sip.CSeqHeader{SeqNo: cseq, MethodName: sip.INVITE})
	c.Via().Params.Add("branch", fmt.Sprint("z9hG4bK-theirs", cseq))
	c.SetBody(p.sdp("sendonly"))
	return c
}

func bye(req *sip.Request) *sip.Request {
	return follow(req, sip.BYE, req.CSeq().SeqNo, branchOf(req)+"bye", "", nil)
}

var contactLine = regexp.MustCompile(`(?m)^Contact: <sip:([^@]*)@[^>;]*`)

// lossy carries SIP between two phones and loses the first copy of every message. It stands in the Contact of both.
type lossy struct {
	near, far *net.UDPConn // to the caller, to the callee
	callee    *net.UDPAddr
	mu        sync.Mutex
	caller    *net.UDPAddr
	seen      map[string]bool
	wg        sync.WaitGroup
}

func newLossy(t *testing.T, callee string) *lossy {
	t.Helper()
	l := &lossy{near: newPeer(t).conn, far: newPeer(t).conn, seen: map[string]bool{}}
	var err error
	if l.callee, err = net.ResolveUDPAddr("udp", callee); err != nil {
		t.Fatal(err)
	}
	l.wg.Go(func() { l.carry(l.near, l.far) })
	l.wg.Go(func() { l.carry(l.far, l.near) })
	t.Cleanup(func() { l.near.Close(); l.far.Close(); l.wg.Wait() })
	return l
}

func (l *lossy) carry(from, to *net.UDPConn) {
	buf := make([]byte, 65535)
	for {
		n, source, err := from.ReadFromUDP(buf)
		if err != nil {
			return
		}
		m, err := sip.ParseMessage(buf[:n])
		if err != nil {
			continue
		}
		text := contactLine.ReplaceAllString(string(buf[:n]), "Contact: <sip:$1@"+to.LocalAddr().String())
		if target, lost := l.lose(from, source, strings.SplitN(text, "\r\n", 2)[0]+m.CSeq().Value()); !lost {
			_, _ = to.WriteToUDP([]byte(text), target)
		}
	}
}

func (l *lossy) lose(from *net.UDPConn, source *net.UDPAddr, what string) (target *net.UDPAddr, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	target = l.caller
	if from == l.near {
		l.caller, target = source, l.callee
	}
	once := strings.Contains(what, " 180 ") || strings.HasSuffix(what, " BYE") && strings.HasPrefix(what, "SIP/2.0")
	lost = !l.seen[what] && !once // a provisional response is never repeated; who answered a BYE has gone
	l.seen[what] = true
	return target, lost
}

func TestEveryMessageLostOnceIsMadeUpFor(t *testing.T) {
	t.Parallel()
	r, at := waiting(t, Options{})
	l := newLossy(t, at)
	var out bytes.Buffer
	got, err := Run(context.Background(), Options{Server: l.near.LocalAddr().String(), Target: "100", For: 2 * time.Second}, &out)
	<-r.done
	if err != nil || got.EndedBy != "us" || r.err != nil || r.report.EndedBy != "them" {
		t.Errorf("caller %v %+v\ncallee %v %+v\n%s", err, got, r.err, r.report, &out)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range []string{"INVITE", "ACK", "BYE"} {
		if !strings.Contains(fmt.Sprint(l.seen), m+" sip:") {
			t.Errorf("no %s went through", m)
		}
	}
}

func TestSilentServerIsUnreachable(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	p.repeats = true
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := background(ctx, Options{Server: p.address(), Target: "100"})
	a, b := p.request(sip.INVITE), p.request(sip.INVITE)
	if branchOf(a) != branchOf(b) {
		t.Error("a repetition has another branch")
	}
	cancel() // nothing was heard: no CANCEL may go out, and it must not wait for ever
	<-r.done
	if r.report.Outcome != Cancelled {
		t.Errorf("%+v", r.report)
	}
}

func TestPhoneSpeaksTCP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := background(context.Background(), Options{Server: l.Addr().String(), Transport: "tcp", Target: "100"})
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, buf := sip.NewParser().NewSIPStream(), make([]byte, 65535)
	for sent := false; !sent; {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		_ = stream.ParseSIPStream(buf[:n], func(m sip.Message) { // an error: the rest is yet to come
			invite := m.(*sip.Request)
			if invite.Via().Transport != "TCP" || !strings.Contains(invite.Contact().Value(), "transport=tcp") {
				t.Errorf("%s", invite)
			}
			res := sip.NewResponseFromRequest(invite, 600, "Busy Everywhere", nil)
			_, err = conn.Write([]byte(res.String()))
			sent = true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	<-r.done
	if r.report.Code != 600 || r.report.Outcome != Refused {
		t.Errorf("%v, %+v", r.err, r.report)
	}
}
