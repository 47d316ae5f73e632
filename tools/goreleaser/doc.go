// Package goreleaser checks .goreleaser.yaml, which makes the releases.
package goreleaser
