package node

import (
	"slices"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/media/tone"
)

// detection listens to a party for a verb. Digits come as the leg's own, by its endpoint.
type detection struct {
	monitor *media.Monitor  // nil when it wants digits alone
	digits  bool            // it wants digits
	of      *media.Endpoint // that was asked for them
}

// found are the words of what is found.
var found = map[tone.What]string{
	tone.Fax: "fax", tone.Beep: "beep", tone.BusyTone: "busy_tone", tone.Silence: "silence", tone.Human: "human", tone.Machine: "machine",
}

// detect begins to listen; to whom is said by the mix.
func (s *session) detect(o call.DetectStart) {
	d := &detection{digits: slices.Contains(o.What, call.DetectDigits)}
	cfg := tone.Config{
		Fax: slices.Contains(o.What, call.DetectFax), Greeting: slices.Contains(o.What, call.DetectMachine),
		Beep: slices.Contains(o.What, call.DetectBeep), BusyTone: slices.Contains(o.What, call.DetectBusyTone), Silence: o.Silence,
	}
	if cfg != (tone.Config{}) {
		detector := tone.New(cfg, func(f tone.Finding) {
			s.node.post(s, call.Detected{Detect: o.Detect, What: found[f.What], Confidence: f.Confidence, Hz: int(f.Hz),
				DurationMS: f.Duration.Milliseconds(), AfterMS: f.After.Milliseconds()})
		})
		d.monitor = s.node.cfg.Media.Monitor(detector.Hear)
	}
	if s.detections == nil {
		s.detections = map[int]*detection{}
	}
	s.detections[o.Detect] = d
}

// hear is told whom the mix has it listen to.
func (d *detection) hear(rows []media.Heard) {
	if d.monitor != nil {
		d.monitor.Hear(rows)
	}
	if !d.digits {
		return
	}
	var of *media.Endpoint
	if len(rows) > 0 {
		of, _ = rows[0].From.(*media.Endpoint)
	}
	if of == d.of {
		return
	}
	if of != nil {
		of.HearTones(true)
	}
	if d.of != nil {
		d.of.HearTones(false)
	}
	d.of = of
}

func (d *detection) stop() {
	d.hear(nil)
	if d.monitor != nil {
		d.monitor.Stop()
	}
}

func (s *session) stopDetect(id int) {
	if d := s.detections[id]; d != nil {
		d.stop()
		delete(s.detections, id)
	}
}
