// Package examples holds documents, answers and configurations that are good, and bad ones with the faults they have
// (bad/NAME.faults.json). The tests of schemas/check keep them true; old ones stay for ever.
package examples

import "embed"

// Files are documents/*.json, answers/*.json, config/*.yaml and bad/*.
//
//go:embed documents answers config bad
var Files embed.FS
