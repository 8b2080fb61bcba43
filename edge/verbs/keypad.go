package verbs

import (
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/edge/call"
)

// keyPause is how long a key that may go on is waited for.
const keyPause = 2 * time.Second

// keypad finds keys, of one or more digits, in what a party dials while its leg is lent. What belongs to none of them is
// passed on to whoever has the leg.
type keypad struct {
	Pressed string `json:",omitempty"`
	Timer   int    `json:",omitempty"`
}

// press takes a digit; the keys that it completes are given to hit. Loan is whom the rest is for.
func (k *keypad) press(r *call.Run, digit string, keys []string, loan int, hit func(key string)) {
	k.Pressed += digit
	k.scan(r, keys, loan, hit, false)
}

// late: nothing more came.
func (k *keypad) late(r *call.Run, keys []string, loan int, hit func(key string)) {
	k.Timer = 0
	k.scan(r, keys, loan, hit, true)
}

func (k *keypad) scan(r *call.Run, keys []string, loan int, hit func(key string), late bool) {
	r.Stop(k.Timer)
	k.Timer = 0
	for k.Pressed != "" {
		if !late && slices.ContainsFunc(keys, func(key string) bool { return len(key) > len(k.Pressed) && strings.HasPrefix(key, k.Pressed) }) {
			k.Timer = r.After(keyPause)
			return
		}
		if key := longest(keys, k.Pressed); key != "" {
			k.Pressed = k.Pressed[len(key):]
			hit(key)
			continue
		}
		r.PassDigits(loan, k.Pressed[:1])
		k.Pressed = k.Pressed[1:]
	}
}

// longest is the longest key that the digits begin with.
func longest(keys []string, digits string) string {
	found := ""
	for _, key := range keys {
		if len(key) > len(found) && strings.HasPrefix(digits, key) {
			found = key
		}
	}
	return found
}
