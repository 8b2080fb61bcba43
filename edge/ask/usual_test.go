package ask

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// usualResponses are taken without net/http, oddResponses are left to it.
var usualResponses = []string{
	good,
	"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nServer: x\r\ncontent-type: application/json; charset=utf-8\r\nCONTENT-LENGTH: 2\r\n\r\n[]",
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 \r\nContent-Length: 0\r\nContent-Type: application/json\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n",
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nLocation: /\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 003\r\n\r\n \r\n",
}

var oddResponses = []string{
	"", "H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\n[]", "HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 103 Early\r\n\r\n" + good, good + "x", good + good, good[:len(good)-1], strings.Replace(good, "19", "18", 1),
	"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n[]", strings.Replace(good, "200 OK", "204 No", 1), "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
	strings.Replace(good, "Content-Length", "Connection: close\r\nContent-Length", 1), strings.Replace(good, "Content-Length", "Connection: Keep-Alive, close\r\nContent-Length", 1),
	strings.Replace(good, "Content-Length", "Content-Length: 19\r\nContent-Length", 1), strings.Replace(good, "Content-Length", "Content-Length: 2\r\nContent-Length", 1),
	strings.Replace(good, "Content-Length", "Transfer-Encoding: chunked\r\nContent-Length", 1), strings.Replace(good, "Content-Length", "Content-Encoding: gzip\r\nContent-Length", 1),
	strings.Replace(good, "Content-Length", "Content-Length ", 1), strings.Replace(good, ": 19", ": +19", 1), strings.Replace(good, ": 19", ": 1_9", 1),
	strings.Replace(good, ": 19", ": -0", 1), strings.Replace(good, "json\r\n", "json\n", 1), strings.Replace(good, "Content-Length", " Content-Length", 1),
	strings.Replace(good, "application/json", "text/html", 1), strings.Replace(good, "Content-Length", "Content-Type: text/html\r\nContent-Length", 1),
	strings.Replace(good, "Content-Length", "X: a\x00b\r\nContent-Length", 1), strings.Replace(good, "Content-Length", "X: a\rb\r\nContent-Length", 1),
	strings.Replace(good, "Content-Length", "no colon\r\nContent-Length", 1), strings.Replace(good, "Content-Length", ": no name\r\nContent-Length", 1),
	strings.Replace(good, "Content-Length", "Trailer: Content-Length\r\nContent-Length", 1),
}

// asNetHTTP fails unless a response that was taken is for net/http the same, the last of its connection's bytes, and one that
// leaves the connection in use.
func asNetHTTP(t *testing.T, raw string) (taken bool) {
	t.Helper()
	r := bufio.NewReaderSize(strings.NewReader(raw), connectionSize)
	got, ok := usual(r)
	if !ok {
		if left, _ := io.ReadAll(r); string(left) != raw {
			t.Errorf("%q: not taken, but %q is left", raw, left)
		}
		return false
	}
	all := bufio.NewReader(strings.NewReader(raw))
	resp, err := http.ReadResponse(all, nil)
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	want, err := read(resp, &target{})
	if err != nil || want.status != got.status || !bytes.Equal(want.body, got.body) || resp.Close || r.Buffered() > 0 || all.Buffered() > 0 {
		t.Errorf("%q: %+v, want %+v, %v, close %t", raw, got, want, err, resp.Close)
	}
	return true
}

func TestUsualAnswersAreTakenAsNetHTTPReadsThem(t *testing.T) {
	for _, raw := range usualResponses {
		if !asNetHTTP(t, raw) {
			t.Errorf("%q is left to net/http", raw)
		}
	}
	for _, raw := range oddResponses {
		if asNetHTTP(t, raw) {
			t.Errorf("%q is taken", raw)
		}
	}
}

func FuzzUsual(f *testing.F) {
	for _, raw := range append(usualResponses, oddResponses...) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) { asNetHTTP(t, raw) })
}

func TestAnAnswerInPiecesIsTaken(t *testing.T) {
	for cut := 1; cut < len(good); cut++ {
		r := bufio.NewReaderSize(io.MultiReader(strings.NewReader(good[:cut]), strings.NewReader(good[cut:])), connectionSize)
		head := strings.Index(good, "\r\n\r\n") + 4
		if got, ok := usual(r); ok != (cut >= head) || ok && string(got.body) != hangup {
			t.Errorf("cut at %d: %+v %t", cut, got, ok)
		}
	}
}
