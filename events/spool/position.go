package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

const positionFile = "position"

// savePosition replaces the position file as a whole. After a crash the old or the new one is there;
// an old one only means that some records are forwarded twice.
func savePosition(dir string, p Pos) error {
	name := filepath.Join(dir, positionFile)
	f, err := os.OpenFile(name+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(encodePosition(p))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("spool position: %w", err)
	}
	return os.Rename(name+".tmp", name)
}

func encodePosition(p Pos) []byte {
	b := append(make([]byte, 0, 28), magic...)
	b = binary.LittleEndian.AppendUint64(b, p.Segment)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Offset))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// loadPosition gives the start of everything when there is no position or it is damaged: forwarding twice is allowed.
func loadPosition(dir string) Pos {
	b, err := os.ReadFile(filepath.Join(dir, positionFile))
	if err != nil || len(b) != 28 || binary.LittleEndian.Uint32(b[24:]) != crc32.Checksum(b[:24], castagnoli) {
		return Pos{}
	}
	return Pos{Segment: binary.LittleEndian.Uint64(b[8:]), Offset: int64(binary.LittleEndian.Uint64(b[16:]))}
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
