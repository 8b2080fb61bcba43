//go:build e2e

package story

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/offhook/offhook/infra/e2e/real"
)

const strangerTenant = `
tenants:
  demo:
    trunks: {local: {allow: [127.0.0.0/8]}}
    asks: {allow_private: [127.0.0.0/8]}
    fallback: [{verb: answer}, {verb: play, audio: "tone:busy"}, {verb: hangup}]
`

// call is a caller that waits until it is hung up on.
const call = `<?xml version="1.0"?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
      INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:+37120001111@[local_ip]:[local_port]>;tag=[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:c@[local_ip]:[local_port]>
      X-Campaign: 7
      Max-Forwards: 70
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=- 1 1 IN IP4 [local_ip]
      s=-
      c=IN IP4 [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 0
    ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200" rrs="true"/>
  <send><![CDATA[
      ACK [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:+37120001111@[local_ip]:[local_port]>;tag=[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 1 ACK
      Max-Forwards: 70
      Content-Length: 0

    ]]></send>
  <recv request="BYE"/>
  <send><![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0

    ]]></send>
</scenario>`

func TestAStrangersWrongDocumentIsExplainedInTheEventTheLogAndThePage(t *testing.T) {
	wrong := `[
  {"verb": "answer"},
  {"verb": "dail", "to": {"user": "101"}},
  {"verb": "pause", "for": "20 secs"}
]`
	hook := real.StartWebhook(t, wrong)
	h := real.StartOffhook(t, real.OffhookOptions{Config: strangerTenant, Answer: hook.URL + "/call"})
	caller := real.Sipp(t, real.SippOptions{Scenario: call, Target: h.SIP, Service: "700"})
	if code := caller.Exited(t, real.Patience); code != 0 {
		t.Errorf("the caller's sipp ended with %d: the fallback should have answered", code)
	}
	failed := waitFor(t, h, "offhook.ask.failed")
	if failed.Data["code"] != "bad_document" {
		t.Errorf("code %v", failed.Data["code"])
	}
	said := fmt.Sprint(failed.Data["faults"])
	for _, want := range []string{"/1/verb", "line:3", "did you mean dial?", "/2/for", "line:4", "20 secs"} {
		if !strings.Contains(said, want) {
			t.Errorf("the event lacks %q: %s", want, said)
		}
	}
	h.Line(t, "/1/verb")
	h.Line(t, "did you mean dial?")
	if page := get(t, "http://"+h.HTTP+"/"); !strings.Contains(page, "/1/verb") || !strings.Contains(page, "20 secs") {
		t.Errorf("the page does not show the faults:\n%s", page)
	}
	real.CheckTimeline(t, h.Ended(t, failed.Subject))
}

func TestAWebhookOfTwentyLinesTakesACallOfSipp(t *testing.T) {
	readme := pythonOfReadme(t)
	dir, port := t.TempDir(), real.Port(t, 1)
	code := strings.Replace(readme, "3000", fmt.Sprint(port), 1)
	if err := os.WriteFile(filepath.Join(dir, "hook.py"), []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	real.Start(t, dir, "/usr/bin/python3", "hook.py")
	real.Eventually(t, "the webhook listens", func() bool {
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
		if err == nil {
			_ = res.Body.Close()
		}
		return err == nil
	})
	h := real.StartOffhook(t, real.OffhookOptions{Config: strangerTenant, Answer: fmt.Sprintf("http://127.0.0.1:%d/call", port)})
	caller := real.Sipp(t, real.SippOptions{Scenario: call, Target: h.SIP, Service: "200"})
	if code := caller.Exited(t, 2*real.Patience); code != 0 {
		t.Errorf("sipp ended with %d", code)
	}
	asked := waitFor(t, h, "offhook.ask.answered")
	all := h.Ended(t, asked.Subject)
	real.CheckTimeline(t, all)
	if from := all[0].Data["from"]; from != "+37120001111" {
		t.Errorf("from %v", from)
	}
	if x := fmt.Sprint(all[0].Data["headers"]); !strings.Contains(x, "X-Campaign:7") {
		t.Errorf("headers %v", x)
	}
}

// pythonOfReadme is the README's own example: it must work as it is printed.
func pythonOfReadme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```python\n")
	code, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("the README has no Python example")
	}
	return code
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
