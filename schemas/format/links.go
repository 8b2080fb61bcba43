package format

import (
	"net/netip"
	"strings"

	"github.com/offhook/offhook/schemas/words"
)

func email(s string) Problem {
	bad := Problem{Code: "bad_email"}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || strings.ContainsAny(s, " <>,;:\"()\\") {
		bad.Hint = "one address without a name; several are a list"
		return bad
	}
	if !hostSet.all(domain) || domain == "" || domain[0] == '.' || domain[len(domain)-1] == '.' || strings.Contains(domain, "..") {
		return bad
	}
	return Problem{}
}

// scheme is what stands before the first colon, when it looks like one (RFC 3986 3.1).
func scheme(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == ':':
			return strings.ToLower(s[:i])
		case c|0x20 >= 'a' && c|0x20 <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return ""
		}
	}
	return ""
}

const notInURLs = " \"<>\\^`{}|"

func script(s string) Problem {
	bad := Problem{Code: "bad_url"}
	switch scheme(s) {
	case "":
		if strings.ContainsAny(s, notInURLs) || strings.HasPrefix(s, "//") {
			return bad
		}
		return Problem{}
	case "fn":
		return function(s)
	case "http", "https":
		return httpURL(s)
	}
	bad.Hint = "only http:, https: and fn: are asked"
	return bad
}

func function(s string) Problem {
	if name := s[len("fn:"):]; name == "" || !nameSet.all(name) {
		return Problem{"bad_url", "fn: and the function's name, such as fn:router"}
	}
	return Problem{}
}

func httpURL(s string) Problem {
	if sch := scheme(s); sch != "http" && sch != "https" {
		return Problem{"bad_url", "begin with http:// or https://"}
	}
	return withHost(s)
}

func wsURL(s string) Problem {
	if sch := scheme(s); sch != "ws" && sch != "wss" {
		return Problem{"bad_url", "begin with wss:// or ws://"}
	}
	return withHost(s)
}

func smtpURL(s string) Problem {
	if sch := scheme(s); s == "" || sch == "smtp" || sch == "smtps" {
		if s == "" {
			return Problem{}
		}
		return withHost(s)
	}
	return Problem{"bad_url", "begin with smtp:// or smtps://"}
}

// withHost judges the authority of a URL with a scheme.
func withHost(s string) Problem {
	_, rest, ok := strings.Cut(s, "://")
	if !ok || strings.ContainsAny(rest, notInURLs) {
		return Problem{Code: "bad_url"}
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if p := hostPort(rest); !p.OK() {
		return Problem{"bad_url", p.Hint}
	}
	return Problem{}
}

func answer(s string) Problem {
	switch scheme(s) {
	case "http", "https":
		return httpURL(s)
	case "fn":
		return function(s)
	}
	if !strings.HasSuffix(s, ".json") {
		return Problem{Code: "bad_answer"}
	}
	return Problem{}
}

var tones = []string{"ringback", "busy", "congestion", "beep", "silence"}

func audio(s string) Problem {
	if name, ok := strings.CutPrefix(s, "tone:"); ok {
		for _, t := range tones {
			if t == name {
				return Problem{}
			}
		}
		hint := words.DidYouMean(name, tones)
		if hint == "" {
			hint = "tones are " + strings.Join(tones, ", ")
		}
		return Problem{"unknown_tone", hint}
	}
	return attachment(s)
}

func attachment(s string) Problem {
	switch scheme(s) {
	case "http", "https":
		return httpURL(s)
	case "":
	default:
		return Problem{"bad_audio", "only http: and https: are fetched"}
	}
	if s == "" || s[0] == '/' || strings.ContainsAny(s, `\:*?"<>|`) {
		return Problem{"bad_audio", "a name in the tenant's folder"}
	}
	return climbs(s)
}

// climbs refuses paths that leave the folder they are looked up in, or name hidden files.
func climbs(s string) Problem {
	if strings.Contains(s, "://") {
		return Problem{}
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == ".." {
			return Problem{"bad_path", "a name inside of the tenant's folder, without .."}
		}
	}
	return Problem{}
}

func cidr(s string) Problem {
	if _, err := netip.ParsePrefix(s); err == nil {
		return Problem{}
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return Problem{}
	}
	return Problem{Code: "bad_cidr"}
}
