package api

import (
	"container/list"
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
)

// maxKey is how long an Idempotency-Key may be.
const maxKey = 255

// idempotency keeps the answers given under an Idempotency-Key, the newest so many.
type idempotency struct {
	mu    sync.Mutex
	most  int
	order *list.List // of string, oldest first
	kept  map[string]*kept
}

// kept is what was asked under a key, and its answer once done is closed.
type kept struct {
	asked  [32]byte
	done   chan struct{}
	place  *list.Element
	good   bool // there is an answer: what was asked has been done
	status int
	body   any
}

func newIdempotency(most int) *idempotency {
	return &idempotency{most: most, order: list.New(), kept: map[string]*kept{}}
}

// claim gives what is kept under a key; mine: nothing was, and the caller answers now and calls settle. Whoever comes
// with the key meanwhile waits for that answer, and takes the place when there is none.
func (i *idempotency) claim(ctx context.Context, key string, asked []byte) (k *kept, mine bool, err error) {
	for {
		if k, mine = i.enter(key, asked); mine {
			return k, true, nil
		}
		select {
		case <-k.done:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
		if k.good {
			return k, false, nil
		}
	}
}

func (i *idempotency) enter(key string, asked []byte) (k *kept, mine bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if k, ok := i.kept[key]; ok {
		return k, false
	}
	k = &kept{asked: sha256.Sum256(asked), done: make(chan struct{}), place: i.order.PushBack(key)}
	i.kept[key] = k
	if i.order.Len() > i.most {
		delete(i.kept, i.order.Remove(i.order.Front()).(string))
	}
	return k, true
}

// settle keeps an answer, or frees the key when nothing was done.
func (i *idempotency) settle(key string, k *kept) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !k.good && i.kept[key] == k {
		delete(i.kept, key)
		i.order.Remove(k.place)
	}
	close(k.done)
}

// write gives the answer again. The same key with another body is a fault of the client.
func (k *kept) write(w http.ResponseWriter, asked []byte) {
	if k.asked != sha256.Sum256(asked) {
		fail(w, http.StatusUnprocessableEntity, "idempotency_key_reused", "this Idempotency-Key was used with another body")
		return
	}
	reply(w, k.status, k.body)
}
