package events

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// anyEvent draws events that the envelope allows.
func anyEvent(rt *rapid.T) Event {
	attr := rapid.StringMatching(`[^\x00-\x1f\x7f]{1,40}`)
	e := Event{
		ID: attr.Draw(rt, "id"), Type: attr.Draw(rt, "type"), Source: attr.Draw(rt, "source"),
		Topic: rapid.SampledFrom([]string{TopicCalls, TopicState}).Draw(rt, "topic"), Key: attr.Draw(rt, "key"),
		Time: time.Unix(rapid.Int64Range(-1e9, 4e9).Draw(rt, "s"), rapid.Int64Range(0, 999_999_999).Draw(rt, "ns")).UTC(),
		Data: rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(rt, "data"),
	}
	if rapid.Bool().Draw(rt, "subject?") {
		e.Subject = attr.Draw(rt, "subject")
	}
	if e.Topic == TopicState && rapid.Bool().Draw(rt, "tombstone?") {
		e.Data = nil
	}
	return e
}

// message is the event's Kafka record.
func (e *Event) message() message {
	f, err := decodeFields(encodeEvent(nil, *e))
	if err != nil {
		panic(err)
	}
	var m message
	m.fill(&f)
	return m
}

func show(e Event) string { return fmt.Sprintf("%+q %v %v", e, e.Time.UnixNano(), e.Data == nil) }

func TestAnEventIsTheSameAfterTheSpoolAndAfterKafka(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := anyEvent(rt)
		spooled := encodeEvent(nil, e)
		if len(spooled) > eventSize(e)+16 {
			rt.Fatalf("%d bytes, size said %d", len(spooled), eventSize(e))
		}
		m := e.message()
		d, err := m.delivered()
		if err != nil || show(d.Event) != show(e) {
			rt.Fatalf("kafka: %v\ngot  %s\nwant %s", err, show(d.Event), show(e))
		}
	})
}

func TestACutOrForeignSpoolRecordIsAnErrorAndNoPanic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := encodeEvent(nil, anyEvent(rt))
		if _, err := decodeFields(b[:rapid.IntRange(0, len(b)-1).Draw(rt, "cut")]); err == nil {
			rt.Fatal("a cut record was read")
		}
		if _, err := decodeFields(append(b, 0)); err == nil {
			rt.Fatal("a record with something behind it was read")
		}
		_, _ = decodeFields(rapid.SliceOf(rapid.Byte()).Draw(rt, "noise"))
		b[0]++
		if _, err := decodeFields(b); !errors.Is(err, errCodec) {
			rt.Fatal("an unknown version was read")
		}
	})
}

func valid() Event {
	return Event{ID: "1", Type: "offhook.call.held", Source: "/offhook/edge/a", Subject: "call_1", Topic: TopicCalls, Key: "call_1", Data: []byte(`{}`)}
}

func TestAnEventThatBreaksTheEnvelopeIsRefusedByName(t *testing.T) {
	for name, breakIt := range map[string]func(*Event){
		"id is empty":      func(e *Event) { e.ID = "" },
		"type is empty":    func(e *Event) { e.Type = "" },
		"source is empty":  func(e *Event) { e.Source = "" },
		"no data":          func(e *Event) { e.Data = nil },
		"key is empty":     func(e *Event) { e.Topic, e.Key = TopicState, "" },
		"id is too long":   func(e *Event) { e.ID = strings.Repeat("x", 1025) },
		"type is too long": func(e *Event) { e.Type = "a\r\nb" },
		"subject is too":   func(e *Event) { e.Subject = "a\x00b" },
		"source is too":    func(e *Event) { e.Source = "\xff" },
	} {
		e := valid()
		breakIt(&e)
		if err := e.Validate(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := valid().Validate(); err != nil {
		t.Errorf("a valid event: %v", err)
	}
}

func TestARecordThatIsNoCloudEventIsNamed(t *testing.T) {
	set := func(name, value string) func(*message) {
		return func(m *message) {
			for i := range m.headers {
				if m.headers[i].Key == name {
					m.headers[i].Value = []byte(value)
				}
			}
		}
	}
	for want, breakIt := range map[string]func(*message){
		"ce_specversion": set(hdrSpec, "0.3"), "ce_time": set(hdrTime, "yesterday"), "content-type": set(hdrContentType, "text/plain"),
		"id is empty": set(hdrID, ""), "no data": func(m *message) { m.value = nil },
	} {
		e := valid()
		m := e.message()
		breakIt(&m)
		if _, err := m.delivered(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	e := valid()
	m := e.message()
	set(hdrContentType, "application/json; charset=UTF-8")(&m)
	if _, err := m.delivered(); err != nil {
		t.Errorf("a parameter of the content type: %v", err)
	}
}

func TestADeadLetterTellsWhereItWasAndIsRestoredAsItWas(t *testing.T) {
	e := valid()
	m := e.message()
	letter := dead(m, deadLetter{Topic: TopicCalls, Partition: 3, Offset: 42, Group: "email", Attempts: 5, Err: errors.New(strings.Repeat("é", 2000))})
	letter = dead(letter, deadLetter{Topic: TopicCalls, Partition: 4, Offset: 43, Group: "email", Attempts: 5, Err: errors.New("again")})
	l := letterOf(&letter)
	if l.Origin != (Origin{Topic: TopicCalls, Partition: 4, Offset: 43, Group: "email", Attempts: 5}) || l.Error != "again" || l.ID != "1" || l.At.IsZero() {
		t.Errorf("letter %+v", l)
	}
	back := restored(&letter)
	want := append(m.headers, kafka.Header{Key: hdrReplayGroup, Value: []byte("email")})
	if fmt.Sprint(back) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", back, want)
	}
	long := clip(strings.Repeat("é", 2000), maxErrorText-1)
	if len(long) != maxErrorText-2 || strings.ContainsRune(long, '\uFFFD') {
		t.Errorf("a text was cut inside a letter: %d bytes", len(long))
	}
}

func TestTypesAreWantedByNameOrBeginning(t *testing.T) {
	for _, c := range []struct {
		types []string
		t     string
		want  bool
	}{
		{nil, "offhook.call.held", true},
		{[]string{"offhook.call.held"}, "offhook.call.held", true},
		{[]string{"offhook.call.held"}, "offhook.call.held2", false},
		{[]string{"offhook.call.*"}, "offhook.call.held", true},
		{[]string{"offhook.call.*"}, "offhook.caller", false},
		{[]string{"a", "offhook.leg.*"}, "offhook.leg.busy", true},
	} {
		if got := wantsType(c.types, c.t); got != c.want {
			t.Errorf("%q of %q: %v", c.t, c.types, got)
		}
	}
}
