package guard

import "bytes"

// Canonical rewrites what the parser misreads: folded lines, compact names, white space around separators, and lists
// in Via, Contact, Route and Record-Route, which become one line each. A message without them comes back as it is.
func Canonical(data []byte) []byte {
	line, rest, found := cutLine(data)
	if !found || !needsCanonical(rest) {
		return data
	}
	out := make([]byte, 0, len(data)+64)
	out = append(append(out, line...), crlf...)
	for {
		field, next, found := cutField(rest)
		if !found || len(field) == 0 {
			return append(out, rest...)
		}
		out, rest = appendField(out, field), next
	}
}

// needsCanonical looks for the oddities, without allocating.
func needsCanonical(headers []byte) bool {
	for {
		line, rest, found := cutLine(headers)
		if !found || len(line) == 0 {
			return false
		}
		if len(rest) > 0 && isLWS(rest[0]) || oddField(line) {
			return true
		}
		headers = rest
	}
}

func oddField(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return false
	}
	name, value := line[:colon], line[colon+1:]
	if isLWS(name[colon-1]) || len(name) == 1 && longName(name) != "" {
		return true
	}
	kind := rawKind(name)
	return isStructured(kind) && oddValue(kind, trimLWS(value))
}

func isStructured(kind rawHeader) bool {
	return kind == rawVia || kind == rawFrom || kind == rawTo || isList(kind)
}

func isList(kind rawHeader) bool {
	return kind == rawVia || kind == rawContact || kind == rawRoute || kind == rawRecordRoute
}

// oddValue finds white space beside a separator, or a list.
func oddValue(kind rawHeader, value []byte) bool {
	return !plainValue(kind, value) && oddUnquoted(kind, value)
}

func oddUnquoted(kind rawHeader, value []byte) bool {
	var s scanner
	for i, c := range value {
		if s.inside(c) || !isSeparator(kind, c) {
			continue
		}
		if c == ',' && isList(kind) {
			return true
		}
		if i > 0 && isLWS(value[i-1]) || i+1 < len(value) && isLWS(value[i+1]) {
			return true
		}
	}
	return false
}

// plainValue tells of most values quickly that nothing in them is odd, quoted or not.
func plainValue(kind rawHeader, value []byte) bool {
	if bytes.IndexByte(value, '\t') >= 0 || isList(kind) && bytes.IndexByte(value, ',') >= 0 {
		return false
	}
	for {
		i := bytes.IndexByte(value, ' ')
		if i < 0 {
			return true
		}
		if i > 0 && isSeparator(kind, value[i-1]) || i+1 < len(value) && isSeparator(kind, value[i+1]) {
			return false
		}
		value = value[i+1:]
	}
}

func isSeparator(kind rawHeader, c byte) bool {
	return c == ';' || c == '=' || c == ',' && isList(kind) || c == '/' && kind == rawVia
}

// appendField writes one field, a list as one line for each value.
func appendField(out, field []byte) []byte {
	colon := bytes.IndexByte(field, ':')
	if colon <= 0 {
		return append(append(out, field...), crlf...)
	}
	name := trimLWS(field[:colon])
	kind := rawKind(name)
	if long := longName(name); long != "" {
		name = []byte(long)
	}
	value := unfold(trimLWS(field[colon+1:]))
	if !isStructured(kind) {
		return appendLine(out, name, value)
	}
	for len(value) > 0 || kind == rawVia {
		var one []byte
		one, value = cutList(kind, value)
		out = appendLine(out, name, squeeze(kind, one))
		if value == nil {
			break
		}
	}
	return out
}

func appendLine(out, name, value []byte) []byte {
	out = append(append(out, name...), ": "...)
	return append(append(out, value...), crlf...)
}

// unfold puts one space for each fold (RFC 3261 7.3.1).
func unfold(value []byte) []byte {
	if !bytes.Contains(value, crlf) {
		return value
	}
	lines := bytes.Split(value, crlf)
	for i := range lines {
		lines[i] = trimLWS(lines[i])
	}
	return bytes.Join(lines, []byte(" "))
}

// CutRoute cuts the first value of a list of addresses, as in Route and Path; rest is nil after the last.
func CutRoute(value []byte) (one, rest []byte) { return cutList(rawRoute, value) }

// cutList cuts the first value of a list; rest is nil after the last.
func cutList(kind rawHeader, value []byte) (one, rest []byte) {
	if !isList(kind) {
		return value, nil
	}
	one, rest, found := cut(value, ',')
	if !found {
		return value, nil
	}
	return trimLWS(one), append([]byte{}, trimLWS(rest)...)
}

// cut is bytes.Cut at what stands in no quotes and no brackets.
func cut(value []byte, at byte) (before, after []byte, found bool) {
	var s scanner
	for i, c := range value {
		if !s.inside(c) && c == at {
			return value[:i], value[i+1:], true
		}
	}
	return value, nil, false
}

// squeeze drops the white space beside separators.
func squeeze(kind rawHeader, value []byte) []byte {
	var s scanner
	out := make([]byte, 0, len(value))
	for _, c := range value {
		inside := s.inside(c)
		after := len(out) > 0 && isSeparator(kind, out[len(out)-1]) && !s.wasInside
		if !inside && isLWS(c) && (after || len(out) > 0 && isLWS(out[len(out)-1])) {
			continue
		}
		if !inside && isSeparator(kind, c) {
			out = bytes.TrimRight(out, " \t")
		}
		out = append(out, c)
		s.wasInside = inside
	}
	return out
}

// scanner tells what stands in quotes or angle brackets.
type scanner struct {
	quoted, escaped, angle bool
	wasInside              bool // of the byte before, kept by squeeze
}

func (s *scanner) inside(c byte) bool {
	switch {
	case s.escaped:
		s.escaped = false
		return true
	case s.quoted:
		s.escaped, s.quoted = c == '\\', c != '"'
		return true
	case c == '"':
		s.quoted = true
		return true
	case s.angle:
		s.angle = c != '>'
		return true
	case c == '<':
		s.angle = true
		return true
	}
	return false
}
