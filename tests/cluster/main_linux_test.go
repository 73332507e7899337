package main

import (
	"context"
	"os"
	"testing"
)

// TestMain lets the machine start its inner parts from the test's binary too, as it does from the program's.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if code, ok := inside(context.Background(), os.Args[1:], os.Stderr); ok {
			os.Exit(code)
		}
	}
	os.Exit(m.Run())
}
