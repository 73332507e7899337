package main

import (
	"context"
	_ "unsafe" // for the links below

	"github.com/anchore/syft/syft"
	"github.com/google/licensecheck"
)

// Syft prepares to recognise licences by their texts before it looks at anything, which takes three times as long as
// looking through a Go program, whose licences are in no text. [licensecheck.Scan] does the same with the same texts, but
// prepares when it is first called. Syft takes another scanner than its own from its tests only, so its two functions are
// linked to; the linker fails if a version of syft lacks them, and a test compares what is found.

// withLicences returns a context in which syft recognises licences by their texts when it meets one.
func withLicences(ctx context.Context) (context.Context, error) {
	scanner, err := newLicenceScanner(&licenceScannerConfig{
		coverageThreshold: syft.DefaultCreateSBOMConfig().Licenses.Coverage, scan: licensecheck.Scan,
	})
	if err != nil {
		return nil, err
	}
	return setLicenceScanner(ctx, scanner), nil
}

// licenceScannerConfig has the fields of syft's licenses.ScannerConfig.
type licenceScannerConfig struct {
	coverageThreshold float64
	scan              func([]byte) licensecheck.Coverage
}

// licenceScanner stands for syft's licenses.Scanner: it is passed on and never called here.
type licenceScanner interface{ FindEvidence() }

//go:linkname newLicenceScanner github.com/anchore/syft/internal/licenses.NewScanner
func newLicenceScanner(*licenceScannerConfig) (licenceScanner, error)

//go:linkname setLicenceScanner github.com/anchore/syft/internal/licenses.SetContextLicenseScanner
func setLicenceScanner(context.Context, licenceScanner) context.Context
