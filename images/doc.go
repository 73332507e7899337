// Package images assembles OCI images from files, without a daemon, and pushes them
// by digest.
//
// It promises that the same inputs give the same digest, on any machine, in any
// directory, at any time: entries are sorted, owners, modes and the one modification time are
// fixed, and so is the compressor. It promises that memory does not grow with the image:
// layers are archived anew whenever they are read. And it finds an image that was made
// from the same inputs before, with one HEAD request, instead of making it again.
//
// It refuses entries that contradict each other, and files of a kind that a layer
// cannot hold.
//
// Building a Go program for two platforms onto the base made here:
//
//	g := images.Go{
//		Dir:       "/src/app",
//		Platforms: []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}},
//		Scratch:   os.TempDir(),
//	}
//	published, err := g.Publish(ctx, "./cmd/app", repository, nil)
package images
