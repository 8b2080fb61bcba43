// Package arch holds who may import whom; its test keeps the rules and fails with the reason. It has no code of its own.
package arch
