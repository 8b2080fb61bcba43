package run

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/offhook/offhook/edge/media"
	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/config"
	"github.com/offhook/offhook/schemas/event"
)

// Settings is the configuration file in force. A change that has faults is told and leaves what is in force.
type Settings struct {
	path    string
	adjust  func(*config.Config) error
	changed []func(*config.Config) error
	current atomic.Pointer[config.Config]
	started *config.Config // what the process began with

	watching func() // for tests: called when changes are seen from now on
}

// Faults are all the faults of a file at once.
type Faults struct {
	File string
	List []event.Fault
}

// Error lists every fault with its place.
func (f *Faults) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d fault(s)", f.File, len(f.List))
	for _, x := range f.List {
		b.WriteString("\n  " + FaultLine(f.File, x))
	}
	return b.String()
}

// FaultLine is one fault for a reader: place, code, what was expected and found.
func FaultLine(file string, f event.Fault) string {
	line := fmt.Sprintf("%s:%d: %s at %s: expected %s, found %s", file, f.Line, f.Code, orRoot(f.Pointer), f.Expected, f.Found)
	if f.Hint != "" {
		line += " (" + f.Hint + ")"
	}
	return line
}

func orRoot(pointer string) string {
	if pointer == "" {
		return "/"
	}
	return pointer
}

// Load reads the file. adjust, which may be nil, is applied after each reading: command line over file.
func Load(path string, adjust func(*config.Config) error) (*Settings, error) {
	s := &Settings{path: path, adjust: adjust}
	c, err := s.read()
	if err != nil {
		return nil, err
	}
	s.current.Store(c)
	s.started = c
	return s, nil
}

// Config is what is in force.
func (s *Settings) Config() *config.Config { return s.current.Load() }

// Folder is where the file lies; names in it are relative to it.
func (s *Settings) Folder() string { return filepath.Dir(s.path) }

// OnChange is told every new configuration before it is in force; an error keeps the old one.
func (s *Settings) OnChange(f func(*config.Config) error) { s.changed = append(s.changed, f) }

// Missing is what a configuration may name and this build has not got.
func Missing() []check.Missing {
	if media.Speaks("opus") {
		return nil
	}
	return []check.Missing{{Codec: "opus", Hint: "this build has no Opus: make opus builds one that has, or go build -tags opus,nolibopusfile, with libopus-dev, pkg-config and a C compiler"}}
}

func (s *Settings) read() (*config.Config, error) {
	raw, err := os.ReadFile(s.path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c, faults := check.Config(raw, s.path, Missing()...)
	if len(faults) > 0 {
		return nil, &Faults{File: s.path, List: faults}
	}
	if err := resolveSecrets(c, s.Folder()); err != nil {
		return nil, err
	}
	if s.adjust != nil {
		if err := s.adjust(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Watch takes changes of the file until ctx ends. Editors replace files, so the folder is watched.
func (s *Settings) Watch(ctx context.Context, log *slog.Logger) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Add(s.Folder()); err != nil {
		return err
	}
	if s.watching != nil {
		s.watching()
	}
	var settle <-chan time.Time // a file is written in pieces: wait until it rests
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-w.Events:
			if filepath.Clean(ev.Name) == filepath.Clean(s.path) {
				settle = time.After(100 * time.Millisecond)
			}
		case err := <-w.Errors:
			log.Warn("configuration not watched", "err", err)
		case <-settle:
			s.reload(log)
		}
	}
}

// watch is Watch for a process that goes on without it: a change needs a restart then.
func (s *Settings) watch(ctx context.Context, log *slog.Logger) error {
	if err := s.Watch(ctx, log); err != nil {
		log.Warn("the configuration is not watched; a change needs a restart", "err", err)
		<-ctx.Done()
	}
	return nil
}

func (s *Settings) reload(log *slog.Logger) {
	c, err := s.read()
	for i := 0; err == nil && i < len(s.changed); i++ {
		err = s.changed[i](c)
	}
	if err != nil {
		log.Error("configuration not taken; the old one stays in force", "err", err)
		return
	}
	s.current.Store(c)
	log.Info("configuration taken", "file", s.path)
	if late := late(s.started, c); len(late) > 0 {
		log.Warn("changes that are in force after a restart", "settings", late)
	}
}

// late are the settings that are read at the start alone, and have another value now.
func late(was, is *config.Config) []string {
	var names []string
	for _, s := range []struct {
		name    string
		was, is any
	}{
		{"functions", was.Functions, is.Functions}, {"history", was.History, is.History},
		{"recordings", was.Recordings, is.Recordings}, {"speech", was.Speech, is.Speech},
	} {
		if !reflect.DeepEqual(s.was, s.is) {
			names = append(names, s.name)
		}
	}
	return names
}

// resolveSecrets puts values in the place of {env: ...} and {file: ...}, of which every missing one is named, and paths that
// do not depend on where we run in the place of names of files.
func resolveSecrets(c *config.Config, folder string) error {
	r := &resolver{folder: folder}
	for name, t := range c.Tenants {
		at := "tenants." + name + "."
		for user, u := range t.Users {
			u.Password = r.resolve(at+"users."+user+".password", u.Password)
			t.Users[user] = u
		}
		for trunk, x := range t.Trunks {
			x.Password = r.resolve(at+"trunks."+trunk+".password", x.Password)
			t.Trunks[trunk] = x
		}
		for gateway, g := range t.Gateways {
			g.Password = r.resolve(at+"gateways."+gateway+".password", g.Password)
			if g.CA != "" && !filepath.IsAbs(g.CA) {
				g.CA = filepath.Join(folder, g.CA)
			}
			t.Gateways[gateway] = g
		}
		t.Asks.Secret = r.resolve(at+"asks.secret", t.Asks.Secret)
		c.Tenants[name] = t
	}
	for name, e := range c.Speech.HTTP {
		e.Secret = r.resolve("speech.http."+name+".secret", e.Secret)
		c.Speech.HTTP[name] = e
	}
	c.Email.Password = r.resolve("email.password", c.Email.Password)
	c.ClusterSecret = r.resolve("cluster_secret", c.ClusterSecret)
	for i := range c.Keys {
		c.Keys[i].Key = r.resolve(fmt.Sprintf("api_keys.%d.key", i), c.Keys[i].Key)
	}
	if len(r.missing) > 0 {
		slices.Sort(r.missing)
		return fmt.Errorf("secrets that cannot be had:\n  %s", strings.Join(r.missing, "\n  "))
	}
	return nil
}

type resolver struct {
	folder  string
	missing []string
}

func (r *resolver) resolve(at string, s config.Secret) config.Secret {
	switch {
	case s.Env != "":
		s.Value = os.Getenv(s.Env)
		if s.Value == "" {
			r.missing = append(r.missing, at+": environment variable "+s.Env+" is not set")
		}
	case s.File != "":
		path := s.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.folder, path)
		}
		b, err := os.ReadFile(path)
		s.Value = strings.TrimRight(string(b), "\r\n")
		if err != nil {
			r.missing = append(r.missing, at+": "+err.Error())
		} else if s.Value == "" {
			r.missing = append(r.missing, at+": file "+path+" is empty")
		}
	}
	return s
}
