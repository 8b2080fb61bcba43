// Command offhook is event-driven call routing: edge, functions, phone and checks in one binary.
package main

import (
	"os"

	"github.com/offhook/offhook/infra/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
