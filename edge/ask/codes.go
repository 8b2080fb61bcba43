package ask

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"
)

// Codes of a Failure. They are part of what webhook authors see and never change.
const (
	CodeTimeout           = "timeout"
	CodeRefused           = "refused"
	CodeDNS               = "dns"
	CodeTLS               = "tls"
	CodeConnection        = "connection"
	CodeAddressForbidden  = "address_forbidden"
	CodeRedirectForbidden = "redirect_forbidden"
	CodeStatus            = "status"
	CodeTooLarge          = "too_large"
	CodeBadContentType    = "bad_content_type"
	CodeBadJSON           = "bad_json"
	CodeBadDocument       = "bad_document"
	CodeBadURL            = "bad_url"
	CodeUnknownFunction   = "unknown_function"
	CodeOverloaded        = "overloaded"
	CodeCircuitOpen       = "circuit_open"
	CodePanic             = "panic"
	CodeCancelled         = "cancelled"
)

const docsBase = "https://github.com/offhook/offhook/blob/main/schemas/ask/FAILURES.md#"

// Docs is the address of the page that explains a Failure's code.
func Docs(code string) string { return docsBase + code }

// fault is a failure on its way up: a code with what happened, and whether a second try may help.
type fault struct {
	code   string
	detail string
	status int
	retry  bool
	err    error
}

func (f *fault) Error() string { return f.code + ": " + f.detail }
func (f *fault) Unwrap() error { return f.err }

func faultf(code, format string, args ...any) *fault {
	return &fault{code: code, detail: fmt.Sprintf(format, args...)}
}

// classify gives an error of the transport its code.
func classify(err error) *fault {
	if f, ok := errors.AsType[*fault](err); ok {
		return f
	}
	switch {
	case errors.Is(err, context.Canceled):
		return faultf(CodeCancelled, "the call no longer waits for this answer")
	case isTLS(err):
		return faultf(CodeTLS, "%s", plain(err))
	case isTimeout(err):
		return faultf(CodeTimeout, "no complete answer in time")
	case errors.Is(err, syscall.ECONNREFUSED):
		return &fault{code: CodeRefused, detail: plain(err), retry: true}
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return &fault{code: CodeDNS, detail: plain(err), retry: true}
	}
	return &fault{code: CodeConnection, detail: plain(err), retry: true}
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

func isTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	// The handshake's own complaints (no common version, wrong message) have no exported type.
	text := err.Error()
	return strings.Contains(text, "tls: ") || strings.Contains(text, "server gave HTTP response to HTTPS client")
}

// plain is an error's innermost useful text; *url.Error in front repeats the URL, which the Failure has already.
func plain(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return clip(err.Error(), 300)
}

// beginning of a body, for a log. A document is not shown: there are secrets in its headers and links.
func beginning(body []byte) string {
	if b := bytes.TrimLeft(body, " \t\r\n"); len(b) > 0 && (b[0] == '[' || b[0] == '{') {
		return "like a document"
	}
	return snippet(body)
}

// snippet quotes the first characters of something from outside: printable, on one line, bounded.
func snippet(b []byte) string {
	const most = 120
	more := len(b) > most
	if more {
		b = b[:most]
		for len(b) > 0 && !utf8.Valid(b[max(0, len(b)-utf8.UTFMax):]) && len(b) > most-utf8.UTFMax {
			b = b[:len(b)-1]
		}
	}
	q := strconv.QuoteToGraphic(string(b))
	if more {
		q += "..."
	}
	return q
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
