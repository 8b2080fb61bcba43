//go:build !opus

package opus

// Built says that there is Opus in this build.
const Built = false

// Encoder is none.
type Encoder struct{}

// NewEncoder gives one that codes nothing.
func NewEncoder(Options) *Encoder { return new(Encoder) }

// Encode does nothing.
func (*Encoder) Encode([]byte, []int16) int { return 0 }

// Decoder is none.
type Decoder struct{}

// NewDecoder gives one that decodes nothing.
func NewDecoder() *Decoder { return new(Decoder) }

// Decode does nothing.
func (*Decoder) Decode([]int16, []byte) int { return 0 }

// Recover does nothing.
func (*Decoder) Recover([]int16, []byte) bool { return false }
