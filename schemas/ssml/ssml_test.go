package ssml

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func show(pieces []Piece) string {
	var out []string
	for _, p := range pieces {
		switch {
		case p.Text == "":
			out = append(out, p.Pause.String())
		case p.Rate != 1:
			out = append(out, fmt.Sprintf("%q at %.2f", p.Text, p.Rate))
		default:
			out = append(out, fmt.Sprintf("%q", p.Text))
		}
	}
	return strings.Join(out, ", ")
}

func TestWhatIsSaid(t *testing.T) {
	for text, want := range map[string]string{
		`<speak>Hello   there.</speak>`: `"Hello there."`,
		` <speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en">Hi</speak> `: `"Hi"`,
		`<speak>One<break time="1.5s"/>two</speak>`:                                                   `"One", 1.5s, "two"`,
		`<speak>One<break time="1s"/><break time="250ms"/>two</speak>`:                                `"One", 1.25s, "two"`,
		`<speak>One<break/>two<break strength="x-strong"/>three<break strength="none"/>four</speak>`:  `"One", 500ms, "two", 1.2s, "three four"`,
		`<speak><break time="1s"/>One<break time="2s"/></speak>`:                                      `1s, "One", 2s`,
		`<speak><p><s>One.</s><s>Two.</s></p><p>Three.</p></speak>`:                                   `"One.", 300ms, "Two.", 600ms, "Three."`,
		`<speak>a <prosody rate="slow">b <prosody rate="50%">c</prosody></prosody> d</speak>`:         `"a", "b" at 0.75, "c" at 0.38, "d"`,
		`<speak>Code <say-as interpret-as="digits">4a2-1</say-as>.</speak>`:                           `"Code 4 2 dash 1 ."`,
		`<speak><say-as interpret-as="characters">abč7*</say-as></speak>`:                             `"A B Č 7 star"`,
		`<speak>Call <say-as interpret-as="telephone">+371 2000-11 (0)</say-as></speak>`:              `"Call plus 3 7 1, 2 0 0 0, 1 1, 0"`,
		`<speak>The <sub alias="World Wide Web">WWW</sub> &amp; more &lt;b&gt;</speak>`:               `"The World Wide Web & more <b>"`,
		`<speak>a<!-- no -->b</speak>`:                                                                `"ab"`,
		`<speak/>`:                                                                                    ``,
	} {
		pieces, err := Parse(text)
		if got := show(pieces); err != nil || got != want || !Is(text) {
			t.Errorf("%s:\n got %s, %v\nwant %s", text, got, err, want)
		}
		again, err := Parse(Write(pieces))
		if err != nil || show(again) != strings.ReplaceAll(want, "0.38", "0.38") {
			t.Errorf("%s: written as %s, that is %s, %v", text, Write(pieces), show(again), err)
		}
	}
}

func TestWhatIsNotTakenIsToldWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"<speak>":                                            "line 1, character 8: unexpected EOF",
		"<speak>a</p></speak>":                               "element <speak> closed by </p>",
		"<speak>\n a <brake/></speak>":                       "line 2, character 4: <brake> is not known here",
		"<speak><audio src='x'/></speak>":                    "<audio> is not known here",
		"<speak>a</speak>b":                                  "text outside of <speak>",
		"<speak>a</speak><speak/>":                           "something after </speak>",
		"<speak><speak/></speak>":                            "the outermost element",
		"<p>a</p>":                                           "the outermost element",
		"<speak>a & b</speak>":                               "write &amp; for &",
		"<speak>&nbsp;</speak>":                              "write &amp; for &",
		"<speak><?php x ?></speak>":                          "only elements and text",
		`<speak><!DOCTYPE x></speak>`:                        "only elements and text",
		`<speak><break time="1 s"/></speak>`:                 `such as "500ms"`,
		`<speak><break time="-1s"/></speak>`:                 `at most 10s`,
		`<speak><break time="11s"/></speak>`:                 `at most 10s`,
		`<speak><break strengt="weak"/></speak>`:             `did you mean strength?`,
		`<speak><break strength="week"/></speak>`:            `did you mean weak?`,
		`<speak><prosody rate="+10%"/></speak>`:              `such as "80%"`,
		`<speak><prosody rate="NaN%"/></speak>`:              `can be spoken`,
		`<speak><prosody rate="900%"/></speak>`:              "from 20% to 200%",
		`<speak><prosody pitch="x"/></speak>`:                `not "pitch"`,
		`<speak><prosody>a</prosody></speak>`:                "without a rate",
		`<speak><say-as interpret-as="date"/></speak>`:       `there are "characters"`,
		`<speak><sub>a</sub></speak>`:                        "without an alias",
		"<speak>" + strings.Repeat("<s>", 20):                "in each other",
		"<speak>" + strings.Repeat("<break/>", 300):          "more than 200 elements",
		"<speak>" + strings.Repeat(`<break time="10s"/>`, 7): "more than 1m0s in all",
	} {
		_, err := Parse(text)
		var is *Error
		if !errors.As(err, &is) || !strings.Contains(err.Error(), want) || is.Line < 1 || is.Column < 1 {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestTextIsSSMLOnlyWhereItBeginsSo(t *testing.T) {
	for text, want := range map[string]bool{"<speak>a</speak>": true, "\n <speak version='1.0'>": true, "<speak": true, "<speaker>": false,
		"Say <speak>": false, "": false, "\u200b<speak>": false, "< speak>": false} {
		if Is(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`<speak>a<break time="1s"/><prosody rate="80%"><say-as interpret-as="digits">12</say-as></prosody></speak>`)
	f.Fuzz(func(t *testing.T, text string) {
		pieces, err := Parse(text)
		if err != nil {
			return
		}
		if _, err := Parse(Write(pieces)); err != nil && len(pieces) < 60 {
			t.Errorf("%q: written as %q: %v", text, Write(pieces), err)
		}
	})
}
