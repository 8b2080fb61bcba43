package node_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

// browserOffer is what a page offers.
const browserOffer = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=msid-semantic: WMS\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n" +
	"a=fingerprint:sha-256 D2:FA:0E:C3:22:59:5E:14:95:69:92:3D:13:B4:84:24:2C:C2:A2:C0:3E:FD:34:8E:5E:EA:6F:AF:52:CE:E6:0F\r\n" +
	"a=setup:actpass\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"

// sdesOffer is what a phone offers that encrypts.
const sdesOffer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6002 RTP/SAVP 0\r\n" +
	"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNk\r\n"

// gets says what the phone's INVITE is answered with in the end.
func (p *phone) gets(to, sdp string) (*dialog, message) {
	p.r.Helper()
	d := p.dial(to)
	d.invite(sdp)
	m := p.get(time.Minute)
	for strings.HasPrefix(m.what(), "1") {
		m = p.get(time.Minute)
	}
	d.learn(m)
	d.request("ACK", "", "")
	return d, m
}

func encryptedTrunk(encryption string) func(*setup) {
	return func(s *setup) {
		s.config = strings.Replace(s.config, "allow: [127.0.0.0/8]", "allow: [127.0.0.0/8], encryption: "+encryption, 1)
	}
}

func TestAPageThatNeverShakesHandsIsHungUp(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.script(`[{"verb": "answer"}, {"verb": "pause", "for": "60s"}]`)
		anna := r.phone(6000)
		_, m := anna.gets("200", browserOffer)
		if m.what() != "200 INVITE" || !strings.Contains(m.body, "a=setup:passive\r\n") || !strings.Contains(m.body, "a=ice-lite\r\n") {
			t.Fatalf("%s\n%s", m.start, m.body)
		}
		wait(14 * time.Second)
		anna.reply(anna.expect("BYE"), 200, "", "")
		wait(time.Second)
		end := last[event.Hangup](r, event.CallHangup)
		if end.Cause.Reason != "encryption_failed" || end.Legs[0].Media == nil || end.Legs[0].Media.Encryption != "dtls" {
			t.Errorf("%+v", end)
		}
		if n := r.counter("offhook_media_keys_failed_total"); n != 1 {
			t.Errorf("counted %v", n)
		}
		// What a script plays before the keys would not be heard: it waits.
		if all := r.log.types(events.TopicCalls); slices.Contains(all, event.CallAnswered) {
			t.Errorf("told %v", all)
		}
	})
}

func TestATrunkIsEncryptedAsItsConfigurationSays(t *testing.T) {
	plain := strings.Replace(sdesOffer, "RTP/SAVP", "RTP/AVP", 1)
	plain = plain[:strings.Index(plain, "a=crypto")]
	for _, c := range []struct{ encryption, offer, want, told string }{
		{"auto", plain, "200 INVITE", "none"}, {"auto", sdesOffer, "200 INVITE", "sdes"}, {"sdes", sdesOffer, "200 INVITE", "sdes"},
		{"none", plain, "200 INVITE", "none"}, {"sdes", plain, "488 INVITE", ""}, {"none", sdesOffer, "488 INVITE", ""}, {"dtls", sdesOffer, "488 INVITE", ""},
	} {
		inBubble(t, encryptedTrunk(c.encryption), func(r *rig) {
			r.script(`[{"verb": "answer"}, {"verb": "pause", "for": "1s"}]`)
			anna := r.phone(6000)
			_, m := anna.gets("200", c.offer)
			if m.what() != c.want {
				t.Fatalf("%+v: %s", c, m.start)
			}
			if c.told != "" {
				anna.reply(anna.expect("BYE"), 200, "", "")
			}
			wait(time.Second)
			end := last[event.Hangup](r, event.CallHangup)
			told := ""
			if m := end.Legs[0].Media; m != nil {
				told = m.Encryption
			}
			if told != c.told || c.told == "" && end.Cause.Reason != "no_encryption" {
				t.Errorf("%+v: %+v, %q", c, end.Cause, told)
			}
		})
	}
}

func TestAGatewayIsOfferedItsEncryption(t *testing.T) {
	for encryption, want := range map[string]string{
		"auto": " RTP/AVP 0 ", "none": " RTP/AVP 0 ", "sdes": "a=crypto:1 AEAD_AES_256_GCM inline:", "dtls": "a=setup:actpass",
	} {
		change := func(s *setup) {
			s.config = strings.Replace(s.config, `host: "127.0.0.1:7001"`, `host: "127.0.0.1:7001", encryption: `+encryption, 1)
		}
		inBubble(t, change, func(r *rig) {
			r.script(`[{"verb": "dial", "to": {"number": "+371", "gateway": "telia"}}]`)
			bob := r.phone(7001)
			d := r.phone(6000).dial("200")
			d.invite(d.p.sdp("sendrecv", withDigits))
			m := bob.expect("INVITE")
			if !strings.Contains(m.body, want) {
				t.Errorf("%s: %s", encryption, m.body)
			}
			bob.reply(m, 200, "", bob.sdp("sendrecv", withDigits))
			if encryption == "sdes" || encryption == "dtls" {
				bob.reply(bob.expect("ACK", "BYE"), 200, "", "")
				wait(time.Second)
				if leg := last[event.Leg](r, event.LegFailed); leg.Cause == nil || leg.Cause.Reason != "no_encryption" {
					t.Errorf("%s: %+v", encryption, leg.Cause)
				}
			}
		})
	}
}
