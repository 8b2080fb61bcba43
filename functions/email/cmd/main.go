// Command email is the function email as a program of its own: consumer or Lambda.
package main

import (
	"github.com/offhook/offhook/functions/email"
	"github.com/offhook/offhook/functions/fn"
)

func main() { fn.Main(email.Spec) }
