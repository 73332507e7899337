package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/tests/cluster/machine"
	"github.com/stretchr/testify/require"
)

func TestAFailureShowsTheEndOfTheLogThatExplainsIt(t *testing.T) {
	state := t.TempDir()
	log := filepath.Join(state, "etcd.log")
	require.NoError(t, os.WriteFile(log, []byte(strings.Repeat("earlier\n", 30)+"bind: address already in use\n"), 0o644))
	o := &oneMachine{layout: layout{State: state}}
	err := o.explain(t.Context(), machine.Machine{State: state}, &machine.ComponentError{Component: "etcd", Log: log, Reason: "exited 6 times"})
	require.ErrorContains(t, err, "starting the cluster: etcd exited 6 times")
	require.ErrorContains(t, err, "the end of "+log)
	require.ErrorContains(t, err, "    bind: address already in use")
	require.Equal(t, 19, strings.Count(err.Error(), "earlier"))
}

func TestAFailureBeforeTheMachineRunsIsSaidAlone(t *testing.T) {
	o := &oneMachine{layout: layout{State: t.TempDir()}}
	err := o.explain(t.Context(), machine.Machine{State: o.State}, errors.New("disk full"))
	require.EqualError(t, err, "starting the cluster: disk full")
}
