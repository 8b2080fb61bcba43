// Command history is the function history as a program of its own: consumer, server or Lambda.
package main

import (
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/functions/history"
)

func main() { fn.Main(history.Spec) }
