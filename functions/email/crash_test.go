package email

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/offhook/offhook/events"
	"github.com/offhook/offhook/schemas/event"
)

// child is this test binary as the function's process: it takes one event, says so, and sends until it is killed
// or its standard input ends.
func child() {
	f, err := open(context.Background(), environment(os.Getenv("EMAIL_TEST_DATA"), os.Getenv("EMAIL_TEST_CHILD")))
	if err != nil {
		panic(err)
	}
	raw, err := json.Marshal(event.Email{To: []string{"boss@acme.test"}, Subject: "On hold", Text: "x"})
	if err != nil {
		panic(err)
	}
	if err := f.Events(context.Background(), events.Delivered{Event: events.Event{ID: "e-1", Time: time.Unix(1700000000, 0), Data: raw}}); err != nil {
		panic(err)
	}
	os.Stdout.WriteString("taken\n")
	bufio.NewReader(os.Stdin).ReadByte()
	if err := f.Close(); err != nil {
		panic(err)
	}
}

// process starts a child; end it by kill, or gently by closing its input.
func process(t *testing.T, data, smtp string) (kill, leave func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "EMAIL_TEST_CHILD="+smtp, "EMAIL_TEST_DATA="+data)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "taken\n" {
		t.Fatalf("child said %q: %v", line, err)
	}
	kill = func() {
		if err := errors.Join(cmd.Process.Kill(), cmd.Wait()); err == nil {
			t.Error("the child was not killed")
		}
	}
	leave = func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	return kill, leave
}

func TestKilledBeforeTheServerHasTheMailItIsSentOnceAfterwards(t *testing.T) {
	reached, hold := make(chan struct{}), make(chan struct{})
	first := true
	p := openPost(t, &post{rcpt: func(string) error {
		if first {
			first = false
			close(reached)
			<-hold
			return errors.New("the client is gone")
		}
		return nil
	}})
	data := t.TempDir()
	kill, _ := process(t, data, "smtp://"+p.addr)
	<-reached
	kill()
	close(hold)
	_, leave := process(t, data, "smtp://"+p.addr)
	p.next(t)
	leave()
	if p.count["<e-1@acme.test>"] != 1 {
		t.Fatal(p.count)
	}
}

func TestKilledBetweenDotAndReplyItIsNotSentTwice(t *testing.T) {
	hold := make(chan struct{})
	first := true
	p := openPost(t, &post{after: func([]byte) {
		if first {
			first = false
			<-hold
		}
	}})
	data := t.TempDir()
	kill, _ := process(t, data, "smtp://"+p.addr)
	p.next(t)
	kill()
	close(hold)
	_, leave := process(t, data, "smtp://"+p.addr)
	leave()
	e := start(t, environment(data, "smtp://"+p.addr))
	if s := settled(t, e); s["e-1"] != stateUnconfirmed || p.count["<e-1@acme.test>"] != 1 {
		t.Fatal(s, p.count)
	}
}

func TestKilledAfterTheReplyItIsNotSentTwice(t *testing.T) {
	p := openPost(t, &post{})
	data := t.TempDir()
	_, leave := process(t, data, "smtp://"+p.addr)
	p.next(t)
	leave()
	kill, _ := process(t, data, "smtp://"+p.addr)
	kill()
	e := start(t, environment(data, "smtp://"+p.addr))
	if s := settled(t, e); s["e-1"] != stateSent || p.count["<e-1@acme.test>"] != 1 {
		t.Fatal(s, p.count)
	}
}
