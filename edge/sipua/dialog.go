package sipua

// Dialog is one leg on the wire, inbound or outbound. Its methods are safe from any goroutine and never block:
// they post to the worker that owns the Call-ID.
type Dialog struct {
	// Context is the handler's own, set before the first event or in OnInvite.
	Context any
}
