// Command webhook is the least a webhook can do: it reads the ask and answers with the document of its path.
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"strconv"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:7001", "address")
	dial := flag.String("dial", "sip:bob@127.0.0.1:7090", "what /dial dials")
	flag.Parse()
	http.HandleFunc("/answer", always(`[{"verb":"answer"},{"verb":"pause","for":"1h"}]`))
	http.HandleFunc("/dial", always(`[{"verb":"dial","to":{"sip":"`+*dial+`"}},{"verb":"hangup"}]`))
	log.Fatal(http.ListenAndServe(*listen, nil))
}

func always(document string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // what cannot be read is answered all the same
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(document)))
		_, _ = io.WriteString(w, document)
	}
}
