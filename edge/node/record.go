package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/edge/recordings"
)

// Tape is a recording that is being made; *recordings.File in production.
type Tape interface {
	Write(pcm []int16) error
	// Store ends it. An error with a Location: it will be there.
	Store(ctx context.Context) (recordings.Stored, error)
}

// recorders are the recordings of a node: each has a goroutine that writes what its recorder hears, and the node waits
// for all of them.
type recorders struct {
	all    sync.WaitGroup
	live   atomic.Int64
	ctx    context.Context // ends when nobody can wait for a bucket any more
	giveUp context.CancelFunc

	stored, failed, lost prometheus.Counter
}

func (r *recorders) begin() {
	r.ctx, r.giveUp = context.WithCancel(context.Background())
	r.stored = counter("recordings_stored_total", "Recordings stored.")
	r.failed = counter("recordings_failed_total", "Recordings that could not be made, or not stored at once.")
	r.lost = counter("recording_frames_lost_total", "Frames of 20 ms that are silence because the disk or the process was too slow.")
}

func (r *recorders) collectors() []prometheus.Collector {
	live := gauge("recordings_live", "Recordings being made or stored.", &r.live)
	return []prometheus.Collector{r.stored, r.failed, r.lost, live}
}

// record begins a recording. RecordEnded follows, unless the call is over before.
func (s *session) record(o call.RecordStart) {
	n := s.node
	rate := media.Rate
	if o.Wide {
		rate = media.WideRate
	}
	rec := n.cfg.Media.Record(media.Recording{Channels: o.Channels, Rate: rate, Limit: o.Limit, Silence: o.Silence})
	if s.records == nil {
		s.records = map[int]*media.Recorder{}
	}
	s.records[o.Record] = rec
	about := recordings.New{Tenant: s.tenant, Name: o.Name, ID: o.ID, At: time.Now(), Rate: rate, Channels: o.Channels}
	n.recorders.live.Add(1)
	n.recorders.all.Go(func() {
		defer n.recorders.live.Add(-1)
		in := n.keep(rec, about)
		in.Record = o.Record
		n.post(s, in)
	})
}

func (s *session) withRecorder(id int, f func(*media.Recorder)) {
	if rec := s.records[id]; rec != nil {
		f(rec)
	}
}

// keep writes a recording to its end and tells what became of it.
func (n *Node) keep(rec *media.Recorder, about recordings.New) call.RecordEnded {
	stored, whole, err := n.write(rec, about)
	rec.Stop()
	why, st := rec.Ended()
	in := call.RecordEnded{Why: recordEnds[why], DurationMS: st.Duration.Milliseconds(),
		Bytes: stored.Bytes, SHA256: stored.SHA256, Location: stored.Location}
	m, log := &n.recorders, n.log.With("recording", about.ID, "tenant", about.Tenant)
	if lost := st.Lost + st.Late; lost > 0 {
		m.lost.Add(float64(lost))
		log.Warn("frames of a recording are silence: the disk or the process was too slow", "frames", lost)
	}
	if err == nil {
		m.stored.Inc()
		return in
	}
	m.failed.Inc()
	log.Error("recording not stored", "location", stored.Location, "err", err)
	if in.Error = withoutPaths(err); !whole {
		in.Why = call.RecordedFailed
	}
	return in
}

var recordEnds = map[media.RecordEnd]string{
	media.RecordStopped: call.RecordedStopped, media.RecordSilence: call.RecordedSilence, media.RecordLimit: call.RecordedLimit,
}

var errNoRecordings = errors.New("this edge has no place for recordings")

// write brings what is heard into a file until it ends. A file that could not be written on is stored as far as it came,
// and not whole.
func (n *Node) write(rec *media.Recorder, about recordings.New) (stored recordings.Stored, whole bool, err error) {
	if n.cfg.Record == nil {
		return stored, false, errNoRecordings
	}
	tape, err := n.cfg.Record(about)
	if err != nil {
		return stored, false, err
	}
	pcm := make([]int16, about.Rate/2*about.Channels)
	for err == nil {
		got, more := rec.Read(pcm)
		if !more {
			break
		}
		err = tape.Write(pcm[:got])
	}
	rec.Stop()
	stored, other := tape.Store(n.recorders.ctx)
	return stored, err == nil && stored.Location != "", errors.Join(err, other)
}

// withoutPaths is an error without the paths of this machine.
func withoutPaths(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.As(err, &link):
		return link.Err.Error()
	}
	return err.Error()
}
