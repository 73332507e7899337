package main

import "github.com/sluice-ci/sluice/images"

func failedGo(output string) *images.GoError {
	return &images.GoError{Args: []string{"build"}, Output: output}
}
