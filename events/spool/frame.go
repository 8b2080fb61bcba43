package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A segment is a header and frames. A frame is length, CRC32C of length and payload, payload; little endian.
// The length is in the checksum so that a run of zeros, as a crash may leave, is no frame.
const (
	magic       = "OFFSPL01"
	headerSize  = int64(len(magic))
	frameHeader = 8
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errFrame   = errors.New("damaged frame")
)

// beginFrame leaves room for the frame's header; endFrame fills it when the payload stands behind it.
func beginFrame(buf []byte) ([]byte, int) {
	return append(buf, 0, 0, 0, 0, 0, 0, 0, 0), len(buf)
}

func endFrame(buf []byte, at int) {
	binary.LittleEndian.PutUint32(buf[at:], uint32(len(buf)-at-frameHeader))
	binary.LittleEndian.PutUint32(buf[at+4:], checksum(buf[at:]))
}

func checksum(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[:4], castagnoli), castagnoli, frame[frameHeader:])
}

// frameLength is the whole frame's length, from its header.
func frameLength(header []byte) (int, error) {
	n := binary.LittleEndian.Uint32(header)
	if n == 0 || n > MaxRecord {
		return 0, errFrame
	}
	return frameHeader + int(n), nil
}

// payload checks a whole frame.
func payload(frame []byte) ([]byte, error) {
	if binary.LittleEndian.Uint32(frame[4:]) != checksum(frame) {
		return nil, errFrame
	}
	return frame[frameHeader:], nil
}
