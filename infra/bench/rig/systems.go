package rig

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Bench is where a run keeps its files and finds its programs.
type Bench struct {
	Dir       string // of this run
	Bin       string // programs
	Scenarios string
	Profile   string // address for the product's profiles; empty: none
	Cores     int
}

// Ports of a run; all on loopback.
const (
	PortHook    = 7001
	PortAnswer  = 7090 // the second sipp
	PortCaller  = 7080 // the first sipp
	PortHolder  = 7081 // one whose calls stay up
	PortOffhook = 7060
	PortREST    = 7061
	PortKafka   = 7092
	PortSipgo   = 7070
	PortKam     = 7071
	PortNG      = 7072
)

// Local is 127.0.0.1:port.
func Local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// System is what is measured: something that takes calls at Addr.
type System struct {
	Name string
	Addr string
	Dial string // what to dial there

	Cores   *Cores // all if nil
	start   func() (*Process, error)
	metrics string // URL
	*Process
}

// Start starts it afresh.
func (s *System) Start() (err error) {
	s.Stop()
	start := func() (err error) {
		s.Process, err = s.start()
		return err
	}
	if s.Cores == nil {
		err = start()
	} else {
		err = On(*s.Cores, start)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	s.Prefer()
	return nil
}

// Stop ends it at once: a run measures calls, not endings.
func (s *System) Stop() {
	s.Process.Kill()
	s.Process = nil
}

// Hook starts the webhook.
func (b *Bench) Hook() (*Process, error) {
	p, err := Start(b.Dir, "webhook", nil, filepath.Join(b.Bin, "webhook"), "-listen", Local(PortHook), "-dial", "sip:bob@"+Local(PortAnswer))
	if err != nil {
		return nil, err
	}
	return p, ready("webhook", Local(PortHook))
}

// Broker starts the event log of the product.
func (b *Bench) Broker() (*Process, error) {
	p, err := Start(b.Dir, "broker", nil, filepath.Join(b.Bin, "broker"), "-listen", Local(PortKafka))
	if err != nil {
		return nil, err
	}
	return p, ready("broker", Local(PortKafka))
}

func ready(what, addr string) error {
	return Until(what+" listens at "+addr, 10*time.Second, func() bool {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

const tenants = `
api_keys: [{name: bench, key: ` + metricsKey + `, scopes: ["metrics:read"]}]
tenants:
  bench:
    answer: http://%[1]s/answer
    numbers:
      "2": {answer: http://%[1]s/dial}
      "3": {answer: [{verb: answer}, {verb: play, audio: {say: "All our agents are in conversation. Please wait for the next of them."}, loop: -1}]}
    trunks: {local: {allow: [127.0.0.0/8]}}
    asks: {timeout: 5s, concurrent: 10000, allow_private: [127.0.0.0/8]}
`

// Offhook is the product: an edge as it ships, with its event log in another process. dial is "1" for a call that the
// webhook answers and "2" for one that it bridges to the second sipp.
func (b *Bench) Offhook(dial string) *System {
	s := &System{Name: "offhook", Addr: Local(PortOffhook), Dial: dial, metrics: "http://" + Local(PortREST) + "/metrics"}
	s.start = func() (*Process, error) {
		dir := filepath.Join(b.Dir, "offhook")
		_ = os.RemoveAll(dir)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		config := filepath.Join(dir, "offhook.yaml")
		if err := os.WriteFile(config, []byte(fmt.Sprintf(tenants, Local(PortHook))), 0o600); err != nil {
			return nil, err
		}
		args := []string{"edge", "--config", config, "--data", dir, "--sip", Local(PortOffhook), "--http", Local(PortREST),
			"--kafka", Local(PortKafka), "--rtp", "127.0.0.2:1024-65535", "--level", "warn", "--grace", "1s"}
		var env []string
		if b.Profile != "" {
			env = append(env, "OFFHOOK_PPROF="+b.Profile)
		}
		p, err := Start(b.Dir, "offhook", env, filepath.Join(b.Bin, "offhook"), args...)
		if err != nil {
			return nil, err
		}
		return p, Until("offhook is ready", 20*time.Second, func() bool {
			res, err := http.Get("http://" + Local(PortREST) + "/readyz")
			if err != nil {
				return false
			}
			_ = res.Body.Close()
			return res.StatusCode == http.StatusOK
		})
	}
	return s
}

// Sipgo is the bare user agent.
func (b *Bench) Sipgo() *System {
	s := &System{Name: "bare sipgo UAS", Addr: Local(PortSipgo), Dial: "1"}
	s.start = func() (*Process, error) {
		p, err := Start(b.Dir, "sipgo", nil, filepath.Join(b.Bin, "peer"), "-listen", Local(PortSipgo), "-hook", "http://"+Local(PortHook)+"/answer")
		if err != nil {
			return nil, err
		}
		return p, answers(Local(PortSipgo))
	}
	return s
}

// Kamailio runs one of the configurations in the folder of scenarios.
func (b *Bench) Kamailio(name, config string, children int) *System {
	s := &System{Name: name, Addr: Local(PortKam), Dial: "1"}
	s.start = func() (*Process, error) {
		raw, err := os.ReadFile(filepath.Join(b.Scenarios, config))
		if err != nil {
			return nil, err
		}
		text := strings.NewReplacer("LISTEN", Local(PortKam), "TARGET", Local(PortAnswer), "HOOK", "http://"+Local(PortHook)+"/answer",
			"CHILDREN", strconv.Itoa(children), "MODULES", modules()).Replace(string(raw))
		path := filepath.Join(b.Dir, config)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return nil, err
		}
		p, err := Start(b.Dir, "kamailio", nil, "kamailio", "-DD", "-E", "-f", path, "-m", "512", "-M", "16", "-Y", b.Dir, "-P", filepath.Join(b.Dir, "kamailio.pid"))
		if err != nil {
			return nil, err
		}
		return p, answers(Local(PortKam))
	}
	return s
}

// modules is where Debian has Kamailio's, on any architecture.
func modules() string {
	found, _ := filepath.Glob("/usr/lib/*/kamailio/modules")
	if len(found) == 0 {
		return "/usr/lib/kamailio/modules"
	}
	return found[0]
}

const probe = "OPTIONS sip:probe@%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bK%[3]d\r\nFrom: <sip:probe@%[2]s>;tag=p\r\nTo: <sip:probe@%[1]s>\r\n" +
	"Call-ID: %[3]d@bench\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 0\r\nContent-Length: 0\r\n\r\n"

// answers waits until something at addr answers SIP, whatever it says.
func answers(addr string) error {
	c, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	buf := make([]byte, 2048)
	return Until(addr+" answers SIP", 10*time.Second, func() bool {
		_, _ = fmt.Fprintf(c, probe, addr, c.LocalAddr(), time.Now().UnixNano())
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, err := c.Read(buf)
		if err != nil {
			time.Sleep(50 * time.Millisecond) // refused at once while nobody listens
		}
		return err == nil
	})
}
