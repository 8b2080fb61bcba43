package config

import (
	"crypto/sha256"
	"crypto/subtle"
)

// MatchKey finds the API key that was given. It compares hashes in constant time, against all keys; an empty key matches none.
func MatchKey(keys []APIKey, given string) (found APIKey, ok bool) {
	hash := sha256.Sum256([]byte(given))
	for _, k := range keys {
		want := sha256.Sum256([]byte(k.Key.Value))
		if k.Key.Value != "" && subtle.ConstantTimeCompare(hash[:], want[:]) == 1 {
			found, ok = k, true
		}
	}
	return found, ok
}
