package sdp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func b64(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }

func TestCryptoLines(t *testing.T) {
	for value, want := range map[string]string{
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + b64(30):                        "1 AES_CM_128_HMAC_SHA1_80 30 ",
		"2 aes_cm_128_hmac_sha1_32 inline:" + b64(30) + "|2^31":              "2 AES_CM_128_HMAC_SHA1_32 30 ",
		"999999999 AEAD_AES_256_GCM inline:" + b64(44) + "|1048576|1:4":      "999999999 AEAD_AES_256_GCM 44 00000001",
		"0 AEAD_AES_128_GCM inline:" + b64(28) + "|258:2 WSH=64 -NEW":        "0 AEAD_AES_128_GCM 28 0102",
		"3 AEAD_AES_256_GCM inline:" + strings.TrimRight(b64(44), "="):       "3 AEAD_AES_256_GCM 44 ",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + b64(29):                        "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + b64(44):                        "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + b64(30) + ";inline:" + b64(30): "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + b64(30) + "|256:1":             "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + b64(30) + "|1:99":              "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + b64(30) + " UNENCRYPTED_SRTP":  "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + b64(30) + " KDR=1":             "",
		"1 F8_128_HMAC_SHA1_80 inline:" + b64(30):                            "",
		"-1 AES_CM_128_HMAC_SHA1_80 inline:" + b64(30):                       "",
		"1 AES_CM_128_HMAC_SHA1_80 uri:" + b64(30):                           "",
		"1 AES_CM_128_HMAC_SHA1_80":                                          "",
		"1 AES_CM_128_HMAC_SHA1_80 inline:" + strings.Repeat("!", 40):        "",
		"": "",
	} {
		m := parse(t, head+audio+"a=crypto:"+value+"\r\n").Media[0]
		got := ""
		for _, c := range m.Link.Crypto {
			got = fmt.Sprintf("%d %s %d %x", c.Tag, c.Suite, len(c.Key), c.MKI)
		}
		if got != want || m.Allows(SDES) != (want != "") {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

func digits(n int) string { return strings.TrimSuffix(strings.Repeat("aB:", n), ":") }

func TestFingerprints(t *testing.T) {
	for value, want := range map[string]int{
		"sha-256 " + digits(32): 32, "SHA-256  " + digits(32): 32, "sha-384 " + digits(48): 48, "sha-512 " + digits(64): 64,
		"sha-1 " + digits(20): 0, "md5 " + digits(16): 0, "sha-256 " + digits(20): 0, "sha-256 " + digits(33): 0, "sha-256": 0,
		"sha-256 " + strings.Replace(digits(32), "aB", "xB", 1): 0, "sha-256 " + strings.Repeat("a", 95): 0,
	} {
		m := parse(t, head+"m=audio 4000 UDP/TLS/RTP/SAVP 0\r\na=fingerprint:"+value+"\r\n").Media[0]
		got := 0
		for _, f := range m.Link.Prints {
			got = len(f.Digest)
		}
		if got != want || m.Allows(DTLS) != (want != 0) {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}

func TestWhatTheSessionSaysIsOfAllItsSections(t *testing.T) {
	s := parse(t, head+"a=ice-lite\r\na=ice-ufrag:sess\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 "+digits(32)+
		"\r\na=setup:active\r\na=group:LS x\r\na=group:BUNDLE a b\r\na=group:BUNDLE c d\r\n"+
		audio+audio+"a=ice-ufrag:mine\r\na=ice-pwd:9876543210987654321098\r\na=setup:passive\r\na=fingerprint:sha-512 "+digits(64)+"\r\n")
	a, b := s.Media[0].Link, s.Media[1].Link
	if a.ICE.Ufrag != "sess" || !a.ICE.Lite || a.Setup != Active || len(a.Prints) != 1 || a.Prints[0].Hash != "sha-256" {
		t.Errorf("%+v", a)
	}
	if b.ICE.Ufrag != "mine" || b.ICE.Pwd[0] != '9' || !b.ICE.Lite || b.Setup != Passive || len(b.Prints) != 1 || b.Prints[0].Hash != "sha-512" {
		t.Errorf("%+v", b)
	}
	if fmt.Sprint(s.Bundle) != "[a b]" {
		t.Error(s.Bundle)
	}
}

func TestWordsThatCannotBeRepeatedAreLeftOut(t *testing.T) {
	long := strings.Repeat("x", maxToken+1)
	for _, line := range []string{
		"a=mid:" + long, "a=mid:a b", "a=mid:\x80\x81", "a=ice-ufrag:abc\r\na=ice-pwd:0123456789012345678901", "a=ice-ufrag:abcd\r\na=ice-pwd:short",
		"a=ice-ufrag:" + long + "\r\na=ice-pwd:0123456789012345678901", "a=setup:holdconn", "a=rtcp:70000", "a=rtcp:x IN IP4 1.2.3.4",
	} {
		l := parse(t, head+audio+line+"\r\n").Media[0].Link
		if l.Mid != "" || l.ICE.Used() || l.Setup != "" || l.RTCP != 0 {
			t.Errorf("%.60q: %+v", line, l)
		}
	}
	many := parse(t, head+audio+strings.Repeat("a=crypto:1 AEAD_AES_128_GCM inline:"+b64(28)+"\r\na=fingerprint:sha-256 "+digits(32)+"\r\n", 100)).Media[0].Link
	if len(many.Crypto) != maxKeys || len(many.Prints) != maxKeys {
		t.Error(len(many.Crypto), len(many.Prints))
	}
}

func TestWithICETheAddressOfNobodyIsNoHold(t *testing.T) {
	const checked = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
	for text, held := range map[string]bool{audio: true, audio + checked: false, audio + checked + "a=sendonly\r\n": true} {
		if m := parse(t, head+"c=IN IP4 0.0.0.0\r\n"+text).Media[0]; m.Held() != held {
			t.Errorf("%q: held %v", text, m.Held())
		}
	}
}

func TestWhatEachProtocolAllows(t *testing.T) {
	keys, print := "a=crypto:1 AEAD_AES_128_GCM inline:"+b64(28)+"\r\n", "a=fingerprint:sha-256 "+digits(32)+"\r\n"
	for text, want := range map[string]string{
		"RTP/AVP 0\r\n":                          "plain",
		"RTP/AVPF 0\r\n" + keys:                  "plain sdes",
		"RTP/AVP 0\r\n" + keys + print:           "plain sdes dtls",
		"RTP/SAVP 0\r\n":                         "",
		"RTP/SAVP 0\r\n" + keys:                  "sdes",
		"RTP/SAVPF 0\r\n" + keys + print:         "sdes dtls",
		"UDP/TLS/RTP/SAVP 0\r\n" + keys:          "",
		"UDP/TLS/RTP/SAVPF 0\r\n" + keys + print: "dtls",
		"TCP/TLS/RTP/SAVPF 0\r\n" + print:        "",
		"udptl 0\r\n" + print:                    "",
	} {
		s := parse(t, head+"m=audio 4000 "+text)
		var got []string
		for p, name := range []string{"plain", "sdes", "dtls"} {
			if s.Media[0].Allows(Protection(p)) {
				got = append(got, name)
			}
			if at := s.Pick(telephone, Protection(p)); (at == 0) != s.Media[0].Allows(Protection(p)) {
				t.Errorf("%q: %s is picked: %d", text, name, at)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", text, got, want)
		}
	}
}

// What is written for a browser is read as it was meant.
func TestLinkIsWritten(t *testing.T) {
	l := Local{Addr: netip.MustParseAddr("192.0.2.5"), Port: 20002, Codecs: Ours(telephone, FirstTypes), Proto: DTLS.Proto(true), Link: Link{
		Crypto: []Crypto{{Tag: 7, Suite: "AEAD_AES_256_GCM", Key: bytes.Repeat([]byte{9}, 44)}}, Setup: Actpass, Mux: true, Mid: "0",
		Prints: []Fingerprint{{Hash: "sha-256", Digest: bytes.Repeat([]byte{0xA, 0xBC}, 16)}}, ICE: ICE{Ufrag: "abcd", Pwd: "0123456789012345678901", Lite: true},
	}}
	s := parse(t, string(l.Offer()))
	m := s.Media[0]
	got := m.Link
	if m.Proto != "UDP/TLS/RTP/SAVPF" || fmt.Sprint(s.Bundle) != "[0]" || got.Setup != Actpass || !got.Mux || got.Mid != "0" || got.ICE != l.Link.ICE {
		t.Errorf("%s", l.Offer())
	}
	if len(got.Crypto) != 1 || got.Crypto[0].Tag != 7 || !bytes.Equal(got.Crypto[0].Key, l.Link.Crypto[0].Key) || !got.Prints[0].Equal(l.Link.Prints[0]) {
		t.Errorf("%+v", got)
	}
	if want := "a=fingerprint:sha-256 0A:BC:0A:"; !strings.Contains(string(l.Offer()), want) {
		t.Errorf("no %s", want)
	}
}

func TestRefusedSectionsKeepTheirNames(t *testing.T) {
	offer := parse(t, head+"a=group:BUNDLE v a\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n"+audio+"a=mid:a\r\n"+audio+"a=mid:other\r\n")
	l := Local{Addr: netip.MustParseAddr("192.0.2.5"), Port: 20002, Codecs: Ours(telephone, FirstTypes)}
	for at, want := range map[int]string{1: "[a]", 2: "[]"} {
		l.Link.Mid = offer.Media[at].Link.Mid
		answer := parse(t, string(l.Answer(offer, at)))
		var mids []string
		for _, m := range answer.Media {
			mids = append(mids, m.Link.Mid)
		}
		if fmt.Sprint(mids) != "[v a other]" || fmt.Sprint(answer.Bundle) != want {
			t.Errorf("%v in %v, want %s", mids, answer.Bundle, want)
		}
	}
}
