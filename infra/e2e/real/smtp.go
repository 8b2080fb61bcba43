package real

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SMTP is an aiosmtpd server that prints each mail it took as one JSON line.
type SMTP struct {
	*Process
	Addr string
}

// Mail is what the server took.
type Mail struct {
	At   float64  `json:"at"` // seconds since 1970, when the message was complete
	From string   `json:"from"`
	To   []string `json:"to"`
	Text string   `json:"text"` // the message as it came
}

// Time the mail was taken.
func (m Mail) Time() time.Time { return time.UnixMicro(int64(m.At * 1e6)) }

const smtpServer = `
import asyncio, json, sys, time
from aiosmtpd.controller import Controller

class Print:
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({"at": time.time(), "from": envelope.mail_from, "to": envelope.rcpt_tos,
                          "text": envelope.content.decode("utf-8", "replace")}), flush=True)
        return "250 taken"

c = Controller(Print(), hostname="127.0.0.1", port=int(sys.argv[1]))
c.start()
print("listening", flush=True)
asyncio.new_event_loop().run_forever()
`

// StartSMTP starts the server.
func StartSMTP(t *testing.T) *SMTP {
	t.Helper()
	Need(t, "/usr/bin/python3")
	dir, port := t.TempDir(), Port(t, 1)
	must(t, os.WriteFile(filepath.Join(dir, "smtp.py"), []byte(smtpServer), 0o644))
	s := &SMTP{Addr: addr(port)}
	s.Process = Start(t, dir, "/usr/bin/python3", "smtp.py", strings.TrimPrefix(s.Addr, "127.0.0.1:"))
	s.Line(t, "listening")
	return s
}

// Mails are all mails taken so far.
func (s *SMTP) Mails(t *testing.T) []Mail {
	t.Helper()
	var all []Mail
	for line := range strings.Lines(s.Tail(1 << 20)) {
		var m Mail
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &m) == nil {
			all = append(all, m)
		}
	}
	return all
}
