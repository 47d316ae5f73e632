package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"millrace/app"
)

// healthTimeout is below what orchestrators give a probe that runs a command.
const healthTimeout = 4 * time.Second

// newHealthCommand returns the command that a container's health check runs:
// its image has nothing else in it.
func newHealthCommand(cfg *app.Config) *cobra.Command {
	probe := "readiness"
	command := &cobra.Command{
		Use:   "health ROLE",
		Short: "Ask a role of this machine whether it is ready",
		Long: `Ask a role of this machine, producer, shipper, consumer or gateway, whether it is
ready, and end with 0 if so, and else with 1 and what is wrong. It takes the
settings of that role, to know where it listens.`,
		Args:      oneArgument,
		ValidArgs: []string{"producer", "shipper", "consumer", "gateway"},
		RunE: func(cmd *cobra.Command, args []string) error {
			addr := map[string]string{
				"producer": cfg.Producer.Addr, "shipper": cfg.Shipper.Addr, "consumer": cfg.Consumer.Addr, "gateway": cfg.Gateway.Addr,
			}[args[0]]
			return askHealth(cmd.Context(), *cfg, cfg.LocalURL(addr), probe, cmd.OutOrStdout())
		},
	}
	command.Flags().StringVar(&probe, "probe", probe, "readiness or liveness")
	return command
}

func askHealth(ctx context.Context, cfg app.Config, role, probe string, out io.Writer) error {
	if probe != "readiness" && probe != "liveness" {
		return app.Errorf(app.KindInvalid, "--probe is %q: want readiness or liveness", probe)
	}
	client, err := cfg.HTTP(role).Client(healthTimeout)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, role+"/actuator/health/"+probe, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return app.Errorf(app.KindUnavailable, "nobody answers: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return app.Errorf(app.KindUnavailable, "it is not ready: %s", body)
	}
	_, err = fmt.Fprintf(out, "%s\n", body)
	return err
}
