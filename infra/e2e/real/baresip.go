package real

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Baresip is a phone: baresip with files for ears and mouth, steered over its control port.
type Baresip struct {
	*Process
	User    string
	Wide    bool // it speaks G.722
	SIP     int  // its port
	RTP     int  // first port of its RTP range
	control net.Conn

	mu     sync.Mutex
	events []BaresipEvent
	grown  chan struct{}
	seen   int
}

// BaresipEvent is one event of the control port.
type BaresipEvent struct {
	Type  string `json:"type"`
	Param string `json:"param"`
	ID    string `json:"id"`
	at    time.Time
}

// At is when it came.
func (e BaresipEvent) At() time.Time { return e.at }

// BaresipOptions of a phone.
type BaresipOptions struct {
	User, Password string
	Server         string  // host:port
	Transport      string  // udp, tcp, tls
	Trusts         string  // with tls: file of the certificate that the server must show
	Tone           int     // Hz of what it says
	Says           []int16 // instead of a tone
	Conceals       bool    // makes up what is lost, as desk phones do
	Proxy          string  // host:port that it sends through; empty: the server
	High           int     // Hz of a second tone, above 4 kHz; the phone speaks G.722 and nothing else then
	Opus           bool    // it speaks Opus and nothing else
	Auto           bool    // answers by itself
	NoRegister     bool
	Encryption     string // mediaenc: srtp-mand, dtls_srtp ...; empty: none
	NAT            string // medianat: ice; empty: none
}

const baresipConfig = `
sip_listen 127.0.0.1:%[1]d
net_interface 127.0.0.1
audio_source aufile,%[2]s/say.wav
audio_player aubridge,sink%[1]d
audio_alert aubridge,alert%[1]d
ausrc_srate %[7]d
auplay_srate %[7]d
ausrc_channels 1
auplay_channels 1
rtp_ports %[3]d-%[4]d
module_path /usr/lib/baresip/modules
module g711.so
module g722.so
module aufile.so
module ausine.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
%[6]s
ctrl_tcp_listen 127.0.0.1:%[5]d
snd_path %[2]s/rec
`

// NewBaresip starts a phone and waits for its registration.
func NewBaresip(t *testing.T, o BaresipOptions) *Baresip {
	t.Helper()
	Need(t, "baresip")
	dir := t.TempDir()
	port := Port(t, 15)
	port += port % 2 // it takes RTP ports from an even one on
	b := &Baresip{User: o.User, SIP: port, RTP: port + 4, grown: make(chan struct{})}
	must(t, os.Mkdir(filepath.Join(dir, "rec"), 0o755))
	srate := rate
	if b.Wide = o.High > 0; b.Wide {
		srate = 2 * rate
	}
	switch say := filepath.Join(dir, "say.wav"); {
	case b.Wide:
		WriteTones(t, say, srate, 60*time.Second, o.Tone, o.High)
	case o.Says != nil:
		WriteWAV(t, say, o.Says)
	default:
		WriteTone(t, say, o.Tone, 60*time.Second)
	}
	config := fmt.Sprintf(baresipConfig, port, dir, b.RTP, b.RTP+9, port+2, extras(o), srate)
	must(t, os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "accounts"), []byte(account(o)), 0o644))
	b.Process = Start(t, dir, "baresip", "-4", "-f", dir)
	b.connect(t, port+2)
	if !o.NoRegister {
		b.Line(t, "200 OK") // its event may have come before the control port was open
	}
	return b
}

// extras of its configuration.
func extras(o BaresipOptions) (lines string) {
	if o.Opus {
		lines += "module opus.so\nopus_bitrate 32000\nopus_inbandfec yes\nopus_packet_loss 10\n"
	}
	if o.Trusts != "" {
		lines += "sip_cafile " + o.Trusts + "\n"
	}
	if o.Conceals {
		lines += "module plc.so\n"
	}
	if o.Encryption != "" {
		lines += "module srtp.so\nmodule dtls_srtp.so\n"
	}
	if o.NAT != "" {
		lines += "module " + o.NAT + ".so\n"
	}
	return lines
}

// Heard is what the phone played to its user in its last call, without what is still in a buffer of the file; none before.
func (b *Baresip) Heard(t *testing.T) []int16 {
	t.Helper()
	files := b.heard() // sorted by the time in their names
	if len(files) == 0 {
		return nil
	}
	return ReadWAV(t, files[len(files)-1])
}

// Forget what it heard in calls that are over.
func (b *Baresip) Forget(t *testing.T) {
	t.Helper()
	for _, file := range b.heard() {
		must(t, os.Remove(file))
	}
}

func (b *Baresip) heard() []string {
	files, _ := filepath.Glob(filepath.Join(b.Dir, "rec", "*-dec.wav"))
	return files
}

func account(o BaresipOptions) string {
	transport, mode, interval, codecs := o.Transport, "manual", 60, "PCMU/8000/1,PCMA/8000/1"
	if o.High > 0 {
		codecs = "G722/16000/1"
	}
	if o.Opus {
		codecs = "opus/48000/2"
	}
	if transport == "" {
		transport = "udp"
	}
	if o.Auto {
		mode = "auto"
	}
	if o.NoRegister {
		interval = 0
	}
	line := fmt.Sprintf("<sip:%s@%s;transport=%s>;auth_user=%s;auth_pass=%s;regint=%d;answermode=%s;audio_codecs=%s",
		o.User, o.Server, transport, o.User, o.Password, interval, mode, codecs)
	if o.Proxy != "" {
		line += fmt.Sprintf(`;outbound="sip:%s;transport=udp"`, o.Proxy)
	}
	if o.Encryption != "" {
		line += ";mediaenc=" + o.Encryption
	}
	if o.NAT != "" {
		line += ";medianat=" + o.NAT
	}
	return line + "\n"
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *Baresip) connect(t *testing.T, port int) {
	t.Helper()
	Eventually(t, "baresip's control port", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
		b.control = c
		return err == nil
	})
	t.Cleanup(func() { _ = b.control.Close() })
	go b.listen()
}

// listen reads netstrings of JSON until the connection ends.
func (b *Baresip) listen() {
	r := bufio.NewReader(b.control)
	for {
		length, err := r.ReadString(':')
		if err != nil {
			return
		}
		n, _ := strconv.Atoi(strings.TrimSuffix(length, ":"))
		body := make([]byte, n+1) // and the comma
		for got := 0; got < len(body); {
			k, err := r.Read(body[got:])
			if err != nil {
				return
			}
			got += k
		}
		var e struct {
			BaresipEvent
			IsEvent bool `json:"event"`
		}
		if json.Unmarshal(body[:n], &e) != nil || !e.IsEvent {
			continue
		}
		e.BaresipEvent.at = time.Now()
		b.mu.Lock()
		b.events = append(b.events, e.BaresipEvent)
		close(b.grown)
		b.grown = make(chan struct{})
		b.mu.Unlock()
	}
}

// Do sends a command: dial, accept, hangup, hold, resume ...
func (b *Baresip) Do(t *testing.T, command, params string) {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"command": command, "params": params, "token": "1"})
	_, err := fmt.Fprintf(b.control, "%d:%s,", len(body), body)
	must(t, err)
}

// Wait waits for the next event of a type; earlier ones are passed over.
func (b *Baresip) Wait(t *testing.T, kind string) BaresipEvent {
	t.Helper()
	deadline := time.After(Patience)
	for {
		b.mu.Lock()
		for b.seen < len(b.events) {
			e := b.events[b.seen]
			b.seen++
			if e.Type == kind {
				b.mu.Unlock()
				return e
			}
		}
		grown := b.grown
		b.mu.Unlock()
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("phone %s: no %s within %s; it saw %v", b.User, kind, Patience, b.kinds())
		}
	}
}

// Answer takes the call that comes and waits until it is up.
func (b *Baresip) Answer(t *testing.T) {
	t.Helper()
	b.Wait(t, "CALL_INCOMING")
	b.Do(t, "accept", "")
	b.Wait(t, "CALL_ESTABLISHED")
}

func (b *Baresip) kinds() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, e := range b.events {
		all = append(all, e.Type+" "+e.Param)
	}
	return all
}

// Ears are the ports at which it hears.
func (b *Baresip) Ears() [2]int { return [2]int{b.RTP, b.RTP + 9} }

// Press sends digits, one after another: the phone takes them 0.35 s apart.
func (b *Baresip) Press(t *testing.T, digits string) {
	t.Helper()
	for _, d := range digits {
		b.Do(t, "sndcode", string(d))
		<-time.After(400 * time.Millisecond)
	}
}
