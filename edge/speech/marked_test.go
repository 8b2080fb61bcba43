package speech

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
)

func say(t *testing.T, s *Voices, r Request) wav.Sound {
	t.Helper()
	got, err := s.Speak(context.Background(), r)
	if err != nil {
		t.Fatalf("%s: %v", r.Text, err)
	}
	return got
}

func TestBuiltInVoiceKeepsPausesAndRates(t *testing.T) {
	s := speaker(t, Config{})
	plain := say(t, s, Request{Text: "<speak>Good morning to you all.</speak>"}).Duration()
	for text, want := range map[string]time.Duration{
		`<speak>Good morning<break time="2s"/> to you all.</speak>`:              plain + 2*time.Second,
		`<speak><prosody rate="50%">Good morning to you all.</prosody></speak>`:  2 * plain,
		`<speak><prosody rate="200%">Good morning to you all.</prosody></speak>`: plain / 2,
		`<speak><break time="3s"/>Good morning to you all.</speak>`:              plain + 3*time.Second,
	} {
		if got := say(t, s, Request{Text: text}).Duration(); got < want*8/10 || got > want*13/10 {
			t.Errorf("%s: %s, want about %s", text, got, want)
		}
	}
	quiet := say(t, s, Request{Text: `<speak><break time="1s"/>Hi.</speak>`}).Samples[:wav.WideRate]
	for i, v := range quiet {
		if v != 0 {
			t.Fatalf("the pause sounds at sample %d", i)
		}
	}
}

func TestDigitsAreSaidOneByOneByAnyEngine(t *testing.T) {
	p := &parrot{}
	s := speaker(t, Config{Engine: "parrot", Engines: map[string]Engine{"parrot": p}})
	say(t, s, Request{Text: `<speak>Press <say-as interpret-as="digits">42</say-as><break/>Now &amp; here</speak>`, Voice: "a"})
	if len(p.calls) != 2 || p.calls[0].Text != "Press 4 2" || p.calls[0].Voice != "a" || p.calls[1].Text != "Now & here" {
		t.Errorf("%+v", p.calls)
	}
	say(t, s, Request{Text: `<speak>Press <say-as interpret-as="digits">42</say-as><break/>Now &amp; here</speak>`, Voice: "a"})
	if len(p.calls) != 2 {
		t.Errorf("the second time: %+v", p.calls)
	}
}

func TestBadSSMLIsNotRead(t *testing.T) {
	p := &parrot{}
	s := speaker(t, Config{Engine: "parrot", Engines: map[string]Engine{"parrot": p}})
	for text, want := range map[string]error{`<speak>Hi<brake/></speak>`: ErrSSML, `<speak>...<break/></speak>`: ErrNoText,
		"<speak>" + strings.Repeat("word ", 401) + "</speak>": ErrTextTooLong} {
		if _, err := s.Speak(context.Background(), Request{Text: text}); !errors.Is(err, want) || len(p.calls) > 0 {
			t.Errorf("%.30s: %v, want %v", text, err, want)
		}
	}
	say(t, s, Request{Text: "Say <speak>"})
	if p.calls[0].Text != "Say <speak>" {
		t.Errorf("plain text: %q", p.calls[0].Text)
	}
}

func TestEspeakIsGivenSSML(t *testing.T) {
	path, notes := espeakStandIn(t, "0")
	s := speaker(t, Config{Espeak: path})
	say(t, s, Request{Text: `<speak>Labdien <prosody rate="slow">R&amp;D</prosody><break time="1s"/></speak>`, Language: "lv"})
	b, err := os.ReadFile(notes)
	if want := "-v lv --stdin --stdout -m\n<speak>Labdien<prosody rate=\"75%\">R&amp;D</prosody><break time=\"1000ms\"/></speak>"; err != nil || string(b) != want {
		t.Errorf("%q, %v", b, err)
	}
}

func TestRealEspeakKeepsPauses(t *testing.T) {
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed")
	}
	s := speaker(t, Config{})
	one := say(t, s, Request{Text: `<speak>Labdien, kā klājas?</speak>`, Language: "lv"}).Duration()
	two := say(t, s, Request{Text: `<speak>Labdien,<break time="3s"/> kā klājas?</speak>`, Language: "lv"}).Duration()
	if d := two - one; d < 2*time.Second || d > 4*time.Second {
		t.Errorf("%s, with three seconds of pause %s", one, two)
	}
}

func TestEstimateOfSSML(t *testing.T) {
	text := "Nobody can take your call right now."
	plain := Estimate(text)
	if got := Estimate(`<speak><prosody rate="50%">` + text + `</prosody><break time="4s"/></speak>`); got != 2*plain+4*time.Second {
		t.Errorf("%s, plain %s", got, plain)
	}
	if got := Estimate("<speak><x/>" + text); got != time.Second {
		t.Errorf("bad SSML: %s", got)
	}
}

// studio answers as an engine at a URL does.
type studio struct {
	got   spokenRequest
	token string
}

func (s *studio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.token = r.Header.Get("Authorization")
	s.got = spokenRequest{}
	_ = json.NewDecoder(r.Body).Decode(&s.got)
	switch s.got.Text {
	case "fail":
		w.WriteHeader(http.StatusTeapot)
	case "page":
		_, _ = io.WriteString(w, "<html>")
	case "large":
		_ = wav.Write(w, 16000, make([]int16, 6_000_000))
	case "mulaw":
		w.Header().Set("Content-Type", "audio/basic")
		_, _ = w.Write(bytes.Repeat([]byte{0x55}, wav.Rate))
	default:
		_ = wav.Write(w, 16000, make([]int16, 16000))
	}
}

func TestEngineAtAURL(t *testing.T) {
	st := &studio{}
	server := httptest.NewServer(st)
	defer server.Close()
	s := speaker(t, Config{Engines: map[string]Engine{"studio": &HTTP{URL: server.URL + "/speak", Secret: "s3cret"}}})
	for text, rate := range map[string]int{"Hello & welcome.": wav.WideRate, "mulaw": wav.Rate} {
		if got := say(t, s, Request{Text: text, Engine: "studio", Voice: "anna", Language: "lv"}); got.Rate != rate || got.Duration() != time.Second {
			t.Errorf("%s: %s of %d Hz", text, got.Duration(), got.Rate)
		}
		if want := (spokenRequest{Text: text, Voice: "anna", Language: "lv"}); st.got != want || st.token != "Bearer s3cret" {
			t.Errorf("asked %+v, %q", st.got, st.token)
		}
	}
	say(t, s, Request{Text: "<speak>Hello<break/></speak>", Engine: "studio"})
	if st.got.SSML != `<speak>Hello</speak>` || st.got.Text != "" {
		t.Errorf("asked %+v", st.got)
	}
	for text, want := range map[string]string{"fail": "status 418", "page": "web page", "large": "more than 10 MiB"} {
		if _, err := s.Speak(context.Background(), Request{Text: text, Engine: "studio"}); !errors.Is(err, ErrEngine) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	server.Close()
	if _, err := s.Speak(context.Background(), Request{Text: "gone", Engine: "studio"}); !errors.Is(err, ErrEngine) || strings.Contains(err.Error(), server.URL) {
		t.Errorf("gone: %v", err)
	}
}

func TestPolly(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	var got map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = map[string]any{}
		_ = json.NewDecoder(r.Body).Decode(&got)
		if r.URL.Path != "/v1/speech" || !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256") || got["Text"] == "fail" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "audio/pcm")
		_, _ = w.Write(bytes.Repeat([]byte{0, 16}, wav.WideRate))
	}))
	defer server.Close()
	engine, err := Polly{Region: "eu-north-1", Endpoint: server.URL, Kind: "neural"}.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := speaker(t, Config{Engines: map[string]Engine{EnginePolly: engine}})
	if got := say(t, s, Request{Text: "Hello.", Engine: EnginePolly, Voice: "Ola"}); !got.Wide() || got.Duration() != time.Second || got.Samples[0] == 0 {
		t.Errorf("%s of %d Hz", got.Duration(), got.Rate)
	}
	if got["Text"] != "Hello." || got["VoiceId"] != "Ola" || got["SampleRate"] != "16000" || got["OutputFormat"] != "pcm" || got["Engine"] != "neural" || got["TextType"] != "text" {
		t.Errorf("asked %v", got)
	}
	say(t, s, Request{Text: "<speak>Hello</speak>", Engine: EnginePolly})
	if got["Text"] != "<speak>Hello</speak>" || got["TextType"] != "ssml" || got["VoiceId"] != "Joanna" {
		t.Errorf("asked %v", got)
	}
	if _, err := s.Speak(context.Background(), Request{Text: "fail", Engine: EnginePolly}); !errors.Is(err, ErrEngine) || !strings.Contains(err.Error(), "AWS answered 400") {
		t.Errorf("%v", err)
	}
}
