package events

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/segmentio/kafka-go"
)

// ErrInvalid says that an event breaks the rules of the envelope. It was not taken.
var ErrInvalid = errors.New("invalid event")

const (
	maxAttribute = 1024
	contentJSON  = "application/json"
)

// Headers of CloudEvents 1.0 in the Kafka protocol binding, binary content mode (binding 3.2):
// attributes have the prefix ce_, but datacontenttype is content-type. partitionkey is a documented extension.
const (
	hdrSpec         = "ce_specversion"
	hdrID           = "ce_id"
	hdrSource       = "ce_source"
	hdrType         = "ce_type"
	hdrSubject      = "ce_subject"
	hdrTime         = "ce_time"
	hdrPartitionKey = "ce_partitionkey"
	hdrContentType  = "content-type"
)

// Validate checks an event against the envelope. The error wraps ErrInvalid and names the attribute.
func (e Event) Validate() error {
	for _, a := range [...]struct {
		name, value string
		required    bool
	}{
		{"id", e.ID, true}, {"type", e.Type, true}, {"source", e.Source, true},
		{"subject", e.Subject, false}, {"key", e.Key, e.Topic == TopicState},
	} {
		if a.required && a.value == "" {
			return fmt.Errorf("%w: %s is empty", ErrInvalid, a.name)
		}
		if !cleanAttribute(a.value) {
			return fmt.Errorf("%w: %s is too long or has a control character", ErrInvalid, a.name)
		}
	}
	if e.Data == nil && e.Topic != TopicState {
		return fmt.Errorf("%w: no data", ErrInvalid)
	}
	return nil
}

// cleanAttribute: CloudEvents 1.0 allows no control characters and no invalid code points in a string (3.1 type system).
func cleanAttribute(s string) bool {
	if len(s) > maxAttribute {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// fill makes the Kafka record of an event in the place of another one. It points to the event's bytes.
func (m *message) fill(f *fields) {
	add := func(name string, value []byte) { m.headers = append(m.headers, kafka.Header{Key: name, Value: value}) }
	at := time.Unix(0, f.at).UTC()
	*m = message{topic: topicName(f.topic), time: at, value: f.data, headers: m.headers[:0], clock: at.AppendFormat(m.clock[:0], time.RFC3339Nano)}
	add(hdrSpec, specVersion)
	add(hdrID, f.id)
	add(hdrSource, f.source)
	add(hdrType, f.kind)
	if len(f.subject) > 0 {
		add(hdrSubject, f.subject)
	}
	add(hdrTime, m.clock)
	if len(f.key) > 0 {
		m.key = f.key
		add(hdrPartitionKey, f.key)
	}
	if f.data != nil {
		add(hdrContentType, jsonType)
	}
}

var specVersion, jsonType = []byte("1.0"), []byte(contentJSON)

// message is a Kafka record with bytes of its own.
type message struct {
	topic     string
	partition int
	offset    int64
	time      time.Time
	key       []byte // nil: none
	value     []byte // nil: a tombstone
	headers   []kafka.Header
	clock     []byte // memory of ce_time
}

// records is the form for sending one message. Sending uses it up, so that each attempt needs its own.
func (m *message) records() kafka.RecordReader {
	return kafka.NewRecordReader(kafka.Record{Time: m.time, Key: kafka.NewBytes(m.key), Value: kafka.NewBytes(m.value), Headers: m.headers})
}

func (m *message) header(name string) string {
	for _, h := range m.headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// delivered turns a record into an event. The error wraps ErrInvalid; the record is then not one of ours.
func (m *message) delivered() (Delivered, error) {
	e := Event{Topic: m.topic, Key: string(m.key), Time: m.time, Data: m.value}
	var spec, contentType, partitionKey, at string
	for _, h := range m.headers {
		switch v := string(h.Value); h.Key {
		case hdrSpec:
			spec = v
		case hdrID:
			e.ID = v
		case hdrSource:
			e.Source = v
		case hdrType:
			e.Type = v
		case hdrSubject:
			e.Subject = v
		case hdrTime:
			at = v
		case hdrPartitionKey:
			partitionKey = v
		case hdrContentType:
			contentType = v
		}
	}
	d := Delivered{Event: e, Partition: m.partition, Offset: m.offset, Attempt: 1}
	return d, d.setChecked(spec, contentType, partitionKey, at)
}

func (d *Delivered) setChecked(spec, contentType, partitionKey, at string) error {
	if spec != "1.0" {
		return fmt.Errorf("%w: ce_specversion is %q, not 1.0", ErrInvalid, spec)
	}
	if media, _, _ := strings.Cut(contentType, ";"); d.Data != nil && strings.TrimSpace(media) != contentJSON {
		return fmt.Errorf("%w: content-type is %q, not %s", ErrInvalid, contentType, contentJSON)
	}
	if at != "" {
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			return fmt.Errorf("%w: ce_time is no RFC 3339 time", ErrInvalid)
		}
		d.Time = t.UTC()
	}
	if d.Key == "" {
		d.Key = partitionKey
	}
	if d.Data == nil && d.Topic != TopicState {
		return fmt.Errorf("%w: no data", ErrInvalid)
	}
	return d.Validate()
}
