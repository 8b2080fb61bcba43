package phone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/offhook/offhook/edge/sound/wav"

	"github.com/offhook/offhook/infra/phone/ear"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// side is one of two phones, as it ran.
type side struct {
	report Report
	err    error
	out    bytes.Buffer
	kinds  []string
}

// address says where a waiting phone waits.
func address(text string) string { return text[strings.LastIndex(text, " ")+1:] }

// meet lets one phone wait and another call it, and gives both when both are done. The caller hangs up when enough, if given, says
// so after an event of either.
func meet(t *testing.T, caller, callee Options, enough func(from, to *side) bool) (from, to *side) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	calling, hangUp := context.WithCancel(ctx)
	defer hangUp()
	from, to = &side{}, &side{}
	var mu sync.Mutex
	note := func(s *side, e Event) {
		mu.Lock()
		defer mu.Unlock()
		s.kinds = append(s.kinds, e.Kind)
		if enough != nil && enough(from, to) {
			hangUp()
		}
	}
	waits, over := make(chan string, 1), make(chan struct{})
	callee.Wait, callee.Local = true, "127.0.0.1"
	callee.Notify = func(e Event) {
		note(to, e)
		if e.Kind == "waiting" {
			waits <- address(e.Text)
		}
	}
	go func() {
		defer close(over)
		to.report, to.err = Run(ctx, callee, &to.out)
	}()
	select {
	case at := <-waits:
		caller.Target = "sip:anna@" + at
		caller.Notify = func(e Event) { note(from, e) }
		from.report, from.err = Run(calling, caller, &from.out)
	case <-over:
	}
	<-over
	return from, to
}

// count of events of a kind.
func (s *side) count(kind string) (n int) {
	for _, k := range s.kinds {
		if k == kind {
			n++
		}
	}
	return n
}

// hears tells whether a tone was heard for at least d.
func hears(r Report, hz float64, d time.Duration) bool {
	var sum time.Duration
	for _, tone := range r.Heard {
		if math.Abs(tone.Hz-hz) < 3 {
			sum += time.Duration(tone.To - tone.From)
		}
	}
	return sum >= d
}

func ordered(t *testing.T, got []string, want ...string) {
	t.Helper()
	at := 0
	for _, k := range got {
		if at < len(want) && k == want[at] {
			at++
		}
	}
	if at < len(want) {
		t.Errorf("%q is not among %v in this order: %v", want[at], got, want)
	}
}

func TestTwoPhonesTalkAndTheCallerHangsUp(t *testing.T) {
	t.Parallel()
	from, to := meet(t,
		Options{As: "bob", Name: "Bob Smith", Sound: Sound{Tone: 440}, Digits: Digits{Send: "1ww#"}},
		Options{Answer: Answering{After: 50 * time.Millisecond}, Sound: Sound{Tone: 700}},
		func(from, to *side) bool { return to.count(KindDigitHeard) == 2 && from.count(KindHearing) > 0 })
	if from.err != nil || to.err != nil {
		t.Fatalf("caller: %v, callee: %v\n%s\n%s", from.err, to.err, &from.out, &to.out)
	}
	if from.report.Outcome != Answered || from.report.EndedBy != "us" || to.report.EndedBy != "them" {
		t.Errorf("%+v\n%+v", from.report, to.report)
	}
	if to.report.From != "bob" || to.report.FromName != "Bob Smith" {
		t.Errorf("call from %q %q", to.report.From, to.report.FromName)
	}
	if !hears(from.report, 700, 200*time.Millisecond) || !hears(to.report, 440, 100*time.Millisecond) {
		t.Errorf("caller heard %v, callee %v", from.report.Heard, to.report.Heard)
	}
	if to.report.Digits != "1#" {
		t.Errorf("digits %q", to.report.Digits)
	}
	ordered(t, from.kinds, KindCalling, KindRinging, KindAnswered, KindHearing, KindDigitSent, KindHangup)
	ordered(t, to.kinds, KindIncoming, KindRinging, KindAnswered, KindDigitHeard, KindHangup)
	if m := from.report.Media; m.Codec != "PCMU" || m.Received < 10 || m.Lost != 0 {
		t.Errorf("media %+v", m)
	}
}

func TestHoldStopsTheSoundAndResumeBringsItBack(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"sendonly", "inactive", "zero", "update"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			from, to := meet(t,
				Options{Sound: Sound{Tone: 440}, Hold: []Hold{{2 * time.Second, 4 * time.Second, how}}},
				Options{Sound: Sound{Tone: 700}},
				func(from, to *side) bool { return to.count(KindHearing) == 2 && from.count(KindResumed) == 1 })
			if from.err != nil || to.err != nil {
				t.Fatalf("caller: %v, callee: %v\n%s\n%s", from.err, to.err, &from.out, &to.out)
			}
			ordered(t, from.kinds, KindAnswered, KindHolding, KindResumed, KindHangup)
			ordered(t, to.kinds, KindHearing, KindHeldBy, KindResumedBy, KindHangup)
			ordered(t, to.kinds, KindHearing, KindHeldBy, KindSilent, KindHearing, KindHangup) // sound may come before the signalling is done
		})
	}
}

func TestRefusalIsAFailureOfTheCallerAndNotOfWhoRefused(t *testing.T) {
	t.Parallel()
	from, to := meet(t, Options{}, Options{Answer: Answering{Reject: 486}}, nil)
	var failed *Failed
	if !errors.As(from.err, &failed) || failed.Code != 486 || from.report.Outcome != Refused {
		t.Errorf("caller: %v, %+v", from.err, from.report)
	}
	if to.err != nil || to.report.Outcome != Rejected {
		t.Errorf("callee: %v, %+v", to.err, to.report)
	}
}

func TestImpatientCallerCancels(t *testing.T) {
	t.Parallel()
	from, to := meet(t, Options{Patience: time.Second}, Options{Answer: Answering{After: time.Minute}}, nil)
	var failed *Failed
	if !errors.As(from.err, &failed) || failed.Code != 487 || from.report.Outcome != NoAnswer {
		t.Errorf("caller: %v, %+v", from.err, from.report)
	}
	if to.err != nil || to.report.Outcome != Missed {
		t.Errorf("callee: %v, %+v", to.err, to.report)
	}
}

func TestInterruptWhileItRingsCancels(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	over := make(chan error, 1)
	var to Report
	callee := Options{Wait: true, Local: "127.0.0.1", Answer: Answering{After: time.Minute}}
	waits := make(chan string, 1)
	callee.Notify = func(e Event) {
		if e.Kind == "waiting" {
			waits <- address(e.Text)
		}
	}
	go func() {
		var err error
		to, err = Run(context.Background(), callee, &bytes.Buffer{})
		over <- err
	}()
	caller := Options{Target: "sip:x@" + <-waits, Notify: func(e Event) {
		if e.Kind == KindRinging {
			cancel()
		}
	}}
	from, err := Run(ctx, caller, &bytes.Buffer{})
	if err != nil || from.Outcome != Cancelled {
		t.Errorf("caller: %v, %+v", err, from)
	}
	if err := <-over; err != nil || to.Outcome != Missed {
		t.Errorf("callee: %v, %+v", err, to)
	}
}

func TestInterruptDuringACallHangsUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	waits, over := make(chan string, 1), make(chan struct{})
	var to Report
	go func() {
		defer close(over)
		to, _ = Run(ctx, Options{Wait: true, Local: "127.0.0.1", Notify: func(e Event) {
			switch e.Kind {
			case "waiting":
				waits <- address(e.Text)
			case KindHearing:
				cancel()
			}
		}}, &bytes.Buffer{})
	}()
	from, err := Run(context.Background(), Options{Target: "sip:x@" + <-waits, Sound: Sound{Tone: 500}}, &bytes.Buffer{})
	<-over
	if err != nil || from.EndedBy != "them" || to.EndedBy != "us" {
		t.Errorf("%v\n%+v\n%+v", err, from, to)
	}
}

func TestFileIsPlayedAndWhatWasHeardIsRecorded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	play, record := filepath.Join(dir, "a.wav"), filepath.Join(dir, "b.wav")
	samples := make([]int16, 8000)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*1000*float64(i)/8000))
	}
	var b bytes.Buffer
	if err := errors.Join(wav.Write(&b, 8000, samples), os.WriteFile(play, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	from, to := meet(t, Options{Sound: Sound{Play: play, Codec: "pcma"}}, Options{Sound: Sound{Record: record}},
		func(_, to *side) bool { return to.count(KindSilent) > 0 })
	if from.err != nil || to.err != nil {
		t.Fatalf("caller: %v, callee: %v", from.err, to.err)
	}
	if !slices.Contains(from.kinds, KindPlayed) || from.report.Media.Codec != "PCMA" {
		t.Errorf("%v, %+v", from.kinds, from.report.Media)
	}
	f, err := os.Open(record)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := wav.Read(f, wav.Options{})
	if err != nil || len(got) < 15000 {
		t.Fatalf("%d samples recorded of a second of tone and one of silence, %v", len(got), err)
	}
	if heard, _ := ear.Listen(got); len(heard) != 1 || math.Abs(heard[0].Hz-1000) > 1 {
		t.Errorf("the recording has %v", heard)
	}
}

func TestDigitsByInfoAreHeard(t *testing.T) {
	t.Parallel()
	from, to := meet(t, Options{Digits: Digits{Send: "42*", Info: true, After: 50 * time.Millisecond}}, Options{},
		func(_, to *side) bool { return to.count(KindDigitHeard) == 3 })
	if from.err != nil || to.report.Digits != "42*" {
		t.Errorf("%v, digits %q\n%s", from.err, to.report.Digits, &from.out)
	}
}

func TestEveryDigitByRFC4733IsHeardOnce(t *testing.T) {
	t.Parallel()
	from, to := meet(t, Options{Digits: Digits{Send: "1100#", After: 50 * time.Millisecond}}, Options{Sound: Sound{Tone: 300}},
		func(_, to *side) bool { return to.count(KindDigitHeard) == 5 })
	if from.err != nil || to.report.Digits != "1100#" {
		t.Errorf("%v, digits %q\n%s", from.err, to.report.Digits, &from.out)
	}
}

func TestJSONTimelineIsOneObjectALineAndEndsWithTheReport(t *testing.T) {
	t.Parallel()
	from, _ := meet(t, Options{JSON: true, For: 2 * time.Second}, Options{Sound: Sound{Tone: 1234}}, nil)
	lines := strings.Split(strings.TrimSpace(from.out.String()), "\n")
	var last struct {
		Event  string
		Report struct {
			Outcome string
			Talked  float64
			Heard   []struct{ Hz, From, To float64 }
		}
	}
	for _, l := range lines {
		if err := json.Unmarshal([]byte(l), &last); err != nil {
			t.Fatalf("%s: %v", l, err)
		}
	}
	if last.Event != "summary" || last.Report.Outcome != Answered || last.Report.Talked < 1.9 {
		t.Errorf("%+v", last)
	}
	for _, tone := range last.Report.Heard {
		if math.Abs(tone.Hz-1234) > 2 {
			t.Errorf("heard %v", last.Report.Heard)
		}
	}
	if len(last.Report.Heard) == 0 {
		t.Error("heard nothing")
	}
}

func TestWrongOptionsAreUsageErrors(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"no target":      {},
		"target too":     {Wait: true, Target: "100"},
		"line break":     {Target: "100\r\nX: y"},
		"bad URI":        {Target: "tel:+371"},
		"bad digits":     {Target: "100", Digits: Digits{Send: "1x"}},
		"bad codec":      {Target: "100", Sound: Sound{Codec: "opus"}},
		"bad transport":  {Target: "100", Transport: "tls"},
		"missing file":   {Target: "sip:x@127.0.0.1:9", Sound: Sound{Play: "/nowhere/a.wav"}},
		"bad rejection":  {Wait: true, Answer: Answering{Reject: 200}},
		"user with host": {Target: "100", As: "bob@example"},
	} {
		if _, err := Run(context.Background(), o, &bytes.Buffer{}); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHoldIsReadAsTwoTimes(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Hold{
		"3s:2s": {3 * time.Second, 2 * time.Second, ""}, "0.5:1:inactive": {500 * time.Millisecond, time.Second, "inactive"},
	} {
		if got, err := ParseHold(s); err != nil || got != want {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "3s", "a:b", "1:2:maybe", "-1s:2s", "1:2:zero:4"} {
		if _, err := ParseHold(s); !errors.Is(err, ErrUsage) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestNobodyListeningIsToldAtOnce(t *testing.T) {
	_, err := Run(t.Context(), Options{Server: "127.0.0.1:1", Target: "100"}, io.Discard)
	if !errors.Is(err, ErrNobody) {
		t.Errorf("got %v, want ErrNobody", err)
	}
}
