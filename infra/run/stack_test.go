package run

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/offhook/offhook/schemas/config"
)

func TestPartsStopInReverseOrderAndAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStack()
		var order []string
		for _, name := range []string{"log", "calls", "http"} {
			s.Start(name, func(ctx context.Context) error {
				<-ctx.Done()
				order = append(order, name)
				if name == "log" {
					return errors.New("spool not flushed")
				}
				return ctx.Err()
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Wait(ctx); err != nil {
			t.Errorf("Wait: %v", err)
		}
		if err := s.Stop(); err == nil || err.Error() != "log: spool not flushed" {
			t.Errorf("Stop: %v", err)
		}
		if got := strings.Join(order, " "); got != "http calls log" {
			t.Errorf("stopped %s", got)
		}
		if err := s.Stop(); err != nil {
			t.Errorf("a second Stop: %v", err)
		}
	})
}

func TestAPartThatEndsByItselfFailsTheStack(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{{errors.New("no disk"), "media: no disk"}, {nil, "media: stopped by itself"}} {
		synctest.Test(t, func(t *testing.T) {
			s := NewStack()
			s.Start("calls", func(ctx context.Context) error { <-ctx.Done(); return nil })
			s.Start("media", func(context.Context) error { return c.err })
			if err := s.Wait(t.Context()); err == nil || err.Error() != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			if err := s.Stop(); err != nil {
				t.Errorf("Stop: %v", err)
			}
		})
	}
}

func TestRTPRanges(t *testing.T) {
	ip, first, last, err := rtpRange("[::1]:20000-20099")
	if err != nil || ip.String() != "::1" || first != 20000 || last != 20099 {
		t.Errorf("%v %d-%d, %v", ip, first, last, err)
	}
	for _, bad := range []string{"", "20000-20099", "127.0.0.1", "127.0.0.1:20000", "host:20000-20099", "127.0.0.1:80-90", "127.0.0.1:20000-70000",
		"127.0.0.1:20099-20000", "127.0.0.1:a-b", "127.0.0.1:20000-20000"} {
		if _, _, _, err := rtpRange(bad); err == nil || !strings.Contains(err.Error(), "--rtp") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// options of an edge on ports that are free.
func options(t *testing.T) EdgeOptions {
	return EdgeOptions{SIP: "127.0.0.1:0", RTP: "127.0.0.1:20000-20099", HTTP: "127.0.0.1:0", Kafka: "127.0.0.1:9", Data: t.TempDir(), Name: "riga"}
}

func TestAPortThatIsTakenNamesItsFlag(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	settings, err := Load(file(t, good), nil)
	if err != nil {
		t.Fatal(err)
	}
	for flag, set := range map[string]func(*EdgeOptions){
		"--sip":           func(o *EdgeOptions) { o.SIP = addr },
		"--tls":           func(o *EdgeOptions) { o.Secure = Secure{TLS: addr, SelfMade: true} },
		"--tls and --wss": func(o *EdgeOptions) { o.Secure = Secure{TLS: addr} },
		"--ws":            func(o *EdgeOptions) { o.Secure = Secure{WS: addr} },
		"--wss":           func(o *EdgeOptions) { o.Secure = Secure{WSS: addr, SelfMade: true} },
		"--cert":          func(o *EdgeOptions) { o.Secure = Secure{TLS: addr, Cert: "cert.pem"} },
		"--http":          func(o *EdgeOptions) { o.HTTP = addr },
		"--rtp":           func(o *EdgeOptions) { o.RTP = "nowhere" },
		"--rtp 192.0.2.1": func(o *EdgeOptions) { o.RTP = "192.0.2.1:20000-20099" },
		"--rtp 0.0.0.0":   func(o *EdgeOptions) { o.RTP = "0.0.0.0:20000-20099" },
		"--rtp-public":    func(o *EdgeOptions) { o.Sound = "::1" },
		"--public":        func(o *EdgeOptions) { o.Public = "pbx.test:5060" },
		"--data":          func(o *EdgeOptions) { o.Data = filepath.Join(o.Data, "file"); write(t, o.Data, "") },
		"--kafka":         func(o *EdgeOptions) { o.Kafka = "kafka://h:9092?sasl=magic" },
	} {
		o := options(t)
		set(&o)
		_, err := NewEdge(settings, o, Parts{}, discard)
		if err == nil || !strings.HasPrefix(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestSoundCanBeToldToBeElsewhere(t *testing.T) {
	o := options(t)
	o.RTP, o.Sound = "0.0.0.0:20000-20099", "192.0.2.1"
	if c, err := o.mediaConfig(); err != nil || c.Advertise.String() != o.Sound {
		t.Errorf("%v, %v", c.Advertise, err)
	}
}

func TestAnEdgeForOtherMachinesIsNotDeaf(t *testing.T) {
	for _, c := range []struct {
		sip, rtp, sound string
		deaf            bool
	}{
		{"0.0.0.0:5060", "127.0.0.1:20000-29999", "", true},
		{"192.0.2.1:5060", "[::1]:20000-29999", "", true},
		{":5060", "127.0.0.1:20000-29999", "", true},
		{"127.0.0.1:5060", "127.0.0.1:20000-29999", "", false},
		{"0.0.0.0:5060", "192.0.2.1:20000-29999", "", false},
		{"0.0.0.0:5060", "127.0.0.1:20000-29999", "192.0.2.1", false},
	} {
		if got := (EdgeOptions{SIP: c.sip, RTP: c.rtp, Sound: c.sound}).deaf(); got != c.deaf {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestAnEdgeThatStopsIsNotReady(t *testing.T) {
	settings, err := Load(file(t, good), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEdge(settings, options(t), Parts{}, discard)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	e.known.Store(true)
	if err := e.ready(); err != nil {
		t.Fatal(err)
	}
	e.Drain()
	if err := e.ready(); err == nil || !strings.Contains(err.Error(), "stopping") {
		t.Error(err)
	}
}

func TestSamplesLieBesideTheConfiguration(t *testing.T) {
	path := file(t, `
tenants:
  plain: {}
  own: {audio: {samples: sounds, voice: rms, music_on_hold: "tone:silence"}}
  far: {audio: {samples: /srv/sounds}}
`)
	settings, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &Edge{settings: settings}
	at := filepath.Dir(path)
	for tenant, want := range map[string]string{"plain": filepath.Join(at, "audio", "plain"), "own": filepath.Join(at, "sounds"), "far": "/srv/sounds"} {
		if got := e.samples(tenant); got != want {
			t.Errorf("%s: %s, want %s", tenant, got, want)
		}
	}
	if e.voice("own") != "rms" || e.music("own", "hold") != "tone:silence" {
		t.Errorf("%q %q", e.voice("own"), e.music("own", "hold"))
	}
}

func TestBucketOfSamplesIsJudgedBeforeItIsUsed(t *testing.T) {
	tenant := func(samples string) *config.Config {
		return &config.Config{Tenants: map[string]config.Tenant{"demo": {Audio: config.Audio{Samples: samples}}}}
	}
	for samples, want := range map[string]string{"samples": "", "s3://acme/x?region=eu-north-1": "", "s3://": "tenants.demo.audio.samples", "ftp://acme/x": "s3://BUCKET",
		"s3://acme/x?region=eu-north-1&key=1": `not "key"`} {
		err := buckets(tenant(samples))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", samples, err)
		}
	}
	if err := buckets(&config.Config{Recordings: config.Recordings{Store: "ftp://acme/x"}}); err == nil || !strings.HasPrefix(err.Error(), "recordings.store") {
		t.Errorf("recordings: %v", err)
	}
}

func TestSpeechEnginesAreThoseOfTheConfiguration(t *testing.T) {
	c := config.Speech{Engine: "studio", HTTP: map[string]config.SpeechEngine{"studio": {URL: "http://127.0.0.1:1/say"}}, Polly: &config.Polly{Region: "eu-north-1"}}
	if _, err := voices(c, t.TempDir(), discard); err != nil {
		t.Error(err)
	}
	c.Engine = "parrot"
	if _, err := voices(c, t.TempDir(), discard); err == nil || !strings.Contains(err.Error(), "polly, studio") {
		t.Errorf("%v", err)
	}
}

func TestFunctionsAreNamedOrAll(t *testing.T) {
	if all, err := named(nil); err != nil || len(all) < 3 {
		t.Errorf("%d functions, %v", len(all), err)
	}
	if one, err := named([]string{"email"}); err != nil || len(one) != 1 || one[0].Name != "email" {
		t.Errorf("%v, %v", one, err)
	}
	if _, err := named([]string{"emial"}); err == nil || !strings.Contains(err.Error(), "emial") || !strings.Contains(err.Error(), "email") {
		t.Errorf("%v", err)
	}
}
