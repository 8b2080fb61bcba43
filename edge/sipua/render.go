package sipua

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"

	"github.com/offhook/offhook/edge/sipua/guard"
)

// writer renders a message. Every line passes its check, so that nothing from outside breaks out of its header.
type writer struct {
	b    []byte
	line int // where the line under construction starts
	err  error
}

var writers = sync.Pool{New: func() any { return &writer{b: make([]byte, 0, 1024)} }}

func newWriter() *writer {
	w := writers.Get().(*writer)
	w.b, w.line, w.err = w.b[:0], 0, nil
	return w
}

// WriteString makes it an io.StringWriter for sipgo's headers.
func (w *writer) WriteString(s string) (int, error) {
	w.b = append(w.b, s...)
	return len(s), nil
}

func (w *writer) add(parts ...string) *writer {
	for _, p := range parts {
		w.b = append(w.b, p...)
	}
	return w
}

// end checks the line and closes it.
func (w *writer) end() {
	if guard.HasControl(w.b[w.line:]) {
		w.err = errControl
	}
	w.b = append(w.b, '\r', '\n')
	w.line = len(w.b)
}

func (w *writer) header(name, value string) { w.add(name, ": ", value).end() }

func (w *writer) copy(h sip.Header) {
	h.StringWrite(w)
	w.end()
}

// via is copy without the text that sipgo makes between.
func (w *writer) via(h *sip.ViaHeader) {
	if strings.IndexByte(h.Host, ':') >= 0 { // sipgo knows when it needs brackets
		w.copy(h)
		return
	}
	w.add("Via: ", h.ProtocolName, "/", h.ProtocolVersion, "/", h.Transport, " ", h.Host)
	if h.Port > 0 {
		w.b = strconv.AppendInt(append(w.b, ':'), int64(h.Port), 10)
	}
	if len(h.Params) > 0 {
		w.add(";")
		h.Params.ToStringWrite(';', w)
	}
	w.end()
}

// textOf is the text of a header or URI, and what comes behind, in memory of just its length.
func textOf(h interface{ StringWrite(io.StringWriter) }, more ...string) string {
	w := newWriter()
	defer writers.Put(w)
	h.StringWrite(w)
	return string(w.add(more...).b)
}

func (w *writer) headers(list []Header) {
	for _, h := range list {
		w.header(h.Name, h.Value)
	}
}

// body ends the message, in memory of just its length: an answer is kept for who asks again. The writer is used up.
func (w *writer) body(contentType string, body []byte) ([]byte, error) {
	if len(body) > 0 {
		w.header("Content-Type", contentType)
	}
	w.header("Content-Length", strconv.Itoa(len(body)))
	w.b = append(w.b, '\r', '\n')
	w.b = append(w.b, body...)
	raw, err := slices.Clone(w.b), w.err
	writers.Put(w)
	return raw, err
}

// respond starts a response: RFC 3261 8.2.6. tag goes into To where the request has none; empty: no tag (100).
func respond(req *sip.Request, code int, phrase, tag string) *writer {
	w := newWriter()
	w.b = strconv.AppendInt(append(w.b, "SIP/2.0 "...), int64(code), 10)
	w.add(" ", phrase).end()
	dialog := code > 100 && code < 300 && (req.Method == sip.INVITE || req.Method == sip.UPDATE || req.Method == sip.SUBSCRIBE)
	for _, h := range req.Headers() {
		switch h := h.(type) {
		case *sip.ViaHeader:
			w.via(h)
		case *sip.RecordRouteHeader: // RFC 3261 12.1.1
			if dialog {
				w.copy(h)
			}
		}
	}
	w.identity(req, tag)
	if code == 100 { // RFC 3261 8.2.6.1
		if t := req.GetHeader("timestamp"); t != nil {
			w.copy(t)
		}
	}
	return w
}

func (w *writer) identity(req *sip.Request, tag string) {
	w.copy(req.From())
	req.To().StringWrite(w)
	if tag != "" && tagOf(req.To().Params) == "" {
		w.add(";tag=", tag)
	}
	w.end()
	w.header("Call-ID", req.CallID().Value())
	w.copy(req.CSeq())
}

// renderResponse renders what another layer built; its To gets our tag.
func renderResponse(res *sip.Response, req *sip.Request, tag string) ([]byte, error) {
	w := respond(req, res.StatusCode, res.Reason, tag)
	for _, h := range res.Headers() {
		switch h.(type) {
		case *sip.ViaHeader, *sip.FromHeader, *sip.ToHeader, *sip.CallIDHeader, *sip.CSeqHeader,
			*sip.RecordRouteHeader, *sip.ContentLengthHeader, *sip.ContentTypeHeader:
		default:
			w.copy(h)
		}
	}
	contentType := ""
	if h := res.ContentType(); h != nil {
		contentType = h.Value()
	}
	return w.body(contentType, res.Body())
}

// renderRequest renders a request; Content-Length is written anew.
func renderRequest(req *sip.Request) ([]byte, error) {
	w := newWriter()
	w.add(string(req.Method), " ", req.Recipient.String(), " SIP/2.0").end()
	contentType := ""
	for _, h := range req.Headers() {
		switch h := h.(type) {
		case *sip.ContentLengthHeader:
		case *sip.ContentTypeHeader:
			contentType = h.Value()
		default:
			w.copy(h)
		}
	}
	return w.body(contentType, req.Body())
}
