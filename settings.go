package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"millrace/app"
)

// envPrefix begins the name of every setting in the environment.
const envPrefix = "MILLRACE_"

// settings fills an app.Config from a YAML file, the environment and the
// command line, each overruling the one before.
type settings struct {
	flags   *pflag.FlagSet
	file    string
	names   []string
	secret  map[string]bool   // those that must not be shown
	live    map[string]bool   // those that are taken anew while running
	sources map[string]string // of what load found a value for: where
	lines   map[string]int    // of what the file sets: where in it
}

// bindSettings gives flags one flag for each setting of cfg, named by the tags
// of app.Config. The value that cfg holds is the default.
func bindSettings(flags *pflag.FlagSet, cfg *app.Config) *settings {
	s := &settings{flags: flags, secret: map[string]bool{}, live: map[string]bool{}, sources: map[string]string{}, lines: map[string]int{}}
	flags.StringVar(&s.file, "config", "", "YAML file with settings")
	s.bind("", reflect.ValueOf(cfg).Elem())
	return s
}

func (s *settings) bind(prefix string, group reflect.Value) {
	for i := range group.NumField() {
		field := group.Type().Field(i)
		if field.Tag.Get("name") == "-" {
			continue // no setting: the program's own
		}
		name := prefix + field.Tag.Get("name")
		help := field.Tag.Get("help")
		switch target := group.Field(i).Addr().Interface().(type) {
		case *string:
			s.flags.StringVar(target, name, *target, help)
		case *[]string:
			s.flags.StringSliceVar(target, name, *target, help)
		case *int:
			s.flags.IntVar(target, name, *target, help)
		case *int64:
			s.flags.Int64Var(target, name, *target, help)
		case *float64:
			s.flags.Float64Var(target, name, *target, help)
		case *bool:
			s.flags.BoolVar(target, name, *target, help)
		case *time.Duration:
			s.flags.DurationVar(target, name, *target, help)
		default:
			s.bind(name+"-", group.Field(i))
			continue
		}
		s.names = append(s.names, name)
		s.secret[name] = field.Tag.Get("secret") == "true"
		s.live[name] = field.Tag.Get("live") == "true"
	}
}

// load reads the environment and the file into every setting that was not
// given as a flag. A setting that is misspelt is an error: it must not be
// ignored.
func (s *settings) load() error { return s.use(os.Environ()) }

// use is load with an environment of entries NAME=VALUE. Its error tells of all
// that is wrong with the file.
func (s *settings) use(environ []string) error {
	env, err := s.fromEnvironment(environ)
	if err != nil {
		return err
	}
	if file, ok := env["config"]; ok && s.file == "" {
		s.file = file
	}
	file, err := s.fromFile()
	return errors.Join(err, s.fill(env, file))
}

// fill gives every setting that was not given as a flag its value.
func (s *settings) fill(env, file map[string]string) error {
	var wrong []error
	for _, name := range s.names {
		if s.flags.Changed(name) {
			s.sources[name] = "--" + name
			continue
		}
		value, source, where := env[name], envName(name), envName(name)
		if _, ok := env[name]; !ok {
			if value, ok = file[name]; !ok {
				continue
			}
			source, where = s.file, s.place(name, s.lines[name])
		}
		if err := s.set(name, value); err != nil {
			wrong = append(wrong, app.Errorf(app.KindInvalid, "%s %w", where, err))
			continue
		}
		s.sources[name] = source
	}
	return errors.Join(wrong...)
}

// set gives a setting a value, or leaves it as it was and says what it wants.
func (s *settings) set(name, value string) error {
	flag := s.flags.Lookup(name)
	before := flagText(flag.Value)
	err := s.flags.Set(name, value)
	if err == nil {
		return nil
	}
	if _, list := flag.Value.(pflag.SliceValue); !list { // what failed has set it to nothing
		_ = flag.Value.Set(before) // it was its value
	}
	return fmt.Errorf("is %q: want %s", value, wanted(flag))
}

// place says where in the file a setting stands; line is 0 when that is not known.
func (s *settings) place(name string, line int) string {
	if line == 0 {
		return fmt.Sprintf("%s in %s", name, s.file)
	}
	return fmt.Sprintf("%s:%d: %s", s.file, line, name)
}

// validate checks the values together, and says of those that are wrong where in
// the file they stand.
func (s *settings) validate(cfg *app.Config) error { return s.located(cfg.Validate()) }

// located says of errors about settings, joined, where in the file these stand.
func (s *settings) located(err error) error {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return err
	}
	var wrong []error
	for _, one := range joined.Unwrap() {
		var about *app.Error
		if errors.As(one, &about) && s.sources[about.Field] == s.file && s.lines[about.Field] > 0 {
			one = app.Errorf(app.KindInvalid, "%s:%d: %w", s.file, s.lines[about.Field], one)
		}
		wrong = append(wrong, one)
	}
	return errors.Join(wrong...)
}

func envName(setting string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

func (s *settings) fromEnvironment(environ []string) (map[string]string, error) {
	values := map[string]string{}
	for _, entry := range environ {
		variable, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(variable, envPrefix)
		if !ours {
			continue
		}
		name := strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
		switch {
		case name == "config", slices.Contains(s.names, name):
			values[name] = value
		case !ofService.MatchString(rest):
			return nil, s.unknown(variable, name)
		}
	}
	return values, nil
}

// ofService matches what Kubernetes puts into the environment for each of its
// services, among which may be one whose name begins with millrace.
var ofService = regexp.MustCompile(`^(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// unknown names a setting that does not exist, and the nearest that does.
func (s *settings) unknown(where, name string) error {
	if s.isGroup(name) {
		return app.Errorf(app.KindInvalid, "%s is a group of settings, not one of them; millrace config reference lists them", where)
	}
	if nearest := s.nearest(name, len(name)/3); nearest != "" {
		return app.Errorf(app.KindInvalid, "%s is no setting; did you mean %s?", where, nearest)
	}
	return app.Errorf(app.KindInvalid, "%s is no setting; millrace config reference lists them", where)
}

// isGroup tells whether there are settings whose names begin with that of a
// group.
func (s *settings) isGroup(name string) bool {
	return slices.ContainsFunc(s.names, func(known string) bool { return strings.HasPrefix(known, name+"-") })
}

// nearest returns the setting whose name is most like name, or nothing when
// all are further off than the given number of letters.
func (s *settings) nearest(name string, within int) string {
	nearest, distance := "", within+1
	for _, known := range s.names {
		if d := editDistance(name, known); d < distance {
			nearest, distance = known, d
		}
	}
	return nearest
}

// editDistance counts the letters to insert, delete or change to make a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
