package main

import (
	"context"
	"sync"

	"github.com/anchore/syft/syft"
)

// licenceTexts prepares to recognise licences by their texts, once a process: it takes as long as looking through a small
// image does. Syft keeps what it prepares in a context.
var licenceTexts = sync.OnceValues(func() (context.Context, error) {
	return syft.SetContextLicenseScanner(context.Background(), syft.DefaultCreateSBOMConfig().Licenses)
})

// withTexts is a context that has the licence texts too.
type withTexts struct {
	context.Context
	texts context.Context
}

func (w withTexts) Value(key any) any {
	if v := w.Context.Value(key); v != nil {
		return v
	}
	return w.texts.Value(key)
}
