package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// revision is what was asked for, found in the remote's refs.
type revision struct {
	asked  string
	ref    plumbing.ReferenceName // the ref to fetch; "" for a commit that no ref points to
	commit plumbing.Hash          // where it is known before the fetch
	exact  bool                   // a commit was asked for by its hash: nothing else will do
}

var (
	fullHash  = regexp.MustCompile(`^[0-9a-f]{40}$`)
	shortHash = regexp.MustCompile(`^[0-9a-f]{7,39}$`)
)

// The reasons why a revision is not resolved.
type (
	missing   struct{ asked string }
	ambiguous struct {
		asked string
		refs  []string
	}
)

func (e *missing) Error() string { return fmt.Sprintf("there is no %q", e.asked) }
func (e *ambiguous) Error() string {
	return fmt.Sprintf("%q names %s, which are different commits", e.asked, strings.Join(e.refs, " and "))
}

// remoteRefs are the refs of a remote; annotated tags are followed to their commits.
type remoteRefs struct {
	hashes  map[plumbing.ReferenceName]plumbing.Hash
	commits map[plumbing.ReferenceName]plumbing.Hash
	head    plumbing.ReferenceName // the default branch; "" when HEAD is detached or unborn
}

func readRefs(list []*plumbing.Reference) remoteRefs {
	refs := remoteRefs{map[plumbing.ReferenceName]plumbing.Hash{}, map[plumbing.ReferenceName]plumbing.Hash{}, ""}
	for _, ref := range list {
		if ref.Type() == plumbing.SymbolicReference {
			if ref.Name() == plumbing.HEAD {
				refs.head = ref.Target()
			}
			continue
		}
		name, peeled := strings.CutSuffix(ref.Name().String(), "^{}")
		if peeled {
			refs.commits[plumbing.ReferenceName(name)] = ref.Hash()
			continue
		}
		refs.hashes[ref.Name()] = ref.Hash()
	}
	for name, hash := range refs.hashes {
		if _, ok := refs.commits[name]; !ok {
			refs.commits[name] = hash
		}
	}
	return refs
}

// resolve finds a revision. A name that is both a branch and a tag is refused unless both are one commit: guessing is how
// the wrong thing is built.
func resolve(asked string, refs remoteRefs) (revision, error) {
	if asked == "HEAD" || asked == "" {
		if _, ok := refs.hashes[refs.head]; ok {
			return revision{asked: "HEAD", ref: refs.head, commit: refs.commits[refs.head]}, nil
		}
		if hash, ok := refs.hashes[plumbing.HEAD]; ok {
			return revision{asked: "HEAD", ref: plumbing.HEAD, commit: hash}, nil
		}
		return revision{}, &missing{"HEAD"}
	}
	if fullHash.MatchString(asked) {
		return revision{asked: asked, ref: refs.pointingTo(plumbing.NewHash(asked)), commit: plumbing.NewHash(asked), exact: true}, nil
	}
	if strings.HasPrefix(asked, "refs/") {
		name := plumbing.ReferenceName(asked)
		if _, ok := refs.hashes[name]; ok {
			return revision{asked: asked, ref: name, commit: refs.commits[name]}, nil
		}
		return revision{}, &missing{asked}
	}
	var found []plumbing.ReferenceName
	for _, name := range []plumbing.ReferenceName{plumbing.NewBranchReferenceName(asked), plumbing.NewTagReferenceName(asked)} {
		if _, ok := refs.hashes[name]; ok {
			found = append(found, name)
		}
	}
	switch {
	case len(found) == 0:
		return revision{}, &missing{asked}
	case len(found) == 2 && refs.commits[found[0]] != refs.commits[found[1]]:
		return revision{}, &ambiguous{asked, []string{found[0].String(), found[1].String()}}
	}
	return revision{asked: asked, ref: found[0], commit: refs.commits[found[0]]}, nil
}

// pointingTo is the first ref, by name, at a commit; "" where there is none.
func (refs remoteRefs) pointingTo(commit plumbing.Hash) plumbing.ReferenceName {
	var names []plumbing.ReferenceName
	for name, hash := range refs.commits {
		if hash == commit && name != plumbing.HEAD {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return slices.Min(names)
}

// near lists names that a person may have meant: those that hold the text, or branches, at most five.
func (refs remoteRefs) near(asked string) []string {
	var holding, branches []string
	for name := range refs.hashes {
		if name == plumbing.HEAD {
			continue
		}
		if strings.Contains(strings.ToLower(name.Short()), strings.ToLower(asked)) {
			holding = append(holding, name.Short())
		}
		if name.IsBranch() {
			branches = append(branches, name.Short())
		}
	}
	if len(holding) == 0 {
		holding = branches
	}
	slices.Sort(holding)
	return holding[:min(5, len(holding))]
}
