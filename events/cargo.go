package events

import (
	"bytes"
	"io"

	"github.com/segmentio/kafka-go"
)

// cargo is what one request carries: events as the spool has them, each made a record when the request is written, in the
// memory of the one before. Sending uses it up, so that each attempt needs its own.
type cargo struct {
	spooled    [][]byte
	m          message
	record     kafka.Record
	key, value content
}

// ReadRecord gives the next record; it is good until the one after it is read.
func (c *cargo) ReadRecord() (*kafka.Record, error) {
	if len(c.spooled) == 0 {
		return nil, io.EOF
	}
	f, err := decodeFields(c.spooled[0])
	if err != nil {
		return nil, err
	}
	c.spooled = c.spooled[1:]
	c.m.fill(&f)
	c.record = kafka.Record{Time: c.m.time, Key: c.key.of(c.m.key), Value: c.value.of(c.m.value), Headers: c.m.headers}
	return &c.record, nil
}

// content is a key or value that is used again.
type content struct{ bytes.Reader }

func (c *content) of(b []byte) kafka.Bytes {
	if b == nil {
		return nil
	}
	c.Reset(b)
	return c
}

// Close has nothing to give back.
func (*content) Close() error { return nil }
