// Package format holds the string formats that the schemas name: each says in words what it expects and judges a string.
// It knows no documents; strings with {name} in them are judged by what is around the placeholder.
package format

import (
	"strings"

	"github.com/offhook/offhook/schemas/ssml"
	"github.com/offhook/offhook/schemas/template"
)

// Problem is why a string is not of a format; the zero value: it is.
type Problem struct {
	Code string // "bad_url", "control_character", "forbidden_header"
	Hint string // a way out, may be empty
}

// OK is true when there is none.
func (p Problem) OK() bool { return p.Code == "" }

// format judges a string; kind tells what of {name} it takes.
type format struct {
	expected string
	judge    func(s string) Problem
	fixed    bool // {name} is not filled here
	path     bool // a file's name
	lines    bool // line breaks and tabs are good
}

var formats = map[string]format{
	"text":        {expected: "text", judge: anything, lines: true},
	"speech":      {expected: "text to say, or SSML in <speak>", judge: speech, lines: true},
	"html":        {expected: "HTML text", judge: anything, lines: true},
	"line":        {expected: "text on one line", judge: anything},
	"id":          {expected: "an id of letters, digits and _ . : -", judge: chars("bad_id", wordChars+":"), fixed: true},
	"name":        {expected: "a name of letters, digits and _ . -", judge: chars("bad_name", wordChars)},
	"user":        {expected: "a user such as \"101\"", judge: chars("bad_user", wordChars+"+*#")},
	"number":      {expected: "a phone number such as \"+37120001111\"", judge: number},
	"caller_id":   {expected: "a phone number such as \"+37120001111\"", judge: number},
	"digits":      {expected: "keys out of 0-9 * # A-D", judge: chars("bad_digits", digitChars), fixed: true},
	"tones":       {expected: "keys out of 0-9 * # A-D, and w for a pause", judge: chars("bad_digits", digitChars+"w")},
	"gather_key":  {expected: "digits such as \"1\", no_input or bad_input", judge: gatherKey, fixed: true},
	"event_name":  {expected: "an event such as \"held\"", judge: eventName, fixed: true},
	"event_type":  {expected: "a name of lower-case letters, digits and _ . -", judge: chars("bad_event_type", lower+digit+"_.-"), fixed: true},
	"variable":    {expected: "a variable's name: letters, digits, _ and -, a letter or _ first", judge: variable, fixed: true},
	"header_name": {expected: "a header that a document may set, such as X-Campaign", judge: headerName, fixed: true},
	"http_header": {expected: "an HTTP header such as Authorization", judge: httpHeader, fixed: true},
	"ws_url":      {expected: "a URL such as \"wss://acme.test/media\"", judge: wsURL},
	"email":       {expected: "an e-mail address such as \"boss@acme.test\"", judge: email},
	"sip_uri":     {expected: "a SIP URI such as \"sip:anna@example.org\"", judge: sipURI},
	"script":      {expected: "a URL such as \"/menu\" or \"https://acme.test/call\", or fn:NAME", judge: script},
	"answer":      {expected: "a URL such as \"http://127.0.0.1:3000/call\", fn:NAME or a .json file", judge: answer, fixed: true},
	"http_url":    {expected: "a URL such as \"https://acme.test/call\"", judge: httpURL, fixed: true},
	"smtp_url":    {expected: "a URL such as \"smtp://127.0.0.1:1025\"", judge: smtpURL, fixed: true},
	"audio":       {expected: "a sample's name, an https URL, or a tone such as \"tone:beep\"", judge: audio, path: true},
	"attachment":  {expected: "a file's name or an https URL", judge: attachment, path: true},
	"cidr":        {expected: "an address or network such as \"10.0.0.0/8\"", judge: cidr, fixed: true},
	"host_port":   {expected: "a host such as \"sip.example.org\" or \"sip.example.org:5060\"", judge: hostPort, fixed: true},
	"env_name":    {expected: "the name of an environment variable", judge: chars("bad_env_name", lower+upper+digit+"_"), fixed: true},
	"duration":    {expected: "a duration such as \"20s\"", judge: duration, fixed: true},
	"date-time":   {expected: "a time such as \"2025-07-01T09:00:00Z\"", judge: dateTime, fixed: true},
}

// Names lists all formats, in no order.
func Names() []string {
	var out []string
	for name := range formats {
		out = append(out, name)
	}
	return out
}

// Expected says in words what a format takes; "" for an unknown one.
func Expected(name string) string { return formats[name].expected }

// Fixed is true for formats in which {name} has no meaning.
func Fixed(name string) bool { return formats[name].fixed }

// Check judges s. Unknown formats take everything. Control characters are refused in all formats, line breaks and tabs
// in all but text, for most strings end in a header line of SIP, HTTP or a mail.
func Check(name, s string) Problem {
	f, ok := formats[name]
	if !ok {
		return Problem{}
	}
	if hasControl(s, f.lines) {
		return Problem{"control_character", "take out line breaks and other control characters"}
	}
	if f.fixed || !template.HasBraces(s) {
		return f.judge(s)
	}
	return f.around(s)
}

// around judges what stands around placeholders: with one at the beginning anything may come out, but for paths.
func (f format) around(s string) Problem {
	filled, err := template.Expand(s, func(string) (string, bool) { return "1", true }, template.AsIs)
	if err != nil {
		return Problem{} // braces are the variables' matter
	}
	if s[0] != '{' || strings.HasPrefix(s, "{{") {
		return f.judge(filled)
	}
	if f.path {
		return climbs(filled)
	}
	return Problem{}
}

func hasControl(s string, lines bool) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != 0x7f || lines && (c == '\n' || c == '\r' || c == '\t') {
			continue
		}
		return true
	}
	return false
}

// speech judges SSML; any other text is only text.
func speech(s string) Problem {
	if !ssml.Is(s) {
		return Problem{}
	}
	if _, err := ssml.Parse(s); err != nil {
		return Problem{"bad_ssml", err.Error()}
	}
	return Problem{}
}

func anything(string) Problem { return Problem{} }

const (
	lower      = "abcdefghijklmnopqrstuvwxyz"
	upper      = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digit      = "0123456789"
	wordChars  = lower + upper + digit + "_.-"
	digitChars = digit + "*#ABCD"
)

// set is a set of ASCII characters.
type set [2]uint64

func newSet(members string) (s set) {
	for i := range len(members) {
		s[members[i]>>6] |= 1 << (members[i] & 63)
	}
	return s
}

func (s *set) has(c byte) bool { return c < 0x80 && s[c>>6]&(1<<(c&63)) != 0 }

func (s *set) all(text string) bool {
	for i := 0; i < len(text); i++ {
		if !s.has(text[i]) {
			return false
		}
	}
	return true
}

// chars takes strings of these characters only.
func chars(code, members string) func(string) Problem {
	good := newSet(members)
	return func(s string) Problem {
		if good.all(s) {
			return Problem{}
		}
		return Problem{Code: code}
	}
}
