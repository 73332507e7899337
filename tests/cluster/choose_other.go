//go:build !linux

package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
)

func chooseOnLinux(string, layout, io.Writer) (provider, error) {
	return nil, fmt.Errorf("a cluster is made on Linux, this is %s\n  use CLUSTER=existing with a cluster and a registry that you have", runtime.GOOS)
}

// inside finds nothing: no machine runs here.
func inside(context.Context, []string, io.Writer) (code int, ok bool) { return 0, false }
