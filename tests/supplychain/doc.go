// Package supplychain tests what the evidence tasks and the stock tools of the field
// make of each other: cosign, oras, regctl and crane, built from their Go modules
// as the module tests/interop pins them.
//
//	go test -tags interop ./tests/supplychain
//
// The first run builds the tools, which takes minutes; later ones find them in the
// user's cache folder.
package supplychain
