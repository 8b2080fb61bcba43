package sound

import (
	"context"
	"fmt"
	"strings"

	"github.com/offhook/offhook/edge/speech"
	"github.com/offhook/offhook/schemas/verb"
)

// builtIn are the texts of the built-in samples, spoken by the built-in voice at first use.
var builtIn = map[string]string{
	"welcome":     "Welcome. Thank you for calling.",
	"goodbye":     "Thank you for calling. Good bye.",
	"please_wait": "One moment, please. I am connecting you.",
	"hold":        "Please hold the line.",
	"busy":        "All lines are busy. Please try again later.",
	"unavailable": "Nobody can take your call right now. Please try again later.",
	"error":       "Sorry, something went wrong. Please call again later.",
	"bad_input":   "Sorry, I did not understand that.",
}

func requestOf(text string) speech.Request {
	return speech.Request{Text: text, Engine: speech.EngineFlite}
}

// openSpeech never fails at once: what cannot be said is silence, with the error at its end.
func (l *Library) openSpeech(tenant string, say verb.Say) playable {
	k, load := l.speech(tenant, say)
	return &spoken{pending: l.store.get(k, l.store.local, load), silence: int(speech.Estimate(say.Text) / frameTime)}
}

// speech is what a text is kept by, and how it is made.
func (l *Library) speech(tenant string, say verb.Say) (key, loader) {
	r := speech.Request{Text: say.Text, Voice: say.Voice, Language: say.Language, Engine: say.Engine}
	if r.Voice == "" && r.Engine == "" && r.Language == "" {
		r.Voice = setting(l.cfg.Voice, tenant)
	}
	k := key{"speech", strings.Join([]string{r.Engine, r.Voice, r.Language}, "\x00"), r.Text}
	return k, func(ctx context.Context, _ *entry) (loaded, error) { return l.speak(ctx, r) }
}

func (l *Library) speak(ctx context.Context, r speech.Request) (loaded, error) {
	if l.cfg.Speech == nil {
		return loaded{}, fmt.Errorf("%w: no speech engine is set up", speech.ErrUnknownEngine)
	}
	s, err := l.cfg.Speech.Speak(ctx, r)
	if err != nil {
		return loaded{}, err
	}
	return loaded{clip: newClip(s), keep: forever}, nil
}
