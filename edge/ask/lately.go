package ask

// lately keeps what was asked for lately, in two generations: the older is dropped when the newer is full, so its number is
// bounded by two times most. Its owner locks. The zero value is ready.
type lately[K comparable, V any] struct{ now, old map[K]*V }

// find is nil for what is not kept, or not any more; what it finds is kept on.
func (l *lately[K, V]) find(k K, most int) *V {
	if v := l.now[k]; v != nil {
		return v
	}
	v := l.old[k]
	if v != nil {
		l.keep(k, v, most)
	}
	return v
}

func (l *lately[K, V]) keep(k K, v *V, most int) {
	if l.now == nil || len(l.now) >= most {
		l.old, l.now = l.now, make(map[K]*V)
	}
	l.now[k] = v
}
