package rig

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Calls is a run of sipp as caller.
type Calls struct {
	Scenario string // file in the folder of scenarios
	Target   string // host:port
	Dial     string // user part
	Rate     int    // new calls a second
	Count    int
	Port     int           // of sipp
	Patience time.Duration // beyond Count/Rate before it is given up
}

// Outcome is how it went.
type Outcome struct {
	Calls, Good, Failed int
	Repeats             int           // retransmissions by sipp
	Planned, Took       time.Duration // until the last call was over
	GaveUp              bool
	Course              []Second
}

// Second is what ended in one second.
type Second struct{ Good, Failed int }

// Clean: every call went as the scenario says, at nine tenths of the rate asked for or more, without more than one
// repeated message in a hundred calls. sipp slows down where the machine cannot keep up, rather than fail.
func (o Outcome) Clean() bool {
	return !o.GaveUp && o.Failed == 0 && o.Good == o.Calls && o.Repeats*100 <= o.Calls && o.Took <= o.Planned*10/9
}

func (o Outcome) String() string {
	s := fmt.Sprintf("%d of %d calls good, %d repeats, %.1f s", o.Good, o.Calls, o.Repeats, o.Took.Seconds())
	if o.GaveUp {
		s += ", given up"
	}
	return s
}

// StartCalls starts sipp; Finish waits for it.
func StartCalls(dir, scenarios string, c Calls) (*Run, error) {
	work, err := os.MkdirTemp(dir, "sipp")
	if err != nil {
		return nil, err
	}
	args := []string{"-sf", filepath.Join(scenarios, c.Scenario), "-i", "127.0.0.1", "-p", strconv.Itoa(c.Port), "-mi", "127.0.0.1",
		"-s", c.Dial, "-r", strconv.Itoa(c.Rate), "-m", strconv.Itoa(c.Count), "-l", "100000", "-t", "u1", "-buff_size", "4194304",
		"-timer_resol", "1", "-nostdin", "-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_err", "-error_file", "errors.log", "-recv_timeout", "60000"}
	p, err := Start(work, "sipp", nil, "sipp", append(args, c.Target)...)
	return &Run{Process: p, calls: c, dir: work, began: time.Now()}, err
}

// Run is a sipp that runs.
type Run struct {
	*Process
	calls Calls
	dir   string
	began time.Time
}

// Finish waits for the last call, at most until Patience is over.
func (r *Run) Finish() (Outcome, error) {
	c := r.calls
	planned := time.Duration(c.Count) * time.Second / time.Duration(c.Rate)
	code := r.Wait(planned + c.Patience)
	o := Outcome{Calls: c.Count, Planned: planned, Took: time.Since(r.began), GaveUp: code < 0}
	if err := r.read(&o); err != nil && !o.GaveUp {
		return o, fmt.Errorf("sipp (exit %d): %w\n%s", code, err, Tail(filepath.Join(r.dir, "sipp.log"), 2000))
	}
	return o, os.RemoveAll(r.dir)
}

// read takes the last line of sipp's statistics.
func (r *Run) read(o *Outcome) error {
	f, err := os.Open(filepath.Join(r.dir, "stat.csv"))
	if err != nil {
		return err
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.Comma, in.FieldsPerRecord = ';', -1
	rows, err := in.ReadAll()
	if err != nil || len(rows) < 3 {
		return fmt.Errorf("no statistics: %w", err)
	}
	of := func(row []string, name string) int {
		if i := slices.Index(rows[0], name); i >= 0 && i < len(row) {
			n, _ := strconv.Atoi(row[i])
			return n
		}
		return 0
	}
	for _, row := range rows[2:] { // the first is of the moment it began
		o.Course = append(o.Course, Second{of(row, "SuccessfulCall(P)"), of(row, "FailedCall(P)")})
	}
	field := func(name string) int { return of(rows[len(rows)-1], name) }
	o.Good, o.Failed, o.Repeats = field("SuccessfulCall(C)"), field("FailedCall(C)"), field("Retransmissions(C)")
	return nil
}

// Percentile of sorted values, 0 when there are none.
func Percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(p/100*float64(len(sorted))))]
}

// StartAnswering starts a sipp that answers calls at a port.
func StartAnswering(dir, scenarios, scenario string, port int) (*Process, error) {
	return Start(dir, "sipp-uas", nil, "sipp", "-sf", filepath.Join(scenarios, scenario), "-i", "127.0.0.1", "-p", strconv.Itoa(port),
		"-mi", "127.0.0.1", "-t", "u1", "-buff_size", "4194304", "-timer_resol", "1", "-nostdin", "-l", "100000")
}

// Tail is the end of a file.
func Tail(path string, n int) string {
	b, _ := os.ReadFile(path)
	return strings.ToValidUTF8(string(b[max(0, len(b)-n):]), "")
}
