package rig

import (
	"time"

	"github.com/offhook/offhook/infra/bench/rtp"
)

// RTPEngine is rtpengine in user space, steered by its ng protocol.
func (b *Bench) RTPEngine() *System {
	s := &System{Name: "rtpengine (user space)", Addr: Local(PortNG)}
	s.start = func() (*Process, error) {
		p, err := Start(b.Dir, "rtpengine", nil, "rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=4", "--table=-1",
			"--interface=127.0.0.2", "--listen-ng="+Local(PortNG), "--port-min=1024", "--port-max=65000", "--timeout=60")
		if err != nil {
			return nil, err
		}
		ng, err := rtp.DialNG(Local(PortNG))
		if err != nil {
			return p, err
		}
		defer ng.Close()
		return p, Until("rtpengine answers", 10*time.Second, func() bool { return ng.Ping() == nil })
	}
	return s
}
