package ask

import (
	"net/http"
	"strings"
	"time"

	schema "github.com/offhook/offhook/schemas/ask"
)

// AtOnce is a function of this process that answers without blocking, with a document that was checked when it was loaded.
// false: it must be asked in the usual way.
type AtOnce func(schema.Ask) (schema.Answer, bool)

// AtOnce gives the answer of a function that has it in memory; a call then waits for nobody. false: use Ask, which
// also tells what went wrong.
func (k *Asker) AtOnce(to string, a schema.Ask) (Answer, bool) {
	name, isFn := strings.CutPrefix(to, "fn:")
	f := k.config.AtOnce[name]
	if !isFn || f == nil {
		return Answer{}, false
	}
	started := time.Now()
	doc, ok := safely(f, a)
	if !ok {
		return Answer{}, false
	}
	ans := Answer{OK: true, Source: "url", URL: to, Status: http.StatusOK, Attempts: 1, Took: time.Since(started), Document: doc}
	if len(doc.Verbs) == 0 && len(doc.Vars) == 0 && len(doc.State) == 0 {
		ans.Status, ans.Empty = http.StatusNoContent, true
	}
	return ans, true
}

// safely: one that panics is asked in the usual way, where a panic has its code.
func safely(f AtOnce, a schema.Ask) (doc schema.Answer, ok bool) {
	defer func() {
		if recover() != nil {
			doc, ok = schema.Answer{}, false
		}
	}()
	return f(a)
}
