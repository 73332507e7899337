package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/evidencetest"
	"github.com/sluice-ci/sluice/internal/task"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"promote": func() { task.Main(newCommand()) }})
}

func TestCommandLine(t *testing.T) { evidencetest.Scripts(t, nil) }
