// Package verb holds the verbs of a document as Go values and their JSON form.
// It knows shapes only: what a verb does is in edge/verbs, what is allowed in schemas/check.
package verb

import "time"

// Verb is one step of a document. The concrete types are pointers: *Answer, *Play, *Dial ...
type Verb interface {
	VerbName() string // "answer", as in the JSON property "verb"
	VerbID() string   // the optional "id" of the author
}

// Document is a list of verbs, run in order. Its JSON form is an array whose items are told apart by "verb".
type Document []Verb

// Do is what a `next`, an `on` value or a fallback names: a URL ("fn:NAME" and relative ones too) or a document in place.
// Its JSON form is a string or an array.
type Do struct {
	URL      string
	Document Document
}

// Duration is a time span: "1m30s" or a number of seconds in JSON.
type Duration time.Duration

// Strings is one string or a list of them in JSON.
type Strings []string

// Audio is a sample's name, an https URL or "tone:NAME" (a JSON string), or speech ({"say": "text"}).
type Audio struct {
	Name string
	Say  *Say
}

// Audios is one Audio or a list of them in JSON.
type Audios []Audio

// Targets is one Target or a list of them in JSON.
type Targets []Target
