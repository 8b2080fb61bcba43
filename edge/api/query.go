package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/offhook/offhook/schemas/words"
)

// anyParameter stands for a resource that leaves its query to others.
const anyParameter = "*"

// taking refuses a query with other parameters than these, or one of them twice: what is not understood is not ignored.
func taking(parameters []string, next func(http.ResponseWriter, *http.Request, caller)) func(http.ResponseWriter, *http.Request, caller) {
	if slices.Contains(parameters, anyParameter) {
		return next
	}
	return func(w http.ResponseWriter, r *http.Request, c caller) {
		if p := refusedQuery(r.URL, parameters); p != nil {
			failWith(w, *p)
			return
		}
		next(w, r, c)
	}
}

func refusedQuery(u *url.URL, parameters []string) *Problem {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return &Problem{Status: http.StatusBadRequest, Code: "bad_query", Detail: "what follows ? is no query: " + err.Error()}
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(parameters, name):
			return &Problem{Status: http.StatusBadRequest, Code: "unknown_parameter", Detail: unknown(u.Path, name, parameters)}
		case len(query[name]) > 1:
			return &Problem{Status: http.StatusBadRequest, Code: "repeated_parameter", Detail: name + " is given more than once"}
		}
	}
	return nil
}

func unknown(path, name string, parameters []string) string {
	detail := fmt.Sprintf("%s takes no parameter %.64q", path, name)
	if len(parameters) == 0 {
		return detail + ", nor any other"
	}
	if hint := words.DidYouMean(name, parameters); hint != "" {
		return detail + "; " + hint
	}
	return detail + "; there are " + strings.Join(parameters, ", ")
}

// limit reads ?limit: from 1 to most, which is also what goes without it.
func limit(text string, most int) (int, *Problem) {
	if text == "" {
		return most, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, &Problem{Status: http.StatusBadRequest, Code: "bad_limit", Detail: fmt.Sprintf("limit is a number from 1 to %d, not %.64q", most, text)}
	}
	return n, nil
}
