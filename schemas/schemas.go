// Package schemas holds the schema files, the single source of what documents, events, asks and the configuration look
// like. It reads nothing: schemas/rule does, schemas/check applies it, and the Go types beside the files come from schemas/gen.
package schemas

import "embed"

//go:generate go run ./gen

// Files are verb/*.json, event/*.json, ask/*.json and config/*.json (JSON Schema 2020-12, in the subset shared with
// draft-07), and openapi.yaml (REST) and asyncapi.yaml (events and asks), which refer to them.
//
//go:embed verb/*.json event/*.json ask/*.json config/*.json openapi.yaml asyncapi.yaml
var Files embed.FS
