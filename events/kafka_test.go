package events

import (
	"fmt"
	"strings"
	"testing"
)

func TestAnAddressIsReadFromAListOrAURL(t *testing.T) {
	for in, want := range map[string]string{
		"127.0.0.1:9092":                      "[127.0.0.1:9092] {  } false ",
		"a,b:9093":                            "[a:9092 b:9093] {  } false ",
		"kafka://a:9092, b/":                  "[a:9092 b:9092] {  } false ",
		"[::1]:9092":                          "[[::1]:9092] {  } false ",
		"kafka://a?tls=true":                  "[a:9092] {  } true ",
		"kafka://u:p%40%3A@a:1,b:2?tls=false": "[a:1 b:2] {plain u p@:} false ",
		"kafka://u:p@a?tls=true&sasl=SCRAM-SHA-512&client_id=x": "[a:9092] {scram-sha-512 u p} true x",
	} {
		k, err := ParseKafka(in)
		if got := fmt.Sprintf("%v %v %v %s", k.Brokers, k.SASL, k.TLS != nil, k.ClientID); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestABadAddressIsRefusedWithoutThePassword(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "host:port",
		"a:99999":                        "host:port",
		"a:b":                            "host:port",
		"a,,b":                           "host:port",
		"http://a":                       "scheme",
		"kafka://u:geheim@a?sasl=gssapi": "gssapi",
		"kafka://u:geheim@a?tls=maybe":   "true or false",
		"kafka://u:geheim@a?tsl=true":    "tsl",
		"kafka://u:geheim%@a":            "percent-encoded",
		"kafka://:geheim@a":              "percent-encoded",
		"kafka://a?sasl=plain":           "user",
		"kafka://u:geheim@a?ca=/no/such": "ca",
		"kafka://a?%zz":                  "?",
	} {
		_, err := ParseKafka(in)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%q: %v, want it to name %q", in, err, want)
		}
	}
	k, err := ParseKafka("kafka://u:geheim@a?tls=true")
	if s := fmt.Sprint(k); err != nil || strings.Contains(s, "geheim") || !strings.Contains(s, "u@a:9092 plain tls") {
		t.Errorf("shown as %q, %v", s, err)
	}
}
