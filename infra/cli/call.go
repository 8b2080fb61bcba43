package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/offhook/offhook/infra/phone"
)

type callCmd struct {
	Target      string        `arg:"" optional:"" help:"Extension, number or SIP URI; none with --wait."`
	Server      string        `help:"SIP server; default 127.0.0.1:5060." placeholder:"HOST:PORT"`
	TCP         bool          `help:"SIP over TCP."`
	As          string        `help:"User, such as 101." placeholder:"USER"`
	Password    string        `help:"Default: demo- and the user, as in the demo tenant." env:"OFFHOOK_PASSWORD"`
	Name        string        `help:"Display name."`
	Register    bool          `help:"Register before calling."`
	Wait        bool          `help:"Wait for a call and answer it."`
	AnswerAfter time.Duration `help:"With --wait: let it ring this long."`
	Reject      int           `help:"With --wait: refuse with this status." placeholder:"486"`
	Busy        bool          `help:"With --wait: refuse with 486 Busy Here."`
	Digits      string        `help:"Digits to send once something is heard, 2 s after the answer at the latest; w waits 0.5 s, a comma 2 s." placeholder:"1w23#"`
	Info        bool          `help:"Digits by SIP INFO instead of RFC 4733."`
	Hold        []string      `help:"Hold at a time for a time; may repeat." placeholder:"3s:2s" sep:"none"`
	Play        string        `help:"WAV file to speak." placeholder:"FILE"`
	Tone        float64       `help:"Speak a tone of this frequency." placeholder:"HZ"`
	Record      string        `help:"WAV file for what was heard." placeholder:"FILE"`
	For         time.Duration `help:"Hang up this long after the answer." placeholder:"20s"`
	JSON        bool          `help:"Timeline and report as JSON lines."`
}

func (c *callCmd) Run(ctx context.Context, out io.Writer) error {
	o, err := c.options()
	if err != nil {
		return usage{err}
	}
	_, err = phone.Run(ctx, o, out)
	var failed *phone.Failed
	switch {
	case errors.Is(err, phone.ErrUsage):
		return usage{err}
	case errors.As(err, &failed):
		return errBad // the timeline has said why
	}
	return err
}

func (c *callCmd) options() (phone.Options, error) {
	o := phone.Options{
		Server: c.Server, As: c.As, Password: c.Password, Name: c.Name, Register: c.Register, Target: c.Target, Wait: c.Wait,
		Answer: phone.Answering{After: c.AnswerAfter, Reject: c.Reject},
		Sound:  phone.Sound{Play: c.Play, Tone: c.Tone, Record: c.Record},
		Digits: phone.Digits{Send: strings.TrimSpace(c.Digits), Info: c.Info}, For: c.For, JSON: c.JSON,
	}
	if c.TCP {
		o.Transport = "tcp"
	}
	if c.Busy {
		o.Answer.Reject = 486
	}
	if (c.Target == "") != c.Wait {
		return o, errors.New("say whom to call, or --wait for a call")
	}
	for _, text := range c.Hold {
		h, err := phone.ParseHold(text)
		if err != nil {
			return o, fmt.Errorf("--hold: %w", err)
		}
		o.Hold = append(o.Hold, h)
	}
	return o, nil
}
