package fn

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/offhook/offhook/schemas/check"
	"github.com/offhook/offhook/schemas/config"
)

// recheck is how often the file is looked at, at most.
const recheck = time.Second

// configFile is the configuration of a program of its own. It is read again when it changed, at the next use; a change
// with faults is logged and leaves what is in force.
type configFile struct {
	path   string
	getenv func(string) string
	log    *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	changed time.Time
	size    int64
	current *config.Config
}

func openConfig(path string, getenv func(string) string, log *slog.Logger) (*configFile, error) {
	f := &configFile{path: path, getenv: getenv, log: log, looked: time.Now()}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	f.changed, f.size = info.ModTime(), info.Size()
	if f.current, err = f.read(); err != nil {
		return nil, err
	}
	return f, nil
}

// get is what is in force.
func (f *configFile) get() *config.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.looked) >= recheck {
		f.looked = now
		f.refresh()
	}
	return f.current
}

func (f *configFile) refresh() {
	info, err := os.Stat(f.path)
	if err != nil || info.ModTime().Equal(f.changed) && info.Size() == f.size {
		return // a file that is being replaced is there again soon
	}
	f.changed, f.size = info.ModTime(), info.Size()
	c, err := f.read()
	if err != nil {
		f.log.Error("configuration not taken; the old one stays in force", "err", err)
		return
	}
	f.current = c
	f.log.Info("configuration taken", "file", f.path)
}

func (f *configFile) read() (*config.Config, error) {
	raw, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	c, faults := check.Config(raw, f.path)
	var errs []error
	for _, x := range faults {
		errs = append(errs, fmt.Errorf("%s:%d: %s at %s: expected %s, found %s", f.path, x.Line, x.Code, x.Pointer, x.Expected, x.Found))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return c, f.resolve(c)
}

// resolve reads the secrets that functions use themselves: API keys. The edge's are none of their affair.
func (f *configFile) resolve(c *config.Config) error {
	for i := range c.Keys {
		value, err := c.Keys[i].Key.Resolve(f.getenv)
		if err != nil {
			return fmt.Errorf("api_keys.%d: %w", i, err)
		}
		c.Keys[i].Key = config.Secret{Value: value}
	}
	return nil
}
