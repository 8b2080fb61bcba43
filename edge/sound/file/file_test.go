package file

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/sound/wav"
)

func mp3File(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("../mp3/testdata/mono22.mp3")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wavFile(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := wav.Write(&b, 8000, make([]int16, n)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBytesDecideWhateverTheNameSays(t *testing.T) {
	for _, name := range []string{"", "a.wav", "a.mp3", "a.txt"} {
		if got, err := Read(bytes.NewReader(wavFile(t, 800)), Hint{Name: name}, wav.Rate*60); err != nil || len(got.Samples) != 800 || got.Wide() {
			t.Errorf("WAV as %q: %d samples, %v", name, len(got.Samples), err)
		}
		if got, err := Read(bytes.NewReader(mp3File(t)), Hint{Name: name}, wav.Rate*60); err != nil || got.Duration() < time.Second || !got.Wide() {
			t.Errorf("MP3 as %q: %d samples, %v", name, len(got.Samples), err)
		}
	}
}

func TestRawCodesAreTakenByNameOrType(t *testing.T) {
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = int16(i * 100)
	}
	for hint, law := range map[Hint]g711.Law{{Name: "a.ulaw"}: g711.ULaw, {Name: "A.PCMU"}: g711.ULaw, {Name: "a.alaw"}: g711.ALaw, {Name: "a.pcma"}: g711.ALaw,
		{Type: "audio/PCMA"}: g711.ALaw, {Type: "audio/pcmu; rate=8000"}: g711.ULaw} {
		codes, want := make([]byte, 160), make([]int16, 160)
		law.Encode(codes, pcm)
		law.Decode(want, codes)
		got, err := Read(bytes.NewReader(codes), hint, wav.Rate)
		if err != nil || len(got.Samples) != 160 || got.Wide() || got.Samples[150] != want[150] {
			t.Errorf("%+v: %v, %v", hint, got, err)
		}
	}
	if _, err := Read(bytes.NewReader(make([]byte, 9000)), Hint{Name: "a.alaw"}, wav.Rate); !errors.Is(err, wav.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
}

func TestOtherKindsAreNamed(t *testing.T) {
	for begin, want := range map[string]string{
		"<!doctype html><title>Sign in</title>": "a web page", "OggS\x00\x02": "Ogg", "fLaC\x00": "FLAC", "\x00\x00\x00\x20ftypM4A ": "MP4",
		"\x1f\x8b\x08": "gzip", `{"error": 1}`: "text/plain", "\x01\x02\x03\x04": "no kind that is known",
	} {
		for _, hint := range []Hint{{}, {Name: "a.wav", Type: "audio/wav"}} {
			_, err := Read(strings.NewReader(begin), hint, wav.Rate)
			if !errors.Is(err, ErrKind) || !strings.Contains(err.Error(), want) {
				t.Errorf("%q %+v: %v, want %q", begin, hint, err, want)
			}
		}
	}
	if _, err := Read(strings.NewReader("<html>404</html>"), Hint{Name: "a.ulaw"}, wav.Rate); !errors.Is(err, ErrKind) {
		t.Errorf("a page in place of raw codes: %v", err)
	}
}

func TestFileWithoutSoundIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{"": nil, "a.wav": wavFile(t, 0)} {
		if _, err := Read(bytes.NewReader(b), Hint{Name: name}, wav.Rate); !errors.Is(err, ErrEmpty) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(wavFile(f, 200), "a.wav")
	f.Add(mp3File(f), "a.mp3")
	f.Add([]byte{0xff, 0xff, 0xfb, 0x90}, "a.ulaw")
	f.Fuzz(func(t *testing.T, b []byte, name string) {
		got, err := Read(bytes.NewReader(b), Hint{Name: name}, wav.Rate)
		if got.Duration() > 2*time.Second || (err == nil) == (len(got.Samples) == 0) {
			t.Errorf("%d samples, %v", len(got.Samples), err)
		}
	})
}
