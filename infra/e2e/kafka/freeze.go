package kafka

import "syscall"

// Freeze stops the node where it is: connections stay open and nothing answers.
func (b *Broker) Freeze() { b.process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen node go on.
func (b *Broker) Thaw() { b.process.Signal(syscall.SIGCONT) }
