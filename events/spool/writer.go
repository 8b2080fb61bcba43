package spool

import (
	"errors"
	"fmt"
	"os"
)

// errBound is the writer's own bound on disk.
var errBound = errors.New("spool has reached its bound on disk")

// writer adds frames to the newest segment. It never adds to a segment of an earlier run, nor after a failure:
// after a failed sync nobody knows what of it reached the disk.
type writer struct {
	st   *store
	opt  Options
	f    File
	num  uint64
	off  int64
	next uint64 // number of the next segment
}

// write makes frames durable and readable, or neither.
func (w *writer) write(frames []byte) error {
	if w.st.bytes()+int64(len(frames)) > w.opt.MaxBytes {
		return errBound
	}
	if w.f != nil && (w.off+int64(len(frames)) > w.opt.SegmentBytes || w.st.isSealed(w.num)) {
		w.end()
	}
	if w.f == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	if _, err := w.f.WriteAt(frames, w.off); err != nil {
		if w.f.Truncate(w.off) != nil {
			w.abandon()
		}
		return err
	}
	if err := w.f.Sync(); err != nil {
		w.abandon()
		return err
	}
	w.off += int64(len(frames))
	w.st.grew(w.num, w.off)
	return nil
}

func (w *writer) begin() error {
	num := w.next
	w.next++ // a number is never used twice, whatever becomes of the file
	name := segmentName(w.st.dir, num)
	f, err := w.opt.Create(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(magic), 0)
	if err == nil {
		err = errors.Join(f.Sync(), syncDir(w.st.dir))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("new segment: %w", err), f.Close(), os.Remove(name))
	}
	w.st.add(num)
	w.f, w.num, w.off = f, num, headerSize
	return nil
}

// abandon ends the segment and cuts off what was not acknowledged, as far as the disk lets us.
// What cannot be cut is written again in the next segment and so comes twice, which is allowed.
func (w *writer) abandon() {
	disk := w.off
	if w.f.Truncate(w.off) != nil {
		disk = w.opt.SegmentBytes
	}
	w.st.seal(w.num, disk)
	_ = w.f.Close() // the failure that led here is what is reported
	w.f = nil
}

// end ends the segment in good order; all of it is synced.
func (w *writer) end() {
	w.st.seal(w.num, w.off)
	_ = w.f.Close()
	w.f = nil
}

func (w *writer) close() {
	if w.f != nil {
		w.end()
	}
}
