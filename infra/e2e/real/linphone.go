package real

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Linphone is a phone: linphonec with files for ears and mouth, steered over its standard input.
type Linphone struct {
	*Process
	User string
	Wide bool // it speaks G.722
	SIP  int  // its port
	RTP  int  // first port of its RTP range, ten long
}

// LinphoneOptions of a phone.
type LinphoneOptions struct {
	User, Password string
	Tone           int    // Hz of what it says
	High           int    // Hz of a second tone, above 4 kHz; the phone speaks G.722 and nothing else then
	Info           bool   // digits by INFO instead of RFC 4733
	Auto           bool   // answers by itself
	Encryption     string // srtp, dtls; empty: none
	ICE            bool
}

const linphoneConfig = `
[sip]
sip_port=%[1]d
sip_tcp_port=0
sip_tls_port=0
bind_address=127.0.0.1
guess_hostname=0
register_only_when_network_is_up=0
auto_net_state_mon=0
use_info=%[2]d
use_rfc2833=%[3]d
media_encryption=%[12]s
media_encryption_mandatory=%[13]d
default_proxy=0
ping_with_options=0
[rtp]
audio_rtp_port=%[4]d-%[5]d
[net]
mtu=0
%[11]s
[video]
enabled=0
[proxy_0]
reg_proxy=<sip:%[6]s>
reg_identity=<sip:%[7]s@%[6]s>
reg_sendregister=1
reg_expires=600
publish=0
[auth_info_0]
username=%[7]s
passwd=%[8]s
[audio_codec_0]
mime=PCMU
rate=8000
channels=1
enabled=%[9]d
[audio_codec_1]
mime=PCMA
rate=8000
channels=1
enabled=%[9]d
[audio_codec_2]
mime=G722
rate=8000
channels=1
enabled=%[10]d
`

// config is its file.
func (l *Linphone) config(o LinphoneOptions, server string) string {
	info, rfc4733, g711, g722 := 0, 1, 1, 0
	if o.Info {
		info, rfc4733 = 1, 0
	}
	if l.Wide {
		g711, g722 = 0, 1
	}
	encryption, mandatory := "none", 0
	if o.Encryption != "" {
		encryption, mandatory = o.Encryption, 1
	}
	return fmt.Sprintf(linphoneConfig, l.SIP, info, rfc4733, l.RTP, l.RTP+9, server, o.User, o.Password, g711, g722,
		checks(o), encryption, mandatory)
}

// NewLinphone starts a phone and waits for its registration.
func NewLinphone(t *testing.T, h *Offhook, o LinphoneOptions) *Linphone {
	t.Helper()
	Need(t, "linphonec")
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, ".local", "share", "linphone"), 0o755))
	port := Port(t, 15)
	port += port % 2
	l := &Linphone{User: o.User, SIP: port, RTP: port + 4, Wide: o.High > 0}
	rc := filepath.Join(dir, "linphonerc")
	must(t, os.WriteFile(rc, []byte(l.config(o, h.SIP)), 0o644))
	tone := filepath.Join(dir, "say.wav")
	if l.Wide {
		WriteTones(t, tone, 2*rate, 60*time.Second, o.Tone, o.High)
	} else {
		WriteTone(t, tone, o.Tone, 60*time.Second)
	}
	path, err := exec.LookPath("linphonec")
	must(t, err)
	l.Process = Start(t, dir, "env", "HOME="+dir, path, "-S", "-c", rc)
	l.Type("soundcard use files\n")
	l.Type("play " + tone + "\n")
	l.Type("record " + l.heard() + "\n")
	if o.Auto {
		l.Type("autoanswer enable\n")
	}
	Eventually(t, "linphone is registered", func() bool {
		var answer struct {
			Registrations []struct{ User, Contact string }
		}
		h.Get(t, "/v1/registrations", &answer)
		for _, r := range answer.Registrations {
			if r.User == o.User && strings.Contains(r.Contact, fmt.Sprintf(":%d", port)) {
				return true
			}
		}
		return false
	})
	return l
}

// checks is the part of its configuration that has it use ICE.
func checks(o LinphoneOptions) string {
	if !o.ICE {
		return ""
	}
	return "nat_policy_ref=here\n[nat_policy_0]\nref=here\nprotocols=ice"
}

// Heard is what it has heard, decrypted.
func (l *Linphone) Heard(t *testing.T) []int16 {
	t.Helper()
	if _, err := os.Stat(l.heard()); err != nil {
		return nil
	}
	return ReadWAV(t, l.heard())
}

// Forget what it has heard in calls that are over.
func (l *Linphone) Forget(t *testing.T) {
	t.Helper()
	if err := os.Remove(l.heard()); !errors.Is(err, os.ErrNotExist) {
		must(t, err)
	}
}

func (l *Linphone) heard() string { return filepath.Join(l.Dir, "heard.wav") }

// Do types a command: call URI, answer, pause, resume, transfer URI, transfer 1 --to-call 2, terminate, or digits.
func (l *Linphone) Do(command string) { l.Type(command + "\n") }

// Ears are the ports at which it hears.
func (l *Linphone) Ears() [2]int { return [2]int{l.RTP, l.RTP + 9} }

// Quit ends it as its user would.
func (l *Linphone) Quit() {
	l.Type("quit\n")
	l.Signal(syscall.SIGTERM)
}

// Said tells whether a line with this text has come.
func (l *Linphone) Said(text string) bool { return strings.Contains(l.Tail(10_000), text) }
