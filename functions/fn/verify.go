package fn

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far a signed request's time may be from ours (Standard Webhooks 1.0, "Verifying webhook authenticity").
const tolerance = 5 * time.Minute

// Errors of Verify.
var (
	ErrNoSignature  = errors.New("webhook-id, webhook-timestamp or webhook-signature is missing")
	ErrTimestamp    = errors.New("webhook-timestamp is too far from now")
	ErrBadSignature = errors.New("no signature matches a secret")
)

// Verify checks a Standard Webhooks signature (webhook-id, webhook-timestamp, webhook-signature) of a body against
// secrets ("whsec_" and base64); one that matches is enough, so that secrets can be rolled over.
// Errors: ErrNoSignature, ErrTimestamp, ErrBadSignature.
func Verify(h http.Header, body []byte, secrets []string, now time.Time) error {
	id, at, signatures := h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature")
	if id == "" || at == "" || signatures == "" {
		return ErrNoSignature
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return ErrTimestamp
	}
	for _, secret := range secrets {
		if matches(signatures, signature(secret, id, at, body)) {
			return nil
		}
	}
	return ErrBadSignature
}

// matches compares with every "v1,BASE64" in the header.
func matches(header string, want []byte) bool {
	for one := range strings.FieldsSeq(header) {
		text, isV1 := strings.CutPrefix(one, "v1,")
		got, err := base64.StdEncoding.DecodeString(text)
		if isV1 && err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}

func signature(secret, id, at string, body []byte) []byte {
	h := hmac.New(sha256.New, secretBytes(secret))
	fmt.Fprintf(h, "%s.%s.", id, at)
	h.Write(body)
	return h.Sum(nil)
}

func secretBytes(secret string) []byte {
	text, ok := strings.CutPrefix(secret, "whsec_")
	if !ok {
		return []byte(secret)
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return []byte(text)
	}
	return b
}

// signed lets only requests through that are signed with one of the secrets. No secrets: all.
func signed(secrets []string, h http.Handler) http.Handler {
	if len(secrets) == 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, askLimit))
		if err != nil {
			Fail(w, Problem(http.StatusRequestEntityTooLarge, "too_large", err.Error()))
			return
		}
		if err := Verify(r.Header, body, secrets, time.Now()); err != nil {
			Fail(w, Problem(http.StatusUnauthorized, "unsigned", err.Error()))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(w, r)
	})
}
