// Command broker is the embedded Kafka-compatible broker in a process of its own, so that an edge is measured alone.
package main

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"syscall"

	"github.com/offhook/offhook/events/embedded"
)

func main() {
	addr := flag.String("listen", "127.0.0.1:7092", "address")
	dir := flag.String("dir", "", "folder; empty: in memory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	b, err := embedded.Open(embedded.Config{Addr: *addr, Dir: *dir})
	if err == nil {
		err = b.Run(ctx)
	}
	if err != nil {
		log.Fatal(err)
	}
}
