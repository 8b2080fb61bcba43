package check

import "testing"

const typical = `[
  {"verb": "answer"},
  {"verb": "play", "audio": "welcome"},
  {"verb": "gather", "max_digits": 1, "timeout": "5s", "next": "/menu", "prompt": [{"verb": "say", "text": "Hello {caller_name}, for sales press one."}]},
  {"verb": "dial", "to": [{"user": "101"}, {"user": "105"}], "ring": "all", "ring_for": "20s", "on": {"no_answer": [{"verb": "say", "text": "Nobody is free."}], "busy": "/busy"}},
  {"verb": "hangup"}
]`

func BenchmarkTypicalDocument(b *testing.B) { benchDocument(b, typical) }

func BenchmarkSmallDocument(b *testing.B) {
	benchDocument(b, `[{"verb":"answer"},{"verb":"dial","to":{"user":"101"}}]`)
}

func benchDocument(b *testing.B, s string) {
	raw := []byte(s)
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, faults := Document(raw, nil); faults != nil {
			b.Fatal(faults)
		}
	}
}
