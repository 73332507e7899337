package main

import (
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/rogpeppe/go-internal/testscript"
)

func platformOf(text string) (*v1.Platform, error) { return v1.ParsePlatform(text) }

// fifo makes a named pipe.
func fifo(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(syscall.Mkfifo(ts.MkAbs(args[0]), 0o644))
}
