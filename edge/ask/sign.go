package ask

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// sign gives the three headers of Standard Webhooks 1.0. Every secret signs, so that one can be rolled over.
func sign(secrets []string, id string, now time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(now.Unix(), 10)
	var out strings.Builder
	for i, s := range secrets {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString("v1,")
		out.WriteString(base64.StdEncoding.EncodeToString(mac(key(s), id, timestamp, body)))
	}
	return timestamp, out.String()
}

func mac(key []byte, id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(id + "." + timestamp + "."))
	h.Write(body)
	return h.Sum(nil)
}

// key is the secret's bytes: base64 after "whsec_"; anything else counts as it stands.
func key(secret string) []byte {
	rest, found := strings.CutPrefix(secret, "whsec_")
	if !found {
		return []byte(secret)
	}
	if b, err := base64.StdEncoding.DecodeString(rest); err == nil {
		return b
	}
	if b, err := base64.RawStdEncoding.DecodeString(rest); err == nil {
		return b
	}
	return []byte(rest)
}
