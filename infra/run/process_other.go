//go:build !linux

package run

// raiseDescriptors has nothing to do: the runtime raises the soft limit by itself.
func raiseDescriptors() error { return nil }

// prefer does nothing: other systems are for development.
func prefer(int) error { return nil }
