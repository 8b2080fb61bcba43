package sipua

import "time"

// tombstone is how long an ended dialog is remembered: 64*T1, as long as its messages may wander.
const tombstone = 32 * time.Second

// tombKey names an INVITE that made a dialog: Call-ID, From tag, and whether it came to us.
type tombKey struct {
	callID, fromTag string
	inbound         bool
}

// tomb is what is left of a dialog, so that its late messages make no ghost.
type tomb struct {
	cseq  uint32 // the last heard
	until time.Duration
}

// tombs forgets in the order of burial, since all stay equally long.
type tombs struct {
	marker marker
	by     map[mark]tomb
	queue  fifo[mark]
}

func newTombs() tombs { return tombs{marker: newMarker(), by: map[mark]tomb{}} }

func (t *tombs) mark(k tombKey) mark {
	side := "out"
	if k.inbound {
		side = "in"
	}
	return t.marker.of(k.callID, k.fromTag, side)
}

func (t *tombs) add(key tombKey, stone tomb) {
	m := t.mark(key)
	t.by[m] = stone
	t.queue.push(m)
}

func (t *tombs) find(key tombKey) (tomb, bool) {
	stone, ok := t.by[t.mark(key)]
	return stone, ok
}

// bury drops those whose time is over.
func (t *tombs) bury(now time.Duration) {
	for m := t.queue.first(); m != nil; m = t.queue.first() {
		if stone, ok := t.by[*m]; ok && stone.until > now {
			return
		}
		delete(t.by, *m)
		t.queue.drop()
	}
}
