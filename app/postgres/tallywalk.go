package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"millrace/app"
)

// walkSource counts logs that it reads one by one, for filters with regular
// expressions, which are not matched in PostgreSQL.
type walkSource struct {
	filter  app.Filter
	matcher *app.Matcher
}

type tallyKey struct {
	bucket  int64
	value   string
	present bool
}

func (s *walkSource) tally(ctx context.Context, tx pgx.Tx, by grouping) (tallies, error) {
	counts := map[tallyKey]int64{}
	err := s.walk(ctx, tx, func(log *app.Log) error {
		key := tallyKey{}
		if by.step > 0 {
			key.bucket = int64(log.Time.Sub(s.filter.From) / by.step)
		}
		key.value, key.present = fieldOf(log, by.field)
		if by.only != nil && !slices.Contains(by.only, key.value) {
			key.value, key.present = "", false
		}
		counts[key]++
		return nil
	})
	var out tallies
	for key, n := range counts {
		out.rows = append(out.rows, tally{key.bucket, key.value, key.present, n})
	}
	slices.SortFunc(out.rows, func(a, b tally) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.value, b.value)) })
	if by.limit > 0 {
		out.limit(by.limit)
	}
	return out, err
}

// limit keeps the first values and sums up the others.
func (t *tallies) limit(limit int) {
	others := tally{bucket: othersBucket}
	seen := 0
	t.rows = slices.DeleteFunc(t.rows, func(row tally) bool {
		if row.present {
			seen++
		}
		drop := row.present && seen > limit
		if drop {
			others.count += row.count
		}
		return drop
	})
	if others.count > 0 {
		t.rows = append(t.rows, others)
	}
}

func (s *walkSource) distinct(ctx context.Context, tx pgx.Tx, field, by app.Field, values []string) (int64, map[string]int64, error) {
	all, each := map[string]bool{}, map[string]map[string]bool{}
	for _, value := range values {
		each[value] = map[string]bool{}
	}
	err := s.walk(ctx, tx, func(log *app.Log) error {
		value, present := fieldOf(log, field)
		if !present {
			return nil
		}
		all[value] = true
		if group, ok := fieldOf(log, by); ok && each[group] != nil {
			each[group][value] = true
		}
		return nil
	})
	counts := map[string]int64{}
	for group, found := range each {
		counts[group] = int64(len(found))
	}
	return int64(len(all)), counts, err
}

func (s *walkSource) walk(ctx context.Context, tx pgx.Tx, visit func(*app.Log) error) error {
	err := walk(ctx, tx, app.Query{Filter: s.filter, OldestFirst: true}, s.matcher, visit)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "CLOSE walk")
	return err
}

// fieldOf is a log's value of a field, as conditions.value has it.
func fieldOf(log *app.Log, field app.Field) (value string, present bool) {
	name, attribute := field.Attribute()
	switch {
	case attribute:
		return attributeOf(log.Attributes, name)
	case field == app.FieldLevel:
		return log.Level.String(), true
	case field == app.FieldService:
		return log.Service, true
	case field == app.FieldHost:
		return log.Host, true
	default:
		return "", false
	}
}

func attributeOf(attributes json.RawMessage, name string) (string, bool) {
	for _, path := range paths(shownText(name, 0)) {
		if value, ok := dig(attributes, path); ok {
			return value, true
		}
	}
	return "", false
}

// dig reads the value at a path of a JSON object as PostgreSQL's #>> does.
func dig(object json.RawMessage, path []string) (string, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return "", false
	}
	found, ok := members[path[0]]
	switch {
	case !ok || string(found) == "null":
		return "", false
	case len(path) > 1:
		return dig(found, path[1:])
	case strings.HasPrefix(string(found), `"`):
		var text string
		err := json.Unmarshal(found, &text)
		return text, err == nil
	default:
		return string(found), true
	}
}
