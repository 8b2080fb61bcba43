// Package spool keeps records on the local disk until they were forwarded: a bounded queue in memory, segment files
// written by one goroutine in groups with one fdatasync each, and a reader for whoever forwards them.
// A record is some bytes; the spool does not know what is in it, where it goes, or in which order it was acknowledged.
// It keeps one copy on one machine: a lost disk loses what was not forwarded.
package spool

import (
	"errors"
	"io"
	"time"
)

// ErrFull says that a bound was reached: the queue in memory, which fills when the disk is full, slow or at MaxBytes.
// The record was not taken. What was taken before is not touched: the newest is refused, never the oldest dropped.
var ErrFull = errors.New("spool is full")

// ErrClosed says that the spool takes no more records.
var ErrClosed = errors.New("spool is closed")

// ErrTooLarge says that a record is longer than MaxRecord.
var ErrTooLarge = errors.New("record is too large for the spool")

// MaxRecord is the longest record, in bytes.
const MaxRecord = 8 << 20

// Pos is a place between two records. Places are ordered: by segment, then by offset.
type Pos struct {
	Segment uint64
	Offset  int64
}

// Before tells whether p is nearer to the start than q.
func (p Pos) Before(q Pos) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// Alarm codes.
const (
	AlarmFull    = "spool_full"         // records are being refused
	AlarmBound   = "spool_bound"        // MaxBytes is reached on disk, nothing is written until segments are forwarded
	AlarmWrite   = "spool_write_failed" // the disk refuses, e.g. it is full
	AlarmCorrupt = "spool_corrupt"      // a segment is damaged in the middle; what follows in it cannot be read
)

// meanings of the alarms for who reads a log.
var meanings = map[string]string{
	AlarmFull:    "events are lost: memory and disk of the spool are full; calls go on",
	AlarmBound:   "the spool on disk is full, events wait in memory until the event log takes some",
	AlarmWrite:   "events cannot be written to the spool and wait in memory; free its disk",
	AlarmCorrupt: "a part of the spool is damaged and its events are lost",
}

// Meaning is what an alarm means for the events, for a reader.
func (a Alarm) Meaning() string { return meanings[a.Code] }

// Alarm is a condition that an operator must know of. It is told once when it begins and once, Cleared, when it is over.
type Alarm struct {
	Code    string
	Err     error // what happened; nil when Cleared
	Cleared bool
}

// File is what the spool writes a segment through.
type File interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error // data and length are on the disk afterwards
}

// Options are the bounds of a spool. The zero value is usable.
type Options struct {
	MaxBytes     int64                      // on disk; 0: 1 GiB
	SegmentBytes int64                      // a segment is ended at this size; 0: 16 MiB
	QueueBytes   int64                      // in memory, waiting for the disk; 0: 32 MiB
	Alarm        func(Alarm)                // called by Run and readers, must not block; nil: none
	Create       func(string) (File, error) // makes a segment's file; nil: os.OpenFile, Sync is fdatasync
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 30
	}
	if o.SegmentBytes <= 0 {
		o.SegmentBytes = 16 << 20
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = 32 << 20
	}
	if o.Alarm == nil {
		o.Alarm = func(Alarm) {}
	}
	if o.Create == nil {
		o.Create = createFile
	}
	return o
}

// Stats is a reading of the spool's gauges and counters.
type Stats struct {
	Accepted    uint64 // records taken since open
	Written     uint64 // of these, on the disk
	Refused     uint64 // records refused with ErrFull
	Failures    uint64 // writes that failed and were tried again
	Queued      int    // records in memory
	QueuedBytes int64
	Segments    int
	DiskBytes   int64
	Recovered   int       // records found at open that were not yet forwarded
	Stuck       time.Time // since when the disk takes nothing; zero: it does
}
