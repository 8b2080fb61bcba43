package flite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestModuleIsTheOneThatTheReadmeNames(t *testing.T) {
	wasm, err := decompress()
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(wasm); hex.EncodeToString(sum[:]) != Checksum {
		t.Errorf("checksum %x", sum)
	}
}

func TestEveryVoiceSpeaksAtOnceInTwoInstances(t *testing.T) {
	e := New(2, time.Hour)
	defer e.Close()
	var wg sync.WaitGroup
	for _, voice := range Voices() {
		wg.Go(func() {
			got, err := e.Speak(context.Background(), "Hello there, how are you?", voice, 0)
			if err != nil || len(got) < 32000 || string(got[:4]) != "RIFF" { // a second at 16 kHz
				t.Errorf("%s: %d bytes, %v", voice, len(got), err)
			}
		})
	}
	wg.Wait()
}

func TestIdleEngineIsUnloadedAndLoadsAgain(t *testing.T) {
	e := New(1, time.Hour)
	defer e.Close()
	for range 2 {
		if _, err := e.Speak(context.Background(), "One.", "kal16", 1); err != nil {
			t.Fatal(err)
		}
		e.unloadIdle()
		if e.loaded != nil {
			t.Error("still loaded")
		}
	}
}

func TestClosedEngineRefuses(t *testing.T) {
	e := New(1, time.Hour)
	e.Close()
	if _, err := e.Speak(context.Background(), "One.", "slt", 1); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestOutputBeyondItsBoundIsRefused(t *testing.T) {
	o := &output{max: 3}
	f, errno := o.OpenFile(outputPath, 0, 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	if n, errno := f.Write([]byte("abc")); n != 3 || errno != 0 {
		t.Errorf("%d, %v", n, errno)
	}
	if _, errno := f.Write([]byte("d")); errno == 0 {
		t.Error("a fourth byte was taken")
	}
	if _, errno := o.OpenFile("/etc/passwd", 0, 0); errno == 0 {
		t.Error("another file was opened")
	}
}
