package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"millrace/app"
)

// envPrefix begins the name of every setting in the environment.
const envPrefix = "MILLRACE_"

// settings fills an app.Config from a YAML file, the environment and the
// command line, each overruling the one before.
type settings struct {
	flags *pflag.FlagSet
	file  string
	names []string
}

// bindSettings gives flags one flag for each setting of cfg, named by the tags
// of app.Config. The value that cfg holds is the default.
func bindSettings(flags *pflag.FlagSet, cfg *app.Config) *settings {
	s := &settings{flags: flags}
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
	}
}

// load reads the environment and the file into every setting that was not
// given as a flag. A setting that is misspelt is an error: it must not be
// ignored.
func (s *settings) load() error {
	env, err := s.fromEnvironment(os.Environ())
	if err != nil {
		return err
	}
	if file, ok := env["config"]; ok && s.file == "" {
		s.file = file
	}
	file, err := s.fromFile()
	if err != nil {
		return err
	}
	for _, name := range s.names {
		if s.flags.Changed(name) {
			continue
		}
		if value, ok := env[name]; ok {
			if err := s.flags.Set(name, value); err != nil {
				return app.Errorf(app.KindInvalid, "%s: %w", envName(name), err)
			}
		} else if value, ok := file[name]; ok {
			if err := s.flags.Set(name, value); err != nil {
				return app.Errorf(app.KindInvalid, "%s in %s: %w", name, s.file, err)
			}
		}
	}
	return nil
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
		if name != "config" && !slices.Contains(s.names, name) {
			// An orchestrator may put names of its own beside ours: only
			// what looks like a slip of the pen is an error.
			if s.nearest(name, misspelling) != "" {
				return nil, s.unknown(variable, name)
			}
			continue
		}
		values[name] = value
	}
	return values, nil
}

func (s *settings) fromFile() (map[string]string, error) {
	values := map[string]string{}
	if s.file == "" {
		return values, nil
	}
	data, err := os.ReadFile(s.file)
	if err != nil {
		return nil, app.Errorf(app.KindInvalid, "the settings file cannot be read: %w", err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, app.Errorf(app.KindInvalid, "%s is no YAML: %w", s.file, err)
	}
	// Spring Boot keeps Kafka's settings under "spring"; so may we.
	if spring, ok := tree["spring"].(map[string]any); ok {
		delete(tree, "spring")
		if err := s.flatten("", spring, values); err != nil {
			return nil, err
		}
	}
	return values, s.flatten("", tree, values)
}

// flatten turns nested YAML into setting names joined by hyphens.
func (s *settings) flatten(prefix string, tree map[string]any, into map[string]string) error {
	for key, value := range tree {
		name := prefix + key
		if group, ok := value.(map[string]any); ok {
			if err := s.flatten(name+"-", group, into); err != nil {
				return err
			}
			continue
		}
		if !slices.Contains(s.names, name) {
			return s.unknown(fmt.Sprintf("%s in %s", name, s.file), name)
		}
		text, err := settingText(value)
		if err != nil {
			return app.Errorf(app.KindInvalid, "%s in %s: %w", name, s.file, err)
		}
		into[name] = text
	}
	return nil
}

// settingText writes a YAML value the way it would be given as a flag.
func settingText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = fmt.Sprint(part)
		}
		return strings.Join(parts, ","), nil
	default:
		return "", fmt.Errorf("%v is no value for a setting", v)
	}
}

// misspelling is how many letters a name may be off to pass for a slip.
const misspelling = 2

// unknown names a setting that does not exist, and the nearest that does.
func (s *settings) unknown(where, name string) error {
	if nearest := s.nearest(name, len(name)/3); nearest != "" {
		return app.Errorf(app.KindInvalid, "%s is no setting; did you mean %s?", where, nearest)
	}
	return app.Errorf(app.KindInvalid, "%s is no setting; see millrace up --help", where)
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
