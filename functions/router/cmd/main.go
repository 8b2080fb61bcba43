// Command router is the function router as a program of its own: server, consumer or Lambda.
package main

import (
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/functions/router"
)

func main() { fn.Main(router.Spec) }
