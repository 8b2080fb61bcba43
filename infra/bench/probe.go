package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/offhook/offhook/infra/bench/rig"
	"github.com/offhook/offhook/infra/bench/rtp"
)

// probes are times, in ms and sorted, measured one at a time beside the load: sipp's own clock knows only 4 ms.
type probes struct {
	answer []float64 // INVITE to 200
	hook   []float64 // the webhook's own
}

const probeEvery = 10 * time.Millisecond

// probe makes calls one after another and asks the webhook itself between them, until ctx ends.
func probe(ctx context.Context, sys *rig.System) (p probes, err error) {
	s, err := rtp.NewSIP(sys.Addr, "127.0.0.1:0")
	if err != nil {
		return p, err
	}
	defer s.Close()
	s.Answer(nil)
	for ctx.Err() == nil {
		took, err := s.Timed(sys.Dial)
		if err != nil {
			return p, err
		}
		p.answer = append(p.answer, ms(took))
		if took, err = askHook(); err != nil {
			return p, err
		}
		p.hook = append(p.hook, ms(took))
		time.Sleep(probeEvery)
	}
	slices.Sort(p.answer)
	slices.Sort(p.hook)
	return p, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func askHook() (time.Duration, error) {
	began := time.Now()
	res, err := http.Post("http://"+rig.Local(rig.PortHook)+"/answer", "application/json", bytes.NewReader([]byte(`{"reason":"call"}`)))
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return time.Since(began), err
}
