package spool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// recoverStore reads what an earlier run left: it removes what was forwarded, checks every frame of the rest,
// and cuts the torn tail that a crash may leave in the last segment.
func recoverStore(dir string, a *alarms) (st *store, records int, err error) {
	st = &store{dir: dir, alarms: a, changed: make(chan struct{}), pos: loadPosition(dir)}
	nums, err := segmentNumbers(dir)
	if err != nil {
		return nil, 0, err
	}
	for i, num := range nums {
		if num < st.pos.Segment {
			if err := os.Remove(segmentName(dir, num)); err != nil {
				return nil, 0, err
			}
			continue
		}
		n, err := st.recoverSegment(num, i == len(nums)-1)
		if err != nil {
			return nil, 0, err
		}
		records += n
	}
	return st, records, nil
}

func (s *store) recoverSegment(num uint64, last bool) (records int, err error) {
	name := segmentName(s.dir, num)
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	from := headerSize
	if num == s.pos.Segment {
		from = max(from, s.pos.Offset)
	}
	good, records, err := scan(f, from)
	info, statErr := f.Stat()
	if err := errors.Join(err, statErr, f.Close()); err != nil {
		return 0, err
	}
	g := &segment{num: num, size: good, disk: info.Size(), sealed: true}
	switch lost := info.Size() - good; {
	case lost <= 0:
	case last:
		if g.disk, err = good, cutTail(name, good); err != nil {
			return 0, err
		}
	default:
		s.alarms.raise(AlarmCorrupt, fmt.Errorf("segment %016x is damaged at byte %d, %d bytes cannot be read", num, good, lost))
	}
	s.segs = append(s.segs, g)
	return records, nil
}

// cutTail cuts a segment behind its last whole frame and makes that durable.
func cutTail(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// scan counts the whole frames from an offset and tells where they end.
// A segment without its header holds nothing: good is then 0.
func scan(f *os.File, from int64) (good int64, records int, err error) {
	head := make([]byte, headerSize)
	if _, err := f.ReadAt(head, 0); err != nil || string(head) != magic {
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, err
		}
		return 0, 0, nil
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, from, 1<<62), 1<<18)
	var frame []byte
	for good = from; ; records++ {
		n, err := readFrame(r, &frame)
		if errors.Is(err, errFrame) {
			return good, records, nil
		}
		if err != nil {
			return 0, 0, err
		}
		good += int64(n)
	}
}

// readFrame reads one whole frame. The end of the file is a damaged frame as well.
func readFrame(r *bufio.Reader, frame *[]byte) (int, error) {
	head, err := r.Peek(frameHeader)
	if err != nil {
		return 0, tornOr(err)
	}
	n, err := frameLength(head)
	if err != nil {
		return 0, err
	}
	if cap(*frame) < n {
		*frame = make([]byte, n)
	}
	*frame = (*frame)[:n]
	if _, err := io.ReadFull(r, *frame); err != nil {
		return 0, tornOr(err)
	}
	_, err = payload(*frame)
	return n, err
}

func tornOr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errFrame
	}
	return err
}
