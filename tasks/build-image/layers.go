package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/images"
	"github.com/sluice-ci/sluice/internal/task"
)

// mapping is one entry of layers.
type mapping struct {
	from, to string
	uid, gid int
}

// parseMapping reads SOURCE:TARGET or SOURCE:TARGET:UID:GID.
func parseMapping(text string) (mapping, error) {
	parts := strings.Split(text, ":")
	m := mapping{}
	if len(parts) != 2 && len(parts) != 4 || parts[0] == "" || !strings.HasPrefix(parts[1], "/") {
		return m, fmt.Errorf("%q is neither SOURCE:/TARGET nor SOURCE:/TARGET:UID:GID", text)
	}
	m.from, m.to = parts[0], parts[1]
	if len(parts) == 4 {
		uid, uidErr := strconv.ParseUint(parts[2], 10, 31)
		gid, gidErr := strconv.ParseUint(parts[3], 10, 31)
		if uidErr != nil || gidErr != nil {
			return m, fmt.Errorf("%q: owner and group are numbers, because the base's names are not known", text)
		}
		m.uid, m.gid = int(uid), int(gid)
	}
	return m, nil
}

// source is where the files of a platform lie.
func (m mapping) source(p v1.Platform) string {
	return strings.NewReplacer("{os}", p.OS, "{arch}", p.Architecture, "{variant}", p.Variant).Replace(m.from)
}

// platform lists the layers of one platform: deletions, then a layer a mapping.
func (o *options) platform(p v1.Platform, mappings []mapping, ignore images.Ignore) (images.Platform, error) {
	out := images.Platform{Platform: p}
	if len(o.remove) > 0 {
		var gone []images.Entry
		for _, name := range o.remove {
			gone = append(gone, images.Remove(name))
		}
		out.Layers = append(out.Layers, images.Layer{Entries: gone, History: "remove " + strings.Join(o.remove, " ")})
	}
	for _, m := range mappings {
		from := m.source(p)
		entries, err := images.Copy{
			Root: o.source, From: from, To: m.to, Ignore: ignore, UID: m.uid, GID: m.gid,
			KeepModes: o.keepModes, KeepXattrs: o.keepXattrs,
		}.Entries()
		if err != nil {
			return out, task.Misconfigured("%w", err).
				WithRemedy("an entry of layers is SOURCE:/TARGET, with SOURCE in the workspace source")
		}
		if len(entries) == 0 {
			return out, task.Misconfigured("copying %q: there is nothing to copy", from).
				WithRemedy("is it empty, or does %s leave out all of it?", o.ignoreFile)
		}
		out.Layers = append(out.Layers, images.Layer{Entries: entries, History: "copy " + from + " to " + m.to})
	}
	return out, nil
}

// ignore reads the patterns of what stays out; no file, no pattern.
func (o *options) ignore() (images.Ignore, error) {
	if o.ignoreFile == "" {
		return images.Ignore{}, nil
	}
	if !filepath.IsLocal(o.ignoreFile) {
		return images.Ignore{}, task.Misconfigured("--ignore-file: %q leads out of the source", o.ignoreFile)
	}
	file, err := os.Open(filepath.Join(o.source, o.ignoreFile))
	if errors.Is(err, fs.ErrNotExist) {
		return images.Ignore{}, nil
	}
	if err != nil {
		return images.Ignore{}, fmt.Errorf("reading %q: %w", o.ignoreFile, err)
	}
	defer file.Close()
	ignore, err := images.ParseIgnore(file)
	if err != nil {
		return images.Ignore{}, task.Misconfigured("%s: %w", o.ignoreFile, err)
	}
	return ignore, nil
}
