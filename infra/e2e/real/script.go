package real

import (
	"fmt"
	"strings"
	"time"
)

// Script composes a sipp scenario step by step: what one party of a call sends and waits for.
type Script struct {
	b    strings.Builder
	cseq int
	uas  bool
	acts int // steps so far
	sent int // the step of the last INVITE
}

// add is one step. sipp numbers branches by step.
func (s *Script) add(format string, args ...any) *Script {
	fmt.Fprintf(&s.b, format, args...)
	s.acts++
	return s
}

// Offers that a Script can make.
const (
	OfferBoth     = "0 8"  // PCMU and PCMA
	OfferNone     = ""     // no SDP
	OfferUnknown  = "3 18" // GSM and G.729: nothing in common
	OfferSendOnly = "0 8 sendonly"
	OfferInactive = "0 8 inactive"
)

// CallerScript is one who calls.
func CallerScript() *Script { return &Script{} }

// CalleeScript is one who is called: it waits for the INVITE.
func CalleeScript() *Script {
	s := &Script{uas: true}
	return s.add("%s", `<recv request="INVITE" rrs="true"><action>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="remote"/>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="local"/>
<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via"/>
<ereg regexp=".*" search_in="hdr" header="CSeq:" assign_to="cseq"/>
</action></recv>
`)
}

// XML is the scenario.
func (s *Script) XML() string {
	body := s.b.String()
	if s.uas { // sipp wants every variable used
		body += `<Reference variables="remote,local,via,cseq"/>` + "\n"
	}
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n<scenario name=\"script\">\n" + body + "</scenario>\n"
}

// Invite sends the first INVITE, or a re-INVITE in a call that is up.
func (s *Script) Invite(offer string) *Script {
	s.cseq++
	s.sent = s.acts
	s.send("INVITE", s.cseq, offer, "", s.cseq > 1 || s.uas, ` retrans="500"`)
	return s
}

// Ack acknowledges the last 2xx.
func (s *Script) Ack() *Script { return s.AckWith(OfferNone) }

// AckWith is Ack with an answer to the offer that the 2xx had.
func (s *Script) AckWith(answer string) *Script {
	s.send("ACK", s.cseq, answer, "", true, "")
	return s
}

// Speak sends a file of G.711 as RTP so many times, -1 to the end of the call, and goes on at once.
func (s *Script) Speak(file string, times int) *Script {
	return s.add(`<nop><action><exec rtp_stream="%s,%d,0"/></action></nop>`+"\n", file, times)
}

// Cancel sends CANCEL with the branch of the INVITE, whatever has come since.
func (s *Script) Cancel() *Script {
	return s.likeInvite("CANCEL", ` retrans="500"`)
}

// AckRefusal acknowledges a final answer that is no 2xx.
func (s *Script) AckRefusal() *Script { return s.likeInvite("ACK", "") }

func (s *Script) likeInvite(method, attributes string) *Script {
	return s.add("%s", send(attributes, []string{
		method + " sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-%d]", s.acts-s.sent),
		s.from(), s.to(method == "ACK"), "Call-ID: [call_id]", fmt.Sprintf("CSeq: %d %s", s.cseq, method), "Max-Forwards: 70",
	}, ""))
}

// Bye hangs up and waits for the answer.
func (s *Script) Bye() *Script {
	s.cseq++
	s.send("BYE", s.cseq, "", "", true, ` retrans="500"`)
	return s.Expect(200)
}

// Digit sends a digit by INFO and waits for the answer.
func (s *Script) Digit(digit string) *Script {
	s.cseq++
	s.send("INFO", s.cseq, "", "Signal="+digit+"\nDuration=160\n", true, ` retrans="500"`)
	return s.Expect(200)
}

// Answered waits for the 200 to an INVITE, past provisional answers.
func (s *Script) Answered() *Script { return s.Optional(100, 180, 183).answer() }

func (s *Script) answer() *Script {
	return s.add(`<recv response="200" rrs="true"/>` + "\n")
}

// Optional answers may come.
func (s *Script) Optional(codes ...int) *Script {
	for _, c := range codes {
		s.add(`<recv response="%d" optional="true"/>`+"\n", c)
	}
	return s
}

// Expect waits for an answer.
func (s *Script) Expect(code int) *Script {
	return s.add(`<recv response="%d"/>`+"\n", code)
}

// ExpectHeader waits for an answer that has a header with a value that fits the expression.
func (s *Script) ExpectHeader(code int, header, expression string) *Script {
	return s.add(`<recv response="%d"><action><ereg regexp="%s" search_in="hdr" header="%s:" check_it="true" assign_to="seen"/></action></recv>`+"\n<Reference variables=\"seen\"/>\n",
		code, expression, header)
}

// Receive waits for a request.
func (s *Script) Receive(method string) *Script {
	return s.add(`<recv request="%s"/>`+"\n", method)
}

// Reply answers the last request.
func (s *Script) Reply(code int, phrase, offer string) *Script {
	to, retrans := "[last_To:]", ""
	if s.uas && !strings.Contains(s.b.String(), `request="ACK"`) {
		to += ";tag=[pid]uas[call_number]"
		if code == 200 {
			retrans = ` retrans="500"`
		}
	}
	return s.reply(retrans, code, phrase, offer, "[last_Via:]", "[last_From:]", to, "[last_Call-ID:]", "[last_CSeq:]")
}

// Moved answers the INVITE with 302 and where to try instead.
func (s *Script) Moved(contact string) *Script {
	return s.reply(` retrans="500"`, 302, "Moved Temporarily", "", "[last_Via:]", "[last_From:]", "[last_To:];tag=[pid]uas[call_number]",
		"[last_Call-ID:]", "[last_CSeq:]", "Contact: <"+contact+">")
}

// Fork answers the INVITE once more, as another branch with a tag of its own.
func (s *Script) Fork(code int, phrase, offer string) *Script {
	return s.reply("", code, phrase, offer, "Via:[$via]", "From:[$remote]", "To:[$local];tag=[pid]other[call_number]", "Call-ID: [call_id]", "CSeq:[$cseq]")
}

func (s *Script) reply(retrans string, code int, phrase, offer string, head ...string) *Script {
	if code/100 != 3 {
		head = append(head, "Contact: <sip:[local_ip]:[local_port];transport=[transport]>")
	}
	head = append([]string{fmt.Sprintf("SIP/2.0 %d %s", code, phrase)}, append(head, kind(offer)...)...)
	return s.add("%s", send(retrans, head, sdp(offer, 1)))
}

// HungUp waits for BYE and answers it.
func (s *Script) HungUp() *Script { return s.Receive("BYE").Reply(200, "OK", "") }

// Pause waits.
func (s *Script) Pause(d time.Duration) *Script {
	return s.add(`<pause milliseconds="%d"/>`+"\n", d.Milliseconds())
}

func (s *Script) from() string {
	if s.uas {
		return "From: <sip:[local_ip]:[local_port]>;tag=[pid]uas[call_number]"
	}
	return "From: <sip:caller@[local_ip]:[local_port]>;tag=[pid]sip[call_number]"
}

func (s *Script) to(inDialog bool) string {
	switch {
	case s.uas:
		return "To:[$remote]"
	case inDialog:
		return "To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]"
	}
	return "To: <sip:[service]@[remote_ip]:[remote_port]>"
}

func (s *Script) send(method string, cseq int, offer, info string, inDialog bool, attributes string) {
	target := "sip:[service]@[remote_ip]:[remote_port]"
	if inDialog {
		target = "[next_url]"
	}
	head := []string{
		method + " " + target + " SIP/2.0", "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
		s.from(), s.to(inDialog), "Call-ID: [call_id]", fmt.Sprintf("CSeq: %d %s", cseq, method),
		"Contact: <sip:caller@[local_ip]:[local_port];transport=[transport]>", "Max-Forwards: 70",
	}
	body := sdp(offer, cseq)
	head = append(head, kind(offer)...)
	if info != "" {
		head, body = append(head, "Content-Type: application/dtmf-relay"), info
	}
	s.add("%s", send(attributes, head, body))
}

func kind(offer string) []string {
	if offer == "" {
		return nil
	}
	return []string{"Content-Type: application/sdp"}
}

func send(attributes string, head []string, body string) string {
	length := "Content-Length: [len]"
	if body == "" {
		length = "Content-Length: 0"
	}
	return "<send" + attributes + "><![CDATA[\n" + strings.Join(append(head, length), "\n") + "\n\n" + body + "]]></send>\n"
}

var codecs = map[string]string{"0": "PCMU/8000", "3": "GSM/8000", "8": "PCMA/8000", "18": "G729/8000"}

func sdp(offer string, version int) string {
	if offer == "" {
		return ""
	}
	var types, maps []string
	direction := "sendrecv"
	for _, word := range strings.Fields(offer) {
		if name, ok := codecs[word]; ok {
			types, maps = append(types, word), append(maps, "a=rtpmap:"+word+" "+name)
		} else {
			direction = word
		}
	}
	return strings.Join(append(append([]string{
		"v=0", fmt.Sprintf("o=- 1 %d IN IP4 [local_ip]", version), "s=-", "c=IN IP4 [media_ip]", "t=0 0", "m=audio [media_port] RTP/AVP " + strings.Join(types, " "),
	}, maps...), "a="+direction, ""), "\n")
}

// RegisterScript registers the service as a user at this address for an hour.
func RegisterScript() string {
	request := func(cseq int, extra ...string) string {
		return send(` retrans="500"`, append([]string{
			"REGISTER sip:[remote_ip]:[remote_port] SIP/2.0", "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
			"From: <sip:[service]@[remote_ip]:[remote_port]>;tag=[pid]r[call_number]", "To: <sip:[service]@[remote_ip]:[remote_port]>",
			"Call-ID: [call_id]", fmt.Sprintf("CSeq: %d REGISTER", cseq), "Contact: <sip:[service]@[local_ip]:[local_port]>",
			"Max-Forwards: 70", "Expires: 3600",
		}, extra...), "")
	}
	s := CallerScript()
	s.add("%s", request(1)).add("%s", `<recv response="401" auth="true"/>`+"\n").add("%s", request(2, "[authentication]"))
	return s.Expect(200).XML()
}
