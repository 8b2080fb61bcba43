// Package all is the one list of the functions. It holds nothing else.
package all

import (
	"github.com/offhook/offhook/functions/email"
	"github.com/offhook/offhook/functions/fn"
	"github.com/offhook/offhook/functions/history"
	"github.com/offhook/offhook/functions/router"
)

// Specs are all functions, in the order in which they start.
var Specs = []fn.Spec{
	router.Spec,
	email.Spec,
	history.Spec,
}

// Names are the names of Specs.
func Names() []string {
	names := make([]string, 0, len(Specs))
	for _, s := range Specs {
		names = append(names, s.Name)
	}
	return names
}
