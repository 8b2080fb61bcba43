package sound

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// How long a fetched sound is used without asking again.
const (
	usualKept = 5 * time.Minute // where the server says nothing; then the old one is still played while it is asked for again
	mostKept  = 24 * time.Hour
	maxMark   = 256 // bytes of a validator that is kept
)

// version is how a server tells one state of a sound from another: validators of RFC 9110 8.8.
type version struct{ etag, modified string }

func versionOf(h http.Header) version {
	v := version{etag: h.Get("ETag"), modified: h.Get("Last-Modified")}
	if len(v.etag) > maxMark {
		v.etag = ""
	}
	if len(v.modified) > maxMark {
		v.modified = ""
	}
	return v
}

// ask makes a request conditional.
func (v version) ask(h http.Header) {
	if v.etag != "" {
		h.Set("If-None-Match", v.etag)
	}
	if v.modified != "" {
		h.Set("If-Modified-Since", v.modified)
	}
}

// fresh says how long the sound may be used, by the answer's header (RFC 9111 4.2).
func fresh(h http.Header, l loaded) loaded {
	control := directives(h)
	_, l.once = control["no-store"]
	_, always := control["no-cache"]
	age, said := seconds(control["max-age"])
	expires, err := http.ParseTime(h.Get("Expires"))
	switch {
	case l.once || always:
		l.keep = 0
	case said:
		since, _ := seconds(h.Get("Age"))
		l.keep = age - since
	case h.Get("Expires") != "":
		if err == nil { // a broken date is the past (RFC 9111 5.3)
			l.keep = time.Until(expires)
		}
	default:
		l.keep, l.stale = usualKept, mostKept
	}
	if later, ok := seconds(control["stale-while-revalidate"]); ok { // RFC 5861
		l.stale = min(later, mostKept)
	}
	l.keep = max(0, min(l.keep, mostKept))
	return l
}

func directives(h http.Header) map[string]string {
	all := map[string]string{}
	for _, d := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
		all[strings.ToLower(name)] = strings.Trim(value, `"`)
	}
	return all
}

func seconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, false
	}
	return time.Duration(min(n, int64(mostKept/time.Second))) * time.Second, true
}
