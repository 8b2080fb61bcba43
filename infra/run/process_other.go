//go:build !linux

package run

// raiseDescriptors has nothing to do: the runtime raises the soft limit by itself.
func raiseDescriptors() error { return nil }
