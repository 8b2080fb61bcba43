// Package file reads a sound file of any kind that is played: WAV, MP3 and raw A-law or mu-law, told apart by how it begins and,
// where that says nothing, by its name or content type. It opens and fetches nothing, and keeps nothing.
package file

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/offhook/offhook/edge/media/g711"
	"github.com/offhook/offhook/edge/sound/mp3"
	"github.com/offhook/offhook/edge/sound/wav"
)

// ErrKind is a file that is no sound, or of a kind that is not played.
var ErrKind = errors.New("no sound file of a kind that is played (WAV, MP3, raw .alaw or .ulaw)")

// ErrEmpty is a file without any sound.
var ErrEmpty = errors.New("no sound in the file")

// Hint is what is known of a file beside its bytes. Raw codes show nothing by themselves.
type Hint struct {
	Name string // its ending counts: .ulaw .pcmu .alaw .pcma
	Type string // content type
}

// Endings of files that are played, in the order in which a sample's name is looked up.
var Endings = []string{".wav", ".mp3", ".ulaw", ".pcmu", ".alaw", ".pcma"}

// Read decodes to mono, of 16 kHz where the file has more than 8, else of 8 kHz; at most maxSamples of 8 kHz or twice as many. Errors say what is wrong with the file; those of r are as they are.
func Read(r io.Reader, hint Hint, maxSamples int) (wav.Sound, error) {
	br := bufio.NewReaderSize(r, 4096)
	head, err := br.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return wav.Sound{}, err
	}
	if len(head) == 0 {
		return wav.Sound{}, ErrEmpty
	}
	s, err := read(br, head, hint, maxSamples)
	if err == nil && len(s.Samples) == 0 {
		err = ErrEmpty
	}
	return s, err
}

func read(r io.Reader, head []byte, hint Hint, maxSamples int) (wav.Sound, error) {
	law, raw := hint.raw()
	found := http.DetectContentType(head)
	switch {
	case bytes.HasPrefix(head, []byte("RIFF")) || bytes.HasPrefix(head, []byte("RF64")):
		return wav.ReadSound(r, wav.Options{MaxSamples: maxSamples})
	case raw && !strings.HasPrefix(found, "text/html"):
		return readRaw(r, law, maxSamples)
	case mp3.Begins(head) || hint.mp3() && found == "application/octet-stream":
		return mp3.Read(r, maxSamples)
	}
	return wav.Sound{}, fmt.Errorf("%w: %s", ErrKind, describe(head, found))
}

func (h Hint) raw() (law g711.Law, ok bool) {
	kind, _, _ := mime.ParseMediaType(h.Type)
	ending := strings.ToLower(path.Ext(h.Name))
	switch {
	case slices.Contains([]string{".ulaw", ".pcmu"}, ending), slices.Contains([]string{"audio/pcmu", "audio/basic"}, kind):
		return g711.ULaw, true
	case slices.Contains([]string{".alaw", ".pcma"}, ending), kind == "audio/pcma":
		return g711.ALaw, true
	}
	return 0, false
}

func (h Hint) mp3() bool {
	kind, _, _ := mime.ParseMediaType(h.Type)
	return strings.EqualFold(path.Ext(h.Name), ".mp3") || kind == "audio/mpeg" || kind == "audio/mp3"
}

// readRaw reads codes of 8 kHz.
func readRaw(r io.Reader, law g711.Law, maxSamples int) (wav.Sound, error) {
	codes, err := io.ReadAll(io.LimitReader(r, int64(maxSamples)+1))
	if err != nil {
		return wav.Sound{}, err
	}
	if len(codes) > maxSamples {
		return wav.Sound{}, fmt.Errorf("%w: more than %d seconds", wav.ErrTooLong, maxSamples/wav.Rate)
	}
	samples := make([]int16, len(codes))
	law.Decode(samples, codes)
	return wav.Sound{Samples: samples, Rate: wav.Rate}, nil
}

// others are kinds that are often sent by mistake.
var others = []struct{ begins, name string }{
	{"OggS", "it is Ogg (Vorbis or Opus)"}, {"fLaC", "it is FLAC"}, {"\xff\xf1", "it is AAC"}, {"\xff\xf9", "it is AAC"},
	{"#!AMR", "it is AMR"}, {"FORM", "it is AIFF"}, {".snd", "it is AU"}, {"caff", "it is CAF"}, {"\x1aE\xdf\xa3", "it is WebM"},
	{"%PDF", "it is a PDF"}, {"PK\x03\x04", "it is a ZIP archive"}, {"\x1f\x8b", "it is compressed by gzip"},
}

func describe(head []byte, found string) string {
	for _, o := range others {
		if bytes.HasPrefix(head, []byte(o.begins)) {
			return o.name
		}
	}
	kind, _, _ := strings.Cut(found, ";")
	switch {
	case len(head) > 8 && string(head[4:8]) == "ftyp":
		return "it is MP4 (M4A, AAC)"
	case kind == "text/html":
		return "it is a web page"
	case kind == "application/octet-stream":
		return "it begins like no kind that is known"
	}
	return "it is " + kind
}
