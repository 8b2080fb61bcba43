package run

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/offhook/offhook/edge/speech"
	"github.com/offhook/offhook/schemas/config"
)

// voices are the speech engines that the configuration names, beside those that are always there.
func voices(c config.Speech, folder string, log *slog.Logger) (*speech.Voices, error) {
	engines := map[string]speech.Engine{}
	for name, e := range c.HTTP {
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		engines[name] = &speech.HTTP{URL: e.URL, Secret: e.Secret.Value, Client: client}
	}
	if p := c.Polly; p != nil {
		engine, err := speech.Polly{Region: p.Region, Endpoint: p.Endpoint, Voice: p.Voice, Kind: p.Kind}.Open()
		if err != nil {
			return nil, fmt.Errorf("speech.polly: %w", err)
		}
		engines[speech.EnginePolly] = engine
	}
	v, err := speech.New(speech.Config{Engine: c.Engine, Engines: engines, Folder: folder, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("speech: %w", err)
	}
	return v, nil
}
