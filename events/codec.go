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

// decodeRoute reads topic, key and time; rest is what follows.
func decodeRoute(b []byte) (e Event, rest *decoder, err error) {
	if len(b) == 0 || b[0] != codecVersion {
		return Event{}, nil, errCodec
	}
	d := &decoder{b: b[1:]}
	e.Topic = string(d.bytes(d.uvarint()))
	e.Key = string(d.bytes(d.uvarint()))
	e.Time = time.Unix(0, d.varint()).UTC()
	if d.bad {
		return Event{}, nil, errCodec
	}
	return e, d, nil
}

// decodeEvent reads a whole event. Data points into b.
func decodeEvent(b []byte) (Event, error) {
	e, d, err := decodeRoute(b)
	if err != nil {
		return Event{}, err
	}
	e.ID = string(d.bytes(d.uvarint()))
	e.Type = string(d.bytes(d.uvarint()))
	e.Source = string(d.bytes(d.uvarint()))
	e.Subject = string(d.bytes(d.uvarint()))
	if n := d.uvarint(); n > 0 {
		e.Data = d.bytes(n - 1)
	}
	if d.bad || len(d.b) != 0 {
		return Event{}, errCodec
	}
	return e, nil
}
