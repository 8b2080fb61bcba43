package node

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/edge/sipua"
)

// Stages of the way from an INVITE to its final response.
const (
	stageRead  = iota // from the wire to the call: parsed and admitted
	stageQueue        // until the call's worker took it up
	stageCore         // deciding, and what it brought about: media, events
	stageAsk          // the script's own time
	stageWake         // until an ask was on its way, and until its answer was taken up
	stageSend         // from the decision until the response was written
	stages
)

var stageNames = [stages]string{"read", "queue", "core", "ask", "wake", "send"}

// stopwatch times a call up to its final response where a script's answers lead there at once; a call that rings or plays
// before takes the time that its script wants. It is handed from one goroutine to the next with the call's inputs.
type stopwatch struct {
	mark  time.Time // where the stage under way began
	step  uint64    // the worker's step in which it was set
	spent [stages]time.Duration
}

func (w *stopwatch) lap(stage int, now time.Time) {
	w.spent[stage] += now.Sub(w.mark)
	w.mark = now
}

// asked is when an ask was on its way and when its answer was there.
type asked struct{ began, ended time.Time }

// begun: the worker has taken the call up.
func (s *session) begun() {
	if s.watch != nil {
		s.watch.lap(stageQueue, time.Now())
		s.watch.step = s.worker.steps
	}
}

// waits: the call waits for a script from now on. The watch stops where something else came between.
func (s *session) waits() {
	if s.watch == nil {
		return
	}
	if s.watch.step != s.worker.steps {
		s.watch = nil
		return
	}
	s.watch.lap(stageCore, time.Now())
}

// told: the script's answer is taken up.
func (s *session) told(a asked) {
	if s.watch == nil || a.began.IsZero() {
		return
	}
	s.watch.lap(stageWake, a.began)
	s.watch.lap(stageAsk, a.ended)
	s.watch.lap(stageWake, time.Now())
	s.watch.step = s.worker.steps
}

// decided hands the watch to the leg whose final response is about to be sent.
func (l *leg) decided() {
	w := l.s.watch
	l.s.watch = nil
	if w != nil && w.step == l.s.worker.steps && l.dialog.Inbound() {
		w.lap(stageCore, time.Now())
		l.final = w
	}
}

var _ sipua.FinalHandler = (*Node)(nil)

// OnFinal stops the watch: the final response is out.
func (n *Node) OnFinal(d *sipua.Dialog) {
	l, ok := d.Context.(*leg)
	if !ok || l.final == nil {
		return
	}
	l.final.lap(stageSend, time.Now())
	n.metrics.answer.observe(&l.final.spent)
	l.final = nil
}

// answerTimes are the histograms of the stages, and of all of them but the script's.
type answerTimes struct {
	all   *prometheus.HistogramVec
	stage [stages]prometheus.Observer
	own   prometheus.Observer
}

func newAnswerTimes() answerTimes {
	t := answerTimes{all: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "offhook", Name: "answer_seconds",
		Help: "From an INVITE to its final response: ask is the script's time, own all the rest, of which read, queue, core, wake and send are the parts. " +
			"Calls that ring or play first are left out.",
		Buckets: prometheus.ExponentialBuckets(0.00005, 1.7, 20)}, []string{"stage"})}
	for i, name := range stageNames {
		t.stage[i] = t.all.WithLabelValues(name)
	}
	t.own = t.all.WithLabelValues("own")
	return t
}

func (t *answerTimes) observe(spent *[stages]time.Duration) {
	var own time.Duration
	for i, d := range spent {
		t.stage[i].Observe(d.Seconds())
		if i != stageAsk {
			own += d
		}
	}
	t.own.Observe(own.Seconds())
}
