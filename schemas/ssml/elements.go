package ssml

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/offhook/offhook/schemas/words"
)

// Pauses of paragraphs and sentences.
const (
	paragraph = 600 * time.Millisecond
	sentence  = 300 * time.Millisecond
)

var (
	names    = []string{"speak", "p", "s", "break", "prosody", "say-as", "sub"}
	elements = map[string]func(*parser, *element, attrs) error{
		"speak": func(*parser, *element, attrs) error { return nil }, "p": within(paragraph), "s": within(sentence),
		"break": (*parser).breaks, "prosody": (*parser).prosody, "say-as": (*parser).sayAs, "sub": (*parser).sub,
	}
)

// within has a pause before and after.
func within(d time.Duration) func(*parser, *element, attrs) error {
	return func(p *parser, e *element, _ attrs) error {
		p.say()
		p.gap, e.gap = max(p.gap, d), d
		return nil
	}
}

var strengths = map[string]time.Duration{"none": 0, "x-weak": 100 * time.Millisecond, "weak": 250 * time.Millisecond,
	"medium": 500 * time.Millisecond, "strong": 750 * time.Millisecond, "x-strong": 1200 * time.Millisecond}

var strengthNames = []string{"none", "x-weak", "weak", "medium", "strong", "x-strong"}

// breaks: pauses at one place add up where their times are given.
func (p *parser) breaks(_ *element, a attrs) error {
	if err := p.only(a, "break", "time", "strength"); err != nil {
		return err
	}
	p.say()
	d := strengths["medium"]
	if s, ok := a["strength"]; ok {
		if d, ok = strengths[s]; !ok {
			return p.fail(fmt.Sprintf("strength %q; there are %s", s, words.Quoted(strengthNames)), words.DidYouMean(s, strengthNames))
		}
	}
	given, ok := a["time"]
	if !ok {
		p.gap = max(p.gap, d)
		return nil
	}
	d, err := time.ParseDuration(strings.TrimSpace(given))
	if err != nil || d < 0 || d > maxPause {
		return p.fail(fmt.Sprintf("time %q; a pause is at most %s", given, maxPause), `such as "500ms" or "2s"`)
	}
	if p.pauses += d; p.pauses > maxPauses {
		return p.fail(fmt.Sprintf("pauses of more than %s in all", maxPauses), "")
	}
	p.pause += d
	return nil
}

var rates = map[string]float64{"x-slow": 0.5, "slow": 0.75, "medium": 1, "default": 1, "fast": 1.25, "x-fast": 1.6}

func (p *parser) prosody(e *element, a attrs) error {
	if err := p.only(a, "prosody", "rate"); err != nil {
		return err
	}
	p.say()
	given, ok := a["rate"]
	if !ok {
		return p.fail("<prosody> without a rate", `such as rate="slow" or rate="80%"`)
	}
	rate, named := rates[given]
	if !named {
		percent, is := strings.CutSuffix(strings.TrimSpace(given), "%")
		n, err := strconv.ParseFloat(percent, 64)
		if err != nil || !is || strings.HasPrefix(percent, "+") {
			return p.fail(fmt.Sprintf("rate %q", given), "a percentage such as \"80%\", or x-slow, slow, medium, fast, x-fast")
		}
		rate = n / 100
	}
	if rate *= e.rate; !(rate >= minRate && rate <= maxRate) { // NaN too
		return p.fail(fmt.Sprintf("a rate of %.0f%%; from %.0f%% to %.0f%% can be spoken", rate*100, minRate*100, maxRate*100), "")
	}
	e.rate = rate
	return nil
}

var interpretations = []string{"characters", "spell-out", "digits", "telephone"}

func (p *parser) sayAs(e *element, a attrs) error {
	if err := p.only(a, "say-as", "interpret-as", "format", "detail"); err != nil {
		return err
	}
	p.text.WriteByte(' ')
	how := a["interpret-as"]
	if !slices.Contains(interpretations, how) {
		return p.fail(fmt.Sprintf("interpret-as %q; there are %s", how, words.Quoted(interpretations)), words.DidYouMean(how, interpretations))
	}
	e.as = how
	return nil
}

func (p *parser) sub(e *element, a attrs) error {
	if err := p.only(a, "sub", "alias"); err != nil {
		return err
	}
	if a["alias"] == "" {
		return p.fail("<sub> without an alias", `such as <sub alias="World Wide Web">WWW</sub>`)
	}
	if !e.mute {
		p.text.WriteString(" " + a["alias"] + " ")
	}
	e.mute = true
	return nil
}

// signs are what keys and number signs are called.
var signs = map[rune]string{'+': "plus", '*': "star", '#': "hash", '@': "at", '.': "dot", '-': "dash", '_': "underscore", '/': "slash"}

// as writes a text so that any voice says it as it is meant: one by one, a telephone number in its groups.
func as(how, text string) string {
	if how == "" {
		return text
	}
	var said []string
	for _, r := range text {
		switch {
		case unicode.IsDigit(r) || unicode.IsLetter(r) && how != "digits":
			said = append(said, strings.ToUpper(string(r)))
		case how == "telephone" && strings.ContainsRune(" -.()/", r):
			if n := len(said); n > 0 && !strings.HasSuffix(said[n-1], ",") {
				said[n-1] += "," // a short pause
			}
		case signs[r] != "":
			said = append(said, signs[r])
		}
	}
	if n := len(said); n > 0 {
		said[n-1] = strings.TrimSuffix(said[n-1], ",")
	}
	return " " + strings.Join(said, " ") + " "
}
