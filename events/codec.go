package events

import (
	"encoding/binary"
	"errors"
	"time"
)

// The form of an event in the spool: a version, what the forwarder routes by, then the rest.
// Strings have their length before them; data has length+1, so that 0 is a tombstone.
const codecVersion = 1

var errCodec = errors.New("spooled event has an unknown form")

func encodeEvent(b []byte, e Event) []byte {
	b = append(b, codecVersion)
	b = appendString(b, e.Topic)
	b = appendString(b, e.Key)
	b = binary.AppendVarint(b, e.Time.UnixNano())
	b = appendString(b, e.ID)
	b = appendString(b, e.Type)
	b = appendString(b, e.Source)
	b = appendString(b, e.Subject)
	if e.Data == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Data))+1)
	return append(b, e.Data...)
}

func eventSize(e Event) int {
	return 32 + len(e.Topic) + len(e.Key) + len(e.ID) + len(e.Type) + len(e.Source) + len(e.Subject) + len(e.Data)
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// decoder reads what encodeEvent wrote; after a fault everything is empty and bad is set.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

// span is where a field stands in a record.
type span struct{ at, end int }

func (d *decoder) span(whole []byte) span {
	n := d.uvarint()
	at := len(whole) - len(d.b)
	return span{at, at + len(d.bytes(n))}
}

// route is what the forwarder goes by: the rest of the event is read by its lane.
type route struct {
	topic string
	key   string
	at    int64 // Unix nanoseconds
}

// decodeRoute reads topic, key and time. Known topics cost no memory.
func decodeRoute(b []byte) (route, error) {
	if len(b) == 0 || b[0] != codecVersion {
		return route{}, errCodec
	}
	d := decoder{b: b[1:]}
	r := route{topic: topicName(d.bytes(d.uvarint())), key: string(d.bytes(d.uvarint())), at: d.varint()}
	if d.bad {
		return route{}, errCodec
	}
	return r, nil
}

func topicName(b []byte) string {
	switch string(b) {
	case TopicCalls:
		return TopicCalls
	case TopicState:
		return TopicState
	}
	return string(b)
}

// decodeEvent reads a whole event. Data points into b; the texts share one piece of memory.
func decodeEvent(b []byte) (Event, error) {
	if len(b) == 0 || b[0] != codecVersion {
		return Event{}, errCodec
	}
	d := decoder{b: b[1:]}
	topic, key, at := d.span(b), d.span(b), d.varint()
	id, kind, source, subject := d.span(b), d.span(b), d.span(b), d.span(b)
	end := len(b) - len(d.b)
	var data []byte
	if n := d.uvarint(); n > 0 {
		data = d.bytes(n - 1)
	}
	if d.bad || len(d.b) != 0 {
		return Event{}, errCodec
	}
	head := string(b[:end])
	text := func(s span) string { return head[s.at:s.end] }
	return Event{
		ID: text(id), Type: text(kind), Source: text(source), Subject: text(subject), Time: time.Unix(0, at).UTC(),
		Topic: text(topic), Key: text(key), Data: data,
	}, nil
}
