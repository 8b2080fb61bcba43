// Command peer is a bare user agent on sipgo.Server that asks a webhook and answers: what one would write in an hour.
// It opens no media port, publishes no event, checks no document and repeats no 2xx.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

type peer struct {
	hook    string
	client  *http.Client
	contact sip.ContactHeader
}

func main() {
	listen := flag.String("listen", "127.0.0.1:7070", "address for SIP over UDP")
	hook := flag.String("hook", "http://127.0.0.1:7001/answer", "webhook")
	flag.Parse()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	sip.UDPMTUSize = 65000
	p := &peer{hook: *hook, client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024}}}
	if err := p.run(*listen); err != nil {
		log.Fatal(err)
	}
}

func (p *peer) run(listen string) error {
	var uri sip.Uri
	if err := sip.ParseUri("sip:peer@"+listen, &uri); err != nil {
		return err
	}
	p.contact = sip.ContactHeader{Address: uri}
	ua, err := sipgo.NewUA()
	if err != nil {
		return err
	}
	server, err := sipgo.NewServer(ua)
	if err != nil {
		return err
	}
	server.OnInvite(p.invite)
	server.OnAck(func(*sip.Request, sip.ServerTransaction) {})
	server.OnBye(func(req *sip.Request, tx sip.ServerTransaction) {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 200, "OK", nil))
	})
	return server.ListenAndServe(context.Background(), "udp", listen)
}

func (p *peer) invite(req *sip.Request, tx sip.ServerTransaction) {
	if err := p.ask(req); err != nil {
		_ = tx.Respond(sip.NewResponseFromRequest(req, 503, "Service Unavailable", nil))
		return
	}
	res := sip.NewSDPResponseFromRequest(req, []byte(sdp))
	res.AppendHeader(&p.contact)
	_ = tx.Respond(res)
}

// ask tells the webhook of the call and reads its verbs.
func (p *peer) ask(req *sip.Request) error {
	body, err := json.Marshal(map[string]any{"id": req.CallID().Value(), "reason": "call", "call": map[string]any{
		"id": req.CallID().Value(), "direction": "inbound", "from": req.From().Address.User, "to": req.To().Address.User}})
	if err != nil {
		return err
	}
	res, err := p.client.Post(p.hook, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var verbs []struct{ Verb string }
	if err := json.Unmarshal(raw, &verbs); err != nil {
		return err
	}
	if len(verbs) == 0 || verbs[0].Verb != "answer" {
		return fmt.Errorf("the webhook does not answer the call: %s", raw)
	}
	return nil
}
