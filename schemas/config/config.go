// Package config is the configuration file as Go values. Shapes only; schemas/check reads and validates it.
package config

import "github.com/offhook/offhook/schemas/verb"

// Config is the whole file.
type Config struct {
	Tenants   map[string]Tenant `json:"tenants"`
	Email     Email             `json:"email,omitempty"`
	History   History           `json:"history,omitempty"`
	Functions map[string]string `json:"functions,omitempty"` // name -> URL, for functions that run elsewhere
	Keys      []APIKey          `json:"api_keys,omitempty"`
}

// Tenant is one customer.
type Tenant struct {
	Domains  []string           `json:"domains,omitempty"` // SIP domains; unneeded with one tenant
	Answer   *verb.Do           `json:"answer,omitempty"`  // for calls that nothing else claims; a URL may be a file name ending in .json
	Fallback verb.Document      `json:"fallback,omitempty"`
	Numbers  map[string]Number  `json:"numbers,omitempty"`
	Users    map[string]User    `json:"users,omitempty"`
	Trunks   map[string]Trunk   `json:"trunks,omitempty"`
	Gateways map[string]Gateway `json:"gateways,omitempty"`
	Asks     Asks               `json:"asks,omitempty"`
	Audio    Audio              `json:"audio,omitempty"`
}

// Number is a dialled number and what answers it.
type Number struct {
	Answer *verb.Do `json:"answer"`
}

// User is somebody with phones.
type User struct {
	Name     string        `json:"name,omitempty"`
	Password Secret        `json:"password"`
	RingFor  verb.Duration `json:"ring_for,omitempty"`
	CallerID string        `json:"caller_id,omitempty"`
	Email    string        `json:"email,omitempty"`
}

// Trunk is where calls come in without being a user: by address, or by digest.
type Trunk struct {
	Allow    []string `json:"allow,omitempty"` // CIDR
	Username string   `json:"username,omitempty"`
	Password Secret   `json:"password,omitempty"`
}

// Gateway is where calls go out.
type Gateway struct {
	Host      string        `json:"host"`                // host[:port]
	Transport string        `json:"transport,omitempty"` // udp, tcp
	Username  string        `json:"username,omitempty"`
	Password  Secret        `json:"password,omitempty"`
	Domain    string        `json:"domain,omitempty"` // for From and Request-URI; default Host
	Register  bool          `json:"register,omitempty"`
	Expires   verb.Duration `json:"expires,omitempty"`
	CallerID  string        `json:"caller_id,omitempty"`
}

// Asks is how this tenant's webhooks are asked.
type Asks struct {
	Timeout      verb.Duration `json:"timeout,omitempty"`       // 1s-15s, default 5s
	AllowPrivate []string      `json:"allow_private,omitempty"` // CIDR
	Secret       Secret        `json:"secret,omitempty"`        // Standard Webhooks, "whsec_" + base64
	FallbackURL  string        `json:"fallback_url,omitempty"`
	Concurrent   int           `json:"concurrent,omitempty"` // bulkhead, default 1000
}

// Audio is the tenant's sounds.
type Audio struct {
	Samples     string `json:"samples,omitempty"`       // folder of WAV files
	MusicOnHold string `json:"music_on_hold,omitempty"` // sample name, "tone:silence", default built in
	Voice       string `json:"voice,omitempty"`
}

// Email is how mail goes out.
type Email struct {
	SMTP     string `json:"smtp,omitempty"` // smtp://[user:pass@]host:port or smtps://; empty: .eml files
	From     string `json:"from,omitempty"`
	Password Secret `json:"password,omitempty"`
}

// History is where call history is kept.
type History struct {
	Database string `json:"database,omitempty"` // file path or postgres://; default DATA/history.db
}

// APIKey admits to the REST API.
type APIKey struct {
	Name   string   `json:"name"`
	Key    Secret   `json:"key"`
	Tenant string   `json:"tenant,omitempty"` // empty: all
	Scopes []string `json:"scopes,omitempty"` // calls:read calls:write events:read; empty: all
}

// Secret is a string given in place, {env: NAME} or {file: PATH}. It never prints itself.
type Secret struct {
	Value string
	Env   string
	File  string
}
