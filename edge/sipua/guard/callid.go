package guard

import "bytes"

// CallID finds the Call-ID without parsing or checking anything. The parser may see another one.
func CallID(raw []byte) []byte {
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte{'\n'})
		if len(line) <= 1 { // the end of the headers
			return nil
		}
		raw = rest
		if c := line[0] | 0x20; c != 'c' && c != 'i' {
			continue
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if name = bytes.TrimSpace(name); ok && (len(name) == 1 && name[0]|0x20 == 'i' || len(name) == 7 && bytes.EqualFold(name, []byte("call-id"))) {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}
