package api_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/offhook/offhook/edge/api"
	"github.com/offhook/offhook/edge/sound"
	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/schemas/config"
)

// jukebox is an API whose tenants have folders below dir.
func jukebox(t *testing.T) (h http.Handler, dir string) {
	t.Helper()
	dir, w := t.TempDir(), newWorld()
	sounds := sound.New(sound.Config{Folder: func(tenant string) string { return filepath.Join(dir, tenant) }})
	return api.New(api.Config{Calls: w, Log: w, Tenants: func() *config.Config { return w.config }, Audio: sounds}), dir
}

func mp3(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../sound/mp3/testdata/mono22.mp3")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// form is a multipart body: fields first, then a file.
func form(t *testing.T, filename, content string, fields ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = m.WriteField(fields[i], fields[i+1])
	}
	part, err := m.CreateFormFile("file", filename)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(content))
	_ = m.Close()
	return b.String(), m.FormDataContentType()
}

func TestUploadedMP3IsConvertedListedSentAndDeleted(t *testing.T) {
	h, dir := jukebox(t)
	body, kind := form(t, "hello.mp3", mp3(t))
	got := ask(h, "POST /v1/audio", "acme", body, "Content-Type", kind)
	var s sound.Sample
	if err := json.Unmarshal([]byte(got.body), &s); err != nil || got.code != 201 || s.Name != "hello" || s.DurationMS < 1000 || s.DurationMS > 1200 {
		t.Fatalf("%d %s", got.code, got.body)
	}
	b, err := os.ReadFile(filepath.Join(dir, "acme", "hello.wav"))
	if err != nil {
		t.Fatal(err)
	}
	if samples, err := wav.Read(bytes.NewReader(b), wav.Options{}); err != nil || int64(len(samples)) != s.DurationMS*8 && len(samples)/8 != int(s.DurationMS) {
		t.Errorf("%d samples, %v", len(samples), err)
	}
	if got := ask(h, "GET /v1/audio", "acme", ""); got.code != 200 || !strings.Contains(got.body, `"name":"hello"`) {
		t.Errorf("%d %s", got.code, got.body)
	}
	if got := ask(h, "GET /v1/audio/hello", "acme", ""); got.code != 200 || got.body != string(b) || got.header.Get("Content-Type") != "audio/wav" {
		t.Errorf("%d %v", got.code, got.header)
	}
	if got := ask(h, "DELETE /v1/audio/hello", "acme", ""); got.code != 204 {
		t.Errorf("%d %s", got.code, got.body)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "acme")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	if got := ask(h, "GET /v1/audio/hello", "acme", ""); got.problem(t) != "no_such_audio" {
		t.Errorf("%d %s", got.code, got.body)
	}
}

func TestFileAsTheBodyTakesItsNameFromTheAddress(t *testing.T) {
	h, dir := jukebox(t)
	for line, want := range map[string]string{"POST /v1/audio?name=hello": "hello.wav", "POST /v1/audio?name=other.mp3": "other.wav"} {
		if got := ask(h, line, "acme", mp3(t), "Content-Type", "audio/mpeg"); got.code != 201 {
			t.Errorf("%s: %d %s", line, got.code, got.body)
		}
		if _, err := os.Stat(filepath.Join(dir, "acme", want)); err != nil {
			t.Error(err)
		}
	}
	if got := ask(h, "POST /v1/audio?name=raw.ulaw", "acme", strings.Repeat("\xff", 800)); got.code != 201 || !strings.Contains(got.body, `"duration_ms":100`) {
		t.Errorf("raw: %d %s", got.code, got.body)
	}
}

func TestWhatCannotBePlayedIsRefusedInWords(t *testing.T) {
	h, dir := jukebox(t)
	for _, c := range []struct{ name, content, code, has string }{
		{"page.wav", "<!doctype html><p>Sign in", "bad_audio", "a web page"},
		{"music.ogg.wav", "OggS\x00\x02", "bad_audio", "Ogg"},
		{"cut.wav", "RIFF\x10\x00\x00\x00WAVEfmt ", "bad_audio", "cut short"},
		{"empty.wav", "", "no_audio", "curl -F"},
		{"big.wav", strings.Repeat("x", 10<<20+1), "too_large", "10 MiB"},
		{"very big.wav", strings.Repeat("x", 11<<20), "too_large", "10 MiB"},
		{"long.ulaw", strings.Repeat("\xff", 8000*601), "bad_audio", "more than 600 seconds"},
		{"two words.mp3", mp3(t), "bad_name", "name=hello"},
		{".hidden.wav", mp3(t), "bad_name", ""},
	} {
		body, kind := form(t, c.name, c.content)
		got := ask(h, "POST /v1/audio", "acme", body, "Content-Type", kind)
		if got.problem(t) != c.code || !strings.Contains(got.body, c.has) || strings.Contains(got.body, dir) {
			t.Errorf("%s: %d %s", c.name, got.code, got.body)
		}
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "acme")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestNamesOfSamplesAreNoPaths(t *testing.T) {
	h, dir := jukebox(t)
	if err := os.WriteFile(filepath.Join(dir, "secret.wav"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"..%2Fsecret", "..%2Fsecret.wav", "%2e%2e", "a%2Fb", "a%00b", "a%5Cb"} {
		for _, line := range []string{"GET /v1/audio/" + name, "DELETE /v1/audio/" + name} {
			if got := ask(h, line, "acme", ""); got.code < 400 || got.code >= 500 {
				t.Errorf("%s: %d %s", line, got.code, got.body)
			}
		}
		if got := ask(h, "POST /v1/audio?name="+name, "acme", mp3(t)); got.problem(t) != "bad_name" {
			t.Errorf("upload as %s: %d %s", name, got.code, got.body)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "secret.wav")); err != nil {
		t.Error(err)
	}
}

func TestSamplesBelongToTheirTenant(t *testing.T) {
	h, dir := jukebox(t)
	if got := ask(h, "POST /v1/audio?name=hello", "acme", mp3(t)); got.code != 201 {
		t.Fatalf("%d %s", got.code, got.body)
	}
	if got := ask(h, "GET /v1/audio/hello", "bolt", ""); got.problem(t) != "no_such_audio" {
		t.Errorf("%d %s", got.code, got.body)
	}
	body, kind := form(t, "hello.mp3", mp3(t), "tenant", "bolt")
	for what, got := range map[string]answer{
		"upload": ask(h, "POST /v1/audio?name=x&tenant=bolt", "acme", mp3(t)), "form": ask(h, "POST /v1/audio", "acme", body, "Content-Type", kind),
		"list": ask(h, "GET /v1/audio?tenant=bolt", "acme", ""), "delete": ask(h, "DELETE /v1/audio/hello?tenant=acme", "bolt", ""),
	} {
		if got.problem(t) != "bad_tenant" {
			t.Errorf("%s: %d %s", what, got.code, got.body)
		}
	}
	if got := ask(h, "POST /v1/audio?name=x", "reader", mp3(t)); got.code != http.StatusForbidden {
		t.Errorf("a key without the scope: %d %s", got.code, got.body)
	}
	if got := ask(h, "POST /v1/audio", "all", body, "Content-Type", kind); got.code != 201 {
		t.Errorf("a key for all: %d %s", got.code, got.body)
	}
	if _, err := os.Stat(filepath.Join(dir, "bolt", "hello.wav")); err != nil {
		t.Error(err)
	}
}
