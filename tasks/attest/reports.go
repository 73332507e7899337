package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/evidence"
	"github.com/sluice-ci/sluice/internal/ocirepo"
	"github.com/sluice-ci/sluice/internal/predicate"
	"github.com/sluice-ci/sluice/internal/strictjson"
	"github.com/sluice-ci/sluice/internal/task"
)

const (
	maxFiles = 10_000
	maxFile  = evidence.MaxBundle / 4 * 3 // base64 makes four bytes of three
)

// found is a file of reports that a task vouches for.
type found struct {
	file      string
	kind      string // predicate type
	predicate json.RawMessage
	finished  time.Time // zero where the predicate does not say
}

// read finds the file of every digest that was given. The bytes that are hashed are
// the bytes that are signed: whoever writes into reports meanwhile changes nothing.
func (o *options) read() ([]found, error) {
	wanted := map[string]bool{}
	for _, digest := range o.predicates {
		if !strings.HasPrefix(digest, "sha256:") || len(digest) != len("sha256:")+64 {
			return nil, task.Misconfigured("predicates: %q is not a digest sha256:…", digest).
				WithRemedy("pass results PREDICATE_DIGEST, separated by commas")
		}
		wanted[digest] = true
	}
	var all []found
	err := walk(o.reports, func(file string, data []byte) error {
		digest := ocirepo.Digest(data).String()
		named, vouched := wanted[digest]
		if vouched && !named {
			return nil // the same content under a second name
		}
		if !vouched {
			return unvouched(file, digest, data)
		}
		wanted[digest] = false
		f, err := o.predicate(file, data)
		all = append(all, f)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, digest := range o.predicates {
		if wanted[digest] {
			return nil, task.Refuse("no file in reports has the digest %s", digest).
				WithRemedy("it was changed or removed after the task that wrote it gave its digest: look at what runs in between")
		}
	}
	slices.SortFunc(all, func(a, b found) int { return strings.Compare(a.file, b.file) })
	return all, nil
}

// unvouched refuses a file that poses as evidence. Other files, such as profiles
// and logs, are none of this task's business.
func unvouched(file, digest string, data []byte) error {
	if !strings.HasSuffix(file, ".json") {
		return nil
	}
	var doc document
	if json.Unmarshal(data, &doc) != nil || doc.PredicateType == "" || doc.PredicateType == predicate.SummaryType {
		return nil
	}
	return task.Refuse("%s in reports is evidence of type %s that no task vouches for (%s)", file, doc.PredicateType, digest).
		WithRemedy("add the result PREDICATE_DIGEST of the task that wrote it to predicates; if none did, find out who did")
}

type document struct {
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
	SPDXVersion   string          `json:"spdxVersion"`
	BOMFormat     string          `json:"bomFormat"`
}

// predicate reads a file as what its writer says that it is: a predicate under its
// type, or an SBOM, which is its own predicate.
func (o *options) predicate(file string, data []byte) (found, error) {
	var doc document
	if err := strictjson.Unmarshal(data, &doc); err != nil {
		return found{}, task.Refuse("reading %q: %w", file, err)
	}
	f := found{file: file, kind: doc.PredicateType, predicate: doc.Predicate}
	switch {
	case doc.PredicateType != "" && len(doc.Predicate) > 0:
	case doc.SPDXVersion != "":
		f.kind, f.predicate = predicate.SPDXType, data
	case doc.BOMFormat == "CycloneDX":
		f.kind, f.predicate = predicate.CycloneDXType, data
	default:
		return found{}, task.Misconfigured("%s in reports is neither a predicate nor an SBOM in SPDX or CycloneDX JSON", file)
	}
	if f.kind != predicate.GateType {
		return f, nil
	}
	var gate struct {
		Commit     string               `json:"commit"`
		Run        predicate.Invocation `json:"run"`
		FinishedOn time.Time            `json:"finishedOn"`
	}
	if err := json.Unmarshal(f.predicate, &gate); err != nil {
		return found{}, task.Refuse("reading %q: %w", file, err)
	}
	if gate.Commit != "" && gate.Commit != o.commit {
		return found{}, task.Refuse("%s is about commit %s, not %s", file, gate.Commit, o.commit).
			WithRemedy("it is left from another run: give each run reports of its own, or remove the file")
	}
	if gate.Run.PipelineRun != "" && o.run != "" && gate.Run.PipelineRun != o.run {
		return found{}, task.Refuse("%s is of run %s, not %s", file, gate.Run.PipelineRun, o.run).
			WithRemedy("it is left from another run: give each run reports of its own, or remove the file")
	}
	f.finished = gate.FinishedOn
	return f, nil
}

// walk hands over every regular file below dir. It follows no symbolic link and
// waits for no pipe: the code under test could have left them.
func walk(dir string, visit func(file string, data []byte) error) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("reading reports: %w", err)
	}
	defer root.Close()
	files := 0
	return fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("reading reports: %w", err)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		if files++; files > maxFiles {
			return task.Refuse("more than %d files in reports", maxFiles)
		}
		data, err := readRegular(root, path)
		if err != nil || data == nil {
			return err
		}
		return visit(path, data)
	})
}

// readRegular gives nil for what is no regular file, or larger than any evidence.
func readRegular(root *os.Root, path string) ([]byte, error) {
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading reports: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading reports: %w", err)
	}
	if len(data) > maxFile {
		return nil, nil
	}
	return data, nil
}
