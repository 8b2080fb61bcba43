package sound

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/edge/sound/wav"
	"github.com/offhook/offhook/edge/speech"
	"github.com/offhook/offhook/schemas/verb"
)

// slow is an engine that takes a second for each text.
type slow struct {
	mu   sync.Mutex
	said []string
	err  error
}

func (s *slow) Speak(ctx context.Context, r speech.Request) (wav.Sound, error) {
	s.mu.Lock()
	s.said = append(s.said, r.Text)
	s.mu.Unlock()
	select {
	case <-time.After(time.Second):
		s.mu.Lock()
		defer s.mu.Unlock()
		return narrow(make([]int16, 800)), s.err
	case <-ctx.Done():
		return wav.Sound{}, ctx.Err()
	}
}

func (s *slow) fails(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *slow) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.said)
}

func text(words string) verb.Audio { return verb.Audio{Say: &verb.Say{Text: words}} }

func inSlow(t *testing.T, test func(e *slow, l *Library, took func(words string) time.Duration)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := &slow{}
		l := start(t, Config{Speech: e})
		synctest.Wait()
		test(e, l, func(words string) time.Duration {
			begun := time.Now()
			if got, err := all(t, open(t, l, text(words))); err != nil || len(got) != 800 {
				t.Fatalf("%s: %d samples, %v", words, len(got), err)
			}
			return time.Since(begun).Truncate(100 * time.Millisecond)
		})
	})
}

func TestPreparedSpeechIsThereWhenItIsAskedFor(t *testing.T) {
	inSlow(t, func(e *slow, l *Library, took func(string) time.Duration) {
		for range 3 {
			l.Prepare(context.Background(), "demo", text("hello"))
		}
		l.Prepare(context.Background(), "demo", verb.Audio{Name: "nosuch"})
		time.Sleep(2 * time.Second)
		if d := took("hello"); d != 0 || len(e.texts()) != 1 {
			t.Errorf("after %s, spoken %q", d, e.texts())
		}
	})
}

func TestSpeechThatIsAskedForComesBeforeWhatIsPrepared(t *testing.T) {
	inSlow(t, func(e *slow, l *Library, took func(string) time.Duration) {
		for _, words := range []string{"a", "b", "c", "d", "e"} {
			l.Prepare(context.Background(), "demo", text(words))
		}
		time.Sleep(500 * time.Millisecond)
		if d := took("e"); d != time.Second { // it was the last of them
			t.Errorf("after %s", d)
		}
		if d := took("f"); d != time.Second {
			t.Errorf("another after %s", d)
		}
		time.Sleep(5 * time.Second)
		if got := e.texts(); len(got) != 6 || !slices.Equal(slices.Sorted(slices.Values(got)), []string{"a", "b", "c", "d", "e", "f"}) {
			t.Errorf("spoken %q", got)
		}
	})
}

func TestPreparingEndsWithWhoWantedIt(t *testing.T) {
	inSlow(t, func(e *slow, l *Library, took func(string) time.Duration) {
		ctx, cancel := context.WithCancel(context.Background())
		for _, words := range []string{"a", "b", "c"} {
			l.Prepare(ctx, "demo", text(words))
		}
		time.Sleep(500 * time.Millisecond)
		wanted := open(t, l, text("b"))
		cancel()
		l.Prepare(ctx, "demo", text("d"))
		time.Sleep(5 * time.Second)
		if got := e.texts(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("spoken %q", got)
		}
		if got, err := all(t, wanted); err != nil || len(got) != 800 {
			t.Errorf("what is waited for: %d samples, %v", len(got), err)
		}
		if d := took("a"); d != time.Second { // it was not made, and that is no failure
			t.Errorf("after %s", d)
		}
	})
}

func TestPreparingThatFailsIsTriedAgain(t *testing.T) {
	inSlow(t, func(e *slow, l *Library, took func(string) time.Duration) {
		e.fails(errors.New("broken"))
		l.Prepare(context.Background(), "demo", text("a"))
		time.Sleep(1500 * time.Millisecond)
		e.fails(nil)
		if d := took("a"); d != time.Second {
			t.Errorf("after %s", d)
		}
	})
}
