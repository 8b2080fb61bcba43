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

// TopVia finds the topmost Via without parsing or checking anything, nil if there is none.
func TopVia(raw []byte) []byte {
	_, rest, found := cutLine(raw)
	for found {
		var field []byte
		field, rest, found = cutField(rest)
		if name, value, ok := bytes.Cut(field, []byte{':'}); !ok {
			return nil
		} else if rawKind(trimLWS(name)) == rawVia {
			top, _ := cutList(rawVia, value)
			return top
		}
	}
	return nil
}

// Answered finds what names the request that a response is to (RFC 3261 17.1.3), the topmost Via's branch and the method of
// CSeq, without parsing or checking anything.
func Answered(raw []byte) (branch, method []byte) {
	_, branch, _ = bytes.Cut(TopVia(raw), []byte(";branch="))
	if end := bytes.IndexAny(branch, "; \t\r"); end >= 0 {
		branch = branch[:end]
	}
	_, rest, found := cutLine(raw)
	for found {
		var field []byte
		field, rest, found = cutField(rest)
		name, value, ok := bytes.Cut(field, []byte{':'})
		if !ok {
			break
		}
		if rawKind(trimLWS(name)) == rawCSeq {
			value = trimLWS(value)
			return branch, value[bytes.LastIndexByte(value, ' ')+1:]
		}
	}
	return branch, nil
}

// Tags finds the tags of From and To without parsing or checking anything. Each must stand plainly, in one line that ends with
// it, right after the address in angle brackets; else it is empty.
func Tags(raw []byte) (from, to []byte) {
	for {
		line, rest, found := cutLine(raw)
		if !found || len(line) == 0 {
			return from, to
		}
		raw = rest
		if c := line[0] | 0x20; c != 'f' && c != 't' || len(raw) > 0 && isLWS(raw[0]) {
			continue
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		switch rawKind(trimLWS(name)) {
		case rawFrom:
			from = plainTag(value)
		case rawTo:
			to = plainTag(value)
		}
	}
}

func plainTag(value []byte) []byte {
	tag, ok := bytes.CutPrefix(value[bytes.LastIndexByte(value, '>')+1:], []byte(";tag="))
	if !ok || !IsToken(tag) {
		return nil
	}
	return tag
}
