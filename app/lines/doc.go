// Package lines turns what programs write into logs: it reads lines from files
// and standard input, follows files that grow, and makes one JSON object of
// each line, in the form that the shipper understands.
//
//	read.go    which files, in which order, from where to where
//	follow.go  files that grow, shrink and are replaced
//	split.go   where a line ends
//	parse.go   what a line says
package lines
