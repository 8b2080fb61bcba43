// Package words puts together what is said to people: the nearest known word, lists in words.
// It knows no schemas.
package words

import "strings"

// Nearest is the known word that was most likely meant by s: within a third of its length in edits; "" for none.
func Nearest(s string, known []string) string {
	best, nearest := 1+max(1, len(s)/3), ""
	for _, k := range known {
		if abs(len(k)-len(s)) >= best {
			continue
		}
		if d := distance(strings.ToLower(s), strings.ToLower(k)); d < best {
			best, nearest = d, k
		}
	}
	return nearest
}

// DidYouMean is Nearest as a question; "" for none.
func DidYouMean(s string, known []string) string {
	if n := Nearest(s, known); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}

// longest is the longest word that is compared; longer ones are no slips of the hand.
const longest = 64

// distance counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
func distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var rows [3][longest + 1]int
	before, above, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost(a[i-1] != b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

func cost(differs bool) int {
	if differs {
		return 1
	}
	return 0
}

func abs(n int) int { return max(n, -n) }

// Article puts "a" or "an" before a noun.
func Article(noun string) string {
	if noun != "" && strings.IndexByte("aeioAEIO", noun[0]) >= 0 {
		return "an " + noun
	}
	return "a " + noun
}

// Quoted lists words in quotes: "a", "b".
func Quoted(list []string) string { return `"` + strings.Join(list, `", "`) + `"` }
