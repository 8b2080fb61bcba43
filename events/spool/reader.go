package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	readAhead = 256 << 10
	readOne   = 2 << 10 // when only one record is wanted
)

// Record is one record and where it stands. Payload is valid until the next call of the reader.
type Record struct {
	At, Next Pos
	Payload  []byte
}

// Reader reads records in order. It is not safe for concurrent use; a spool may have several.
type Reader struct {
	st    *store
	pos   Pos
	f     *os.File
	limit int64 // of the segment at pos
	ahead int
	buf   []byte
	start int64 // offset of buf[0]
}

// Next gives the next record that is on the disk, or io.EOF when there is none for now.
// A damaged frame raises AlarmCorrupt and reading goes on with the next segment.
func (r *Reader) Next() (Record, error) {
	for {
		if r.f == nil || r.pos.Offset >= r.limit {
			v, ok, err := r.st.viewAt(r.pos)
			if err != nil || !ok {
				return Record{}, orEOF(err)
			}
			if v.at.Segment != r.pos.Segment || r.f != v.f {
				r.buf = r.buf[:0]
			}
			r.f, r.pos, r.limit = v.f, v.at, v.limit
		}
		frame, err := r.frame()
		if err == nil {
			at := r.pos
			r.pos.Offset += int64(len(frame))
			return Record{At: at, Next: r.pos, Payload: frame[frameHeader:]}, nil
		}
		if !errors.Is(err, errFrame) {
			return Record{}, err
		}
		r.st.damaged(r.pos)
		r.limit = 0
	}
}

func orEOF(err error) error {
	if err != nil {
		return err
	}
	return io.EOF
}

func (r *Reader) frame() ([]byte, error) {
	head, err := r.fill(frameHeader)
	if err != nil {
		return nil, err
	}
	n, err := frameLength(head)
	if err != nil {
		return nil, err
	}
	frame, err := r.fill(n)
	if err != nil {
		return nil, err
	}
	_, err = payload(frame)
	return frame, err
}

// fill gives n bytes at the reader's place.
func (r *Reader) fill(n int) ([]byte, error) {
	if off := r.pos.Offset - r.start; off >= 0 && off+int64(n) <= int64(len(r.buf)) {
		return r.buf[off : off+int64(n)], nil
	}
	left := r.limit - r.pos.Offset
	if int64(n) > left {
		return nil, errFrame
	}
	want := int(min(left, int64(max(n, r.ahead))))
	if cap(r.buf) < want {
		r.buf = make([]byte, want)
	}
	r.buf = r.buf[:want]
	if _, err := r.f.ReadAt(r.buf, r.pos.Offset); err != nil {
		r.buf = r.buf[:0]
		return nil, fmt.Errorf("reading segment %016x: %w", r.pos.Segment, err)
	}
	r.start = r.pos.Offset
	return r.buf[:n], nil
}
