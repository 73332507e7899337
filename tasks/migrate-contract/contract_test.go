package main

import (
	"testing"

	"github.com/sluice-ci/sluice/internal/contract"
)

func TestContract(t *testing.T) { contract.Check(t, newCommand()) }
