package real

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// devtools is a client of the Chrome DevTools protocol, with sessions told apart by id ("flat").
type devtools struct {
	conn *websocket.Conn

	mu      sync.Mutex
	last    int
	waiting map[int]chan answer
	told    map[string]func(method string, params json.RawMessage) // by session
	ended   error
}

// answer to a command, or why there is none.
type answer struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// message is anything that the browser sends.
type message struct {
	answer
	ID        int
	SessionID string
	Method    string
	Params    json.RawMessage
}

func dialDevtools(t *testing.T, url string) *devtools {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, url, nil) //nolint:bodyclose // the connection has it
	must(t, err)
	conn.SetReadLimit(-1)
	d := &devtools{conn: conn, waiting: map[int]chan answer{}, told: map[string]func(string, json.RawMessage){}}
	done := make(chan struct{})
	go func() { defer close(done); d.listen() }()
	t.Cleanup(func() { _ = conn.CloseNow(); <-done })
	return d
}

func (d *devtools) listen() {
	for {
		_, raw, err := d.conn.Read(context.Background())
		if err != nil {
			d.end(err)
			return
		}
		var m message
		if json.Unmarshal(raw, &m) != nil {
			continue
		}
		d.mu.Lock()
		waiting, told := d.waiting[m.ID], d.told[m.SessionID]
		delete(d.waiting, m.ID)
		d.mu.Unlock()
		switch {
		case waiting != nil:
			waiting <- m.answer
		case m.Method != "" && told != nil:
			told(m.Method, m.Params)
		}
	}
}

func (d *devtools) end(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = err
	for _, w := range d.waiting {
		close(w)
	}
	clear(d.waiting)
}

// subscribe tells of a session's events. The function must not block.
func (d *devtools) subscribe(session string, told func(method string, params json.RawMessage)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told[session] = told
}

// do sends a command and waits for its result.
func (d *devtools) do(session, method string, params, result any) error {
	reply := make(chan answer, 1)
	d.mu.Lock()
	if d.ended != nil {
		d.mu.Unlock()
		return d.ended
	}
	d.last++
	id := d.last
	d.waiting[id] = reply
	d.mu.Unlock()
	raw, err := json.Marshal(map[string]any{"id": id, "sessionId": session, "method": method, "params": params})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := d.conn.Write(ctx, websocket.MessageText, raw); err != nil {
		return err
	}
	select {
	case a, ok := <-reply:
		return a.into(method, ok, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: the browser did not answer within %s", method, Patience)
	}
}

func (a answer) into(method string, ok bool, result any) error {
	switch {
	case !ok:
		return fmt.Errorf("%s: the browser has gone", method)
	case a.Error != nil:
		return fmt.Errorf("%s: %s", method, a.Error.Message)
	case result == nil:
		return nil
	}
	return json.Unmarshal(a.Result, result)
}
