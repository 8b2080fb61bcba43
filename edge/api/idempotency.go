package api

import (
	"container/list"
	"crypto/sha256"
	"net/http"
	"sync"
)

// idempotency keeps the answers given under an Idempotency-Key, the newest so many.
type idempotency struct {
	mu    sync.Mutex
	most  int
	order *list.List // of string, oldest first
	kept  map[string]kept
}

// kept is an answer and what it answered.
type kept struct {
	status int
	body   any
	asked  [32]byte
}

func newIdempotency(most int) *idempotency {
	return &idempotency{most: most, order: list.New(), kept: map[string]kept{}}
}

// get finds the answer under a key. The same key with another body is a fault of the client, told as 422.
func (i *idempotency) get(key string, asked []byte) (kept, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	k, ok := i.kept[key]
	if ok && k.asked != sha256.Sum256(asked) {
		return kept{status: http.StatusUnprocessableEntity, body: Problem{Type: "urn:offhook:problem:idempotency_key_reused",
			Title: "Unprocessable Entity", Status: http.StatusUnprocessableEntity, Code: "idempotency_key_reused",
			Detail: "this Idempotency-Key was used with another body"}}, true
	}
	return k, ok
}

func (i *idempotency) put(key string, asked []byte, answer kept) {
	i.mu.Lock()
	defer i.mu.Unlock()
	answer.asked = sha256.Sum256(asked)
	i.kept[key] = answer
	i.order.PushBack(key)
	if i.order.Len() > i.most {
		delete(i.kept, i.order.Remove(i.order.Front()).(string))
	}
}

func (k kept) write(w http.ResponseWriter) { reply(w, k.status, k.body) }
