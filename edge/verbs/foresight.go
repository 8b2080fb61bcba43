package verbs

import (
	"maps"
	"slices"

	"github.com/offhook/offhook/edge/call"
	"github.com/offhook/offhook/schemas/verb"
)

// What verbs are going to say, for speech that is made ahead of time.

func playSays(v verb.Verb) call.Foresight {
	if v, ok := v.(*verb.Play); ok {
		return call.Foresight{Says: v.Audio}
	}
	return call.Foresight{}
}

func saySays(v verb.Verb) call.Foresight {
	if v, ok := v.(*verb.Say); ok {
		return call.Foresight{Says: verb.Audios{{Say: v}}}
	}
	return call.Foresight{}
}

func gatherSays(v verb.Verb) call.Foresight {
	g, ok := v.(*verb.Gather)
	if !ok {
		return call.Foresight{}
	}
	f := call.Foresight{Prompts: []verb.Document{g.Prompt}, Ends: g.Next != nil}
	for _, key := range slices.Sorted(maps.Keys(g.On)) {
		f.Later = append(f.Later, g.On[key].Document)
	}
	return f
}

// dialSays: what there is to say when nobody comes.
func dialSays(v verb.Verb) call.Foresight {
	d, ok := v.(*verb.Dial)
	if !ok {
		return call.Foresight{}
	}
	f := call.Foresight{Ends: d.Next != nil}
	for _, key := range []string{call.StatusNoAnswer, call.StatusBusy, call.StatusTimeout, call.StatusFailed} {
		f.Later = append(f.Later, d.On[key].Document)
	}
	return f
}

func lastVerb(verb.Verb) call.Foresight { return call.Foresight{Ends: true} }
