// Deploy reads the files of deployments/ with the parsers of those who will
// read them: Docker Compose's own, BuildKit's, and kustomize.
//
//	deploy compose FILE      prints compose's model of the file as JSON, as docker compose config --format json does
//	deploy kubernetes DIR    prints the manifests that kustomize makes of a folder
//
//	main.go        the command line
//	compose.go     compose files
//	kubernetes.go  manifests: building them, and checking them against the types of Kubernetes
//	*_test.go      what is demanded of our own files
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	out, err := run(context.Background(), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(1)
	}
	if _, err := os.Stdout.Write(out); err != nil {
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) ([]byte, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("want compose FILE or kubernetes DIR")
	}
	switch args[0] {
	case "compose":
		project, err := loadCompose(ctx, args[1])
		if err != nil {
			return nil, err
		}
		return project.MarshalJSON()
	case "kubernetes":
		return buildKustomization(args[1])
	default:
		return nil, fmt.Errorf("%q is none of compose, kubernetes", args[0])
	}
}
