package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"millrace/app"
	"millrace/app/keyfile"
)

// newKeyCommand returns the commands that make, list and revoke API keys. They
// change the keys file, which every server of this data folder reads again
// within a second.
func newKeyCommand(cfg *app.Config) *cobra.Command {
	command := &cobra.Command{Use: "key", Short: "Make, list and revoke API keys"}
	command.AddCommand(newKeyCreateCommand(cfg))
	all := false
	list := &cobra.Command{
		Use: "ls", Short: "List the keys; what they are is not kept, only a hash of it", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listKeys(cfg.KeysFile(), all, time.Now(), cmd.OutOrStdout())
		},
	}
	list.Flags().BoolVar(&all, "all", false, "list revoked keys, too")
	command.AddCommand(list, &cobra.Command{
		Use: "revoke ID…", Short: "Revoke keys by their ids; running servers refuse them within a second", Args: someArguments,
		RunE: func(_ *cobra.Command, ids []string) error { return revokeKeys(cfg.KeysFile(), ids, time.Now()) },
	})
	return command
}

func newKeyCreateCommand(cfg *app.Config) *cobra.Command {
	var name, expires string
	var scopes []string
	create := &cobra.Command{
		Use:   "create",
		Short: "Make a key and print it, once",
		Long: `Make a key and print it, once: only its hash is kept.

Scopes are ingest (hand in logs), read (query, metrics) and admin (change
something, and all that the others allow).`,
		Example: "  millrace key create --name checkout --scope ingest\n  millrace key create --name grafana --scope read --expires 90d",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			template := app.Key{Name: name}
			for _, scope := range scopes {
				template.Scopes = append(template.Scopes, app.Scope(scope))
			}
			if err := app.ValidateScopes(template.Scopes); err != nil {
				return fmt.Errorf("--scope: %w", err)
			}
			var err error
			if template.Expires, err = parseExpiry(expires, now); err != nil {
				return err
			}
			return createKey(cfg.KeysFile(), template, now, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	create.Flags().StringVar(&name, "name", "", "whose key it is, for people")
	create.Flags().StringSliceVar(&scopes, "scope", nil, "ingest, read, admin, or several")
	create.Flags().StringVar(&expires, "expires", "never", "when it ends: after a time as 12h or 90d, or a day as 2027-01-31")
	_ = create.MarkFlagRequired("name") // they exist
	_ = create.MarkFlagRequired("scope")
	return create
}

func createKey(file string, template app.Key, now time.Time, out, notes io.Writer) error {
	key, text := app.NewKey(template, now)
	err := keyfile.Change(file, func(keys []app.Key) ([]app.Key, error) { return append(keys, key), nil })
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(notes, "key %s is in %s; what is printed above cannot be had again\n", key, file)
	return err
}

// parseExpiry reads never, a time from now, or a day, at whose beginning in UTC
// a key ends.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "never" || text == "" {
		return time.Time{}, nil
	}
	moment, err := time.Parse(time.DateOnly, text)
	if err != nil {
		var length time.Duration
		if days, ok := strings.CutSuffix(text, "d"); ok {
			var n uint64
			n, err = strconv.ParseUint(days, 10, 16)
			length = time.Duration(n) * 24 * time.Hour
		} else {
			length, err = time.ParseDuration(text)
		}
		moment = now.Add(length).UTC().Truncate(time.Second)
	}
	if err != nil || !moment.After(now) {
		return time.Time{}, app.Errorf(app.KindInvalid, "--expires is %q: want a time ahead as 12h or 90d, or a day to come as 2027-01-31", text)
	}
	return moment, nil
}

func listKeys(file string, all bool, now time.Time, out io.Writer) error {
	keys, err := keyfile.Read(file)
	if err != nil {
		return err
	}
	var rows bytes.Buffer
	fmt.Fprintln(&rows, "ID\tNAME\tSCOPES\tMADE\tEXPIRES\tSTATE")
	for _, key := range keys {
		expires, state := "never", "in use"
		if !key.Expires.IsZero() {
			expires = key.Expires.UTC().Format(time.RFC3339)
		}
		switch {
		case !key.Revoked.IsZero() && !all:
			continue
		case !key.Revoked.IsZero():
			state = "revoked " + key.Revoked.UTC().Format(time.RFC3339)
		case !key.Expires.IsZero() && !now.Before(key.Expires):
			state = "expired"
		}
		fmt.Fprintf(&rows, "%s\t%s\t%s\t%s\t%s\t%s\n", key.ID, key.Name, joinScopes(key.Scopes), key.Made.UTC().Format(time.RFC3339), expires, state)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := rows.WriteTo(table); err != nil {
		return err
	}
	return table.Flush()
}

func joinScopes(scopes []app.Scope) string {
	names := make([]string, len(scopes))
	for i, scope := range scopes {
		names[i] = string(scope)
	}
	return strings.Join(names, ",")
}

func revokeKeys(file string, ids []string, now time.Time) error {
	return keyfile.Change(file, func(keys []app.Key) ([]app.Key, error) {
		for _, id := range ids {
			found := false
			for i := range keys {
				if keys[i].ID == id {
					found = true
					if keys[i].Revoked.IsZero() {
						keys[i].Revoked = now.UTC().Truncate(time.Second)
					}
				}
			}
			if !found {
				return nil, app.Errorf(app.KindNotFound, "%s has no key %q: millrace key ls lists them; nothing is changed", file, id)
			}
		}
		return keys, nil
	})
}
