package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/spf13/pflag"

	"millrace/app"
)

// This file takes settings anew when their file changes, while roles run.

// watched runs roles, and tells them of the settings that change in the file.
func (s *settings) watched(ctx context.Context, cfg app.Config, logger *slog.Logger, run func(context.Context, app.Config) error) error {
	if s.file == "" {
		return run(ctx, cfg)
	}
	cfg.Live = &app.LiveConfig{}
	watch := newSettingsWatch(s, cfg, logger)
	var reloaded *app.Reloaded[changes]
	reloaded, err := app.NewReloaded(watch.load, func(err error) { watch.told(reloaded.Get(), err) }, s.file)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = reloaded.Run(watching) // ends with its context alone
	}()
	defer func() {
		stop()
		<-ended
	}()
	return run(ctx, cfg)
}

// settingsWatch is what became of the settings that the roles started with.
type settingsWatch struct {
	started *settings
	at      map[string]string // the values that the roles run with
	now     app.Config        // the settings as they were told last
	logger  *slog.Logger
}

// changes are the settings whose values differ from those at work.
type changes struct {
	cfg     app.Config
	live    map[string]string
	restart []string // these would need one
}

func newSettingsWatch(s *settings, cfg app.Config, logger *slog.Logger) *settingsWatch {
	w := &settingsWatch{started: s, at: map[string]string{}, now: cfg, logger: logger}
	for _, name := range s.names {
		w.at[name] = flagText(s.flags.Lookup(name).Value)
	}
	return w
}

// load reads the file beside the flags and the environment, which stay as they
// were.
func (w *settingsWatch) load(contents [][]byte) (changes, error) {
	if contents[0] == nil {
		return changes{}, errors.New(w.started.file + " is gone")
	}
	cfg, values, err := w.started.reread(contents[0])
	if err != nil {
		return changes{}, err
	}
	found := changes{cfg: cfg, live: map[string]string{}}
	for _, name := range w.started.names {
		switch {
		case values[name] == w.at[name]:
		case w.started.live[name]:
			found.live[name] = values[name]
		default:
			found.restart = append(found.restart, name)
		}
	}
	return found, nil
}

// told passes on what was found, or says why it cannot be used.
func (w *settingsWatch) told(found changes, err error) {
	if err != nil {
		w.logger.Error("the settings are left as they were", "error", strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	taken := []any{"file", w.started.file}
	for _, name := range w.started.names {
		if value, ok := found.live[name]; ok {
			taken = append(taken, name, value)
			w.at[name] = value
		}
	}
	if len(found.live) > 0 {
		w.logger.Info("settings are taken anew", taken...)
		w.now.Live.Tell(w.now, found.cfg)
	}
	found.cfg.Live = w.now.Live
	w.now = found.cfg
	if len(found.restart) > 0 {
		w.logger.Warn("settings have changed that need a restart", "file", w.started.file, "settings", strings.Join(found.restart, ","))
	}
}

// reread returns the settings as they would be with other contents of the
// file, and the value of each as it would be given.
func (s *settings) reread(file []byte) (app.Config, map[string]string, error) {
	cfg := app.DefaultConfig()
	fresh := bindSettings(pflag.NewFlagSet("reread", pflag.ContinueOnError), &cfg)
	fresh.file = s.file
	env := map[string]string{}
	for _, name := range s.names {
		value := flagText(s.flags.Lookup(name).Value)
		switch s.sources[name] {
		case "--" + name:
			if err := fresh.flags.Set(name, value); err != nil {
				return cfg, nil, err
			}
		case envName(name):
			env[name] = value
		}
	}
	found, err := fresh.fromYAML(file)
	if err := errors.Join(err, fresh.fill(env, found), fresh.validate(&cfg)); err != nil {
		return cfg, nil, err
	}
	values := map[string]string{}
	for _, name := range s.names {
		values[name] = flagText(fresh.flags.Lookup(name).Value)
	}
	return cfg, values, nil
}
