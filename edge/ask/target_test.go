package ask

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// lines are those of a request's head, sorted but for the first, and its body.
func lines(t *testing.T, raw []byte) (head []string, body string) {
	t.Helper()
	text, body, ok := strings.Cut(string(raw), "\r\n\r\n")
	if !ok {
		t.Fatalf("no end of the head in %q", raw)
	}
	head = strings.Split(text, "\r\n")
	slices.Sort(head[1:])
	return head, body
}

// written is an ask as the wire writes it.
func written(t *testing.T, to *target, o own, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	if err := to.write(w, o, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// byNetHTTP is the same ask as net/http writes it.
func byNetHTTP(t *testing.T, u *url.URL, o own, body string) []byte {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, u.String(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.URL, req.Host = u, u.Host
	for name, value := range map[string]string{
		"User-Agent": "offhook", "Accept": "application/json", "Content-Type": "application/json",
		"Webhook-Id": o.id, "Webhook-Timestamp": o.timestamp, "Idempotency-Key": o.id,
	} {
		req.Header.Set(name, value)
	}
	if o.signature != "" {
		req.Header.Set("Webhook-Signature", o.signature)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	var b bytes.Buffer
	if err := req.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAsksAreWrittenAsNetHTTPWritesThem(t *testing.T) {
	signed := own{"ask_1.1", "1700000000", "v1,abc v1,def"}
	for _, to := range []string{
		"http://shop.test", "http://shop.test/", "https://shop.test?only=query", "http://shop.test:8080/a%2Fb/ü;p?q=a%20b&x=1#part",
		"http://me:hush@shop.test/", "http://me@shop.test/", "http://m%C3%A9:a%3Ab%0D%0AX-Evil:1@shop.test/", "http://SHOP.test./",
		"http://[::1]:8080/x", "http://[fe80::1%25eth0]/", "http://ü.test/", "http://shop.test//two", "http://shop.test/Content-Length:%200",
		"http://shop.test/?Content-Length: 0&a=\"<>",
	} {
		for _, tt := range []struct {
			own  own
			body string
		}{{signed, `{"id":"ask_1.1"}`}, {own{"ask_1.2", "1", ""}, strings.Repeat("x", 3*connectionSize)}, {own{id: " a\r\nX-Evil: 1\n ", timestamp: "2"}, "{}"}, {signed, ""}} {
			u, err := parse(to)
			if err != nil {
				t.Fatal(err)
			}
			head, body := lines(t, written(t, newTarget(u), tt.own, tt.body))
			wantHead, wantBody := lines(t, byNetHTTP(t, u, tt.own, tt.body))
			if !slices.Equal(head, wantHead) || body != wantBody {
				t.Errorf("%s:\n%q\nwant\n%q", to, head, wantHead)
			}
		}
	}
}

func TestNothingAddsALineToAnAsk(t *testing.T) {
	const evil = "x\r\nX-Evil: 1\r\n\r\n"
	for name, u := range map[string]url.URL{
		"in host":  {Scheme: "http", Host: "shop.test" + evil, Path: "/"},
		"in path":  {Scheme: "http", Host: "shop.test", Path: "/" + evil},
		"in query": {Scheme: "http", Host: "shop.test", RawQuery: evil},
		"in user":  {Scheme: "http", Host: "shop.test", User: url.UserPassword(evil, evil)},
		"as given": {Scheme: "http", Host: "shop.test", Opaque: "//shop.test/" + evil},
	} {
		to := newTarget(&u)
		if to.bad != nil {
			if err := to.write(bufio.NewWriter(io.Discard), own{}, nil); err == nil {
				t.Errorf("%s: written all the same", name)
			}
			continue
		}
		raw := written(t, to, own{id: evil, timestamp: evil, signature: evil}, "{}")
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil || req.Header.Get("X-Evil") != "" || req.ContentLength != 2 {
			t.Errorf("%s: %v: %q", name, err, raw)
		}
	}
	for _, to := range []string{"http://shop.test/\r\nX-Evil: 1", "http://shop.test\r\nX-Evil: 1", "http://a b/", "http://shop.test/?\nX"} {
		if _, err := parse(to); err == nil {
			t.Errorf("%q is a URL", to)
		}
	}
}

func TestTargetsAreKeptAndBounded(t *testing.T) {
	s, often := &targets{}, "http://shop.test/often"
	first, err := s.get(often)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 * mostTargets {
		if _, err := s.get(fmt.Sprintf("http://shop.test/%d", i)); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			if again, _ := s.get(often); again != first {
				t.Fatalf("not kept after %d others", i)
			}
		}
	}
	if n := len(s.now) + len(s.old); n > 2*mostTargets {
		t.Errorf("%d are kept", n)
	}
	long := "http://shop.test/" + strings.Repeat("x", longestTarget)
	if _, err := s.get(long); err != nil || s.now[long] != nil {
		t.Errorf("%v, or a long one is kept", err)
	}
}

func TestARequestIsSentAgainWithItsBody(t *testing.T) {
	var bodies []string
	u := raw(t, func(n int, c net.Conn, r *bufio.Reader) {
		for range 2 {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(req.Body)
			if bodies = append(bodies, string(body)); n == 0 && len(bodies) == 2 {
				return // without a word
			}
			_, _ = io.WriteString(c, good)
		}
	})
	c := asker(t, Config{}).Client(local(Policy{}))
	for _, text := range []string{"one", "two"} {
		resp, err := c.Post(u, "text/plain", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	if want := []string{"one", "two", "two"}; !slices.Equal(bodies, want) {
		t.Errorf("%q", bodies)
	}
}
