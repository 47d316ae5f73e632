package main

import (
	"context"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// loadCompose reads a compose file as Docker Compose does, with the variables
// of no environment: what stands in the file is what is read.
func loadCompose(ctx context.Context, file string, env ...string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(env), cli.WithResolvedPaths(true), cli.WithInterpolation(true))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(ctx)
}
