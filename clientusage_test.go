package main

import (
	"strings"
	"testing"
)

func TestHelpIsOfWhatTheCommandHasUseFor(t *testing.T) {
	for args, want := range map[string][]string{
		"":             {"millrace COMMAND", "shipper", "docs/configuration.md", "--config"},
		"send":         {"--follow", "--producer-target", "dmesg | millrace send"},
		"key":          {"millrace key COMMAND", "revoke", "--access-keys-file"},
		"key create":   {"--expires", "--access-keys-file"},
		"poison ls":    {"--stage", "--gateway-url"},
		"verify":       {"--settle", "--gateway-url"},
		"health":       {"millrace health ROLE", "--consumer-addr"},
		"version":      {"millrace version"},
		"doctor":       {"--quiet", "--redis-addr", "--postgres-read-url", "--tls-cert"},
		"journal ls":   {"--data-dir"},
		"config":       {"millrace config [flags]", "millrace config COMMAND", "--changed"},
		"config check": {"millrace config check FILE"},
	} {
		help, err := millrace(t, append(strings.Fields(args), "--help")...)
		for _, part := range want {
			if err != nil || !strings.Contains(help, part) {
				t.Errorf("%s, %v: it lacks %q:\n%s", args, err, part, help)
			}
		}
		if strings.Contains(help, "--kafka-producer-retries") {
			t.Errorf("%s lists every setting", args)
		}
	}
	if help, err := millrace(t, "shipper", "--help"); err != nil || !strings.Contains(help, "--kafka-producer-retries") {
		t.Errorf("a role does not list its settings, %v", err)
	}
}

func TestWhatIsTypedWrongIsToldInWords(t *testing.T) {
	for args, want := range map[string]string{
		"nosuch":                          `millrace has no command "nosuch" (millrace --help lists them)`,
		"lgs":                             "did you mean logs?",
		"key nosuch":                      "millrace key --help lists them",
		"up foo":                          `millrace up takes no words, and was given "foo": say what it is to do by flags (millrace up --help lists them)`,
		"gateway x y":                     `millrace gateway takes no words, and was given "x"`,
		"gateway shipper":                 `was given "shipper": millrace shipper is a command of its own`,
		"shipper kafka-brokers=a:1":       "did you mean --kafka-brokers=a:1?",
		"verify settle":                   "did you mean --settle?",
		"doctor 1":                        "millrace doctor --help lists them",
		"poison ls 3":                     `millrace poison ls takes no words, and was given "3"`,
		"config chek":                     `millrace config has no command "chek"; did you mean check?`,
		"key revoke":                      "millrace key revoke wants ID…",
		"health":                          "millrace health wants one ROLE",
		"health nobody":                   `ROLE is "nobody": want producer, shipper`,
		"config check":                    "millrace config check wants one FILE",
		"poison show":                     "wants one ID",
		"poison ls --since x":             `--since is "x": want a time`,
		"shipper --kafka-partitions=many": `--kafka-partitions is "many": want a whole number`,
		"shipper --kafka-partition=1":     "millrace shipper --help lists the flags",
	} {
		if _, err := millrace(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", args, err, want)
		}
	}
	t.Setenv("MILLRACE_NONSENSE", "1")
	if help, err := millrace(t); err != nil || !strings.Contains(help, "millrace COMMAND") {
		t.Errorf("without a command: %v, %s", err, help)
	}
}
