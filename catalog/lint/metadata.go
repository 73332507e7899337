package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/catalog/tree"
)

const (
	versionLabel  = "app.kubernetes.io/version"
	minVersion    = "tekton.dev/pipelines.minVersion"
	categoriesKey = "tekton.dev/categories"
	tagsKey       = "tekton.dev/tags"
	displayName   = "tekton.dev/displayName"
	platformsKey  = "tekton.dev/platforms"
)

// semver is the grammar of semver.org 2.0.0 without build metadata, which no image tag can hold.
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// dnsLabel is RFC 1123's label, which names of Kubernetes objects and of their pods' labels must be.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// hubCategories are the categories that Tekton's hub knows.
var hubCategories = []string{
	"Automation", "Build Tools", "CLI", "Cloud", "Code Quality", "Continuous Integration", "Deployment", "Developer Tools", "Git",
	"Image Build", "Integration & Delivery", "Kubernetes", "Messaging", "Monitoring", "Networking", "Openshift", "Publishing", "Security",
	"Storage", "Testing",
}

// goPlatforms are those that the catalog can build images for.
var goPlatforms = []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/ppc64le", "linux/riscv64", "linux/s390x"}

var metadataRules = []Rule{
	{Name: "api-version", Doc: "A task or pipeline is of apiVersion tekton.dev/v1, the one that stays.", document: apiVersion},
	{Name: "name", Doc: "A task or pipeline is named as its folder, by an RFC 1123 label, so that one name finds it everywhere.", document: name},
	{Name: "no-namespace", Doc: "No document names a namespace: the one who installs it chooses.", document: noNamespace, sample: noNamespace},
	{Name: "version", Doc: "The label app.kubernetes.io/version holds a semantic version, which hubs and image tags are made of.", document: version},
	{Name: "min-version", Doc: "The annotation tekton.dev/pipelines.minVersion says which Tekton it needs.", document: minimumVersion},
	{Name: "categories", Doc: "The annotation tekton.dev/categories lists categories that Tekton's hub knows.", document: categories},
	{Name: "tags", Doc: "The annotation tekton.dev/tags lists lower-case words to find it by.", document: tags},
	{Name: "display-name", Doc: "The annotation tekton.dev/displayName is what a person reads in a catalog's list.", document: displayNameRule},
	{Name: "platforms", Doc: "The annotation tekton.dev/platforms lists what it can run on.", document: platforms},
}

func apiVersion(r *report) {
	at := tree.At("apiVersion")
	if n, ok := r.doc.Lookup(at); !ok || n.Value != "tekton.dev/v1" {
		r.found(at, "write apiVersion: tekton.dev/v1", "apiVersion is not tekton.dev/v1")
	}
}

func name(r *report) {
	at := tree.At("metadata", "name")
	if r.doc.Name != r.unit.Name {
		r.found(at, "write name: "+r.unit.Name+", or rename the folder", "metadata.name %q is not the folder's name %q", r.doc.Name, r.unit.Name)
	}
	if !dnsLabel.MatchString(r.doc.Name) {
		r.found(at, "use lower-case letters, digits and dashes, at most 63", "metadata.name %q is not an RFC 1123 label", r.doc.Name)
	}
}

func noNamespace(r *report) {
	at := tree.At("metadata", "namespace")
	if n, ok := r.doc.Lookup(at); ok {
		r.found(at, "delete the line; whoever applies it says where", "the document is bound to namespace %q", n.Value)
	}
}

func version(r *report) {
	v := r.doc.Labels()[versionLabel]
	if !semver.MatchString(v) {
		r.found(tree.At("metadata", "labels", versionLabel), `write the label app.kubernetes.io/version: "0.1.0"`, "version %q is not semantic (x.y.z)", v)
	}
}

func minimumVersion(r *report) {
	v := r.doc.Annotations()[minVersion]
	if !semver.MatchString(v) {
		r.found(tree.At("metadata", "annotations", minVersion), `write the annotation tekton.dev/pipelines.minVersion: "1.0.0", the oldest release it was run on`,
			"minimum version of Tekton Pipelines %q is not semantic (x.y.z)", v)
	}
}

func categories(r *report) {
	at := tree.At("metadata", "annotations", categoriesKey)
	list := commaSeparated(r.doc.Annotations()[categoriesKey])
	if len(list) == 0 {
		r.found(at, "write the annotation tekton.dev/categories: Testing, or another of: "+strings.Join(hubCategories, ", "), "it is in no category")
	}
	for _, c := range list {
		if !slices.Contains(hubCategories, c) {
			r.found(at, "use some of: "+strings.Join(hubCategories, ", "), "category %q is not one that Tekton's hub knows", c)
		}
	}
}

func tags(r *report) {
	at := tree.At("metadata", "annotations", tagsKey)
	list := commaSeparated(r.doc.Annotations()[tagsKey])
	if len(list) == 0 {
		r.found(at, "write the annotation tekton.dev/tags: word, other-word", "it has no tags to be found by")
	}
	for _, tag := range list {
		if !dnsLabel.MatchString(tag) {
			r.found(at, "use lower-case letters, digits and dashes, with commas between tags", "tag %q is not one lower-case word", tag)
		}
	}
}

func displayNameRule(r *report) {
	if strings.TrimSpace(r.doc.Annotations()[displayName]) == "" {
		r.found(tree.At("metadata", "annotations", displayName), "write the annotation tekton.dev/displayName: what a person would call it", "it has no display name")
	}
}

func platforms(r *report) {
	at := tree.At("metadata", "annotations", platformsKey)
	list := commaSeparated(r.doc.Annotations()[platformsKey])
	if len(list) == 0 {
		r.found(at, "write the annotation tekton.dev/platforms: linux/amd64,linux/arm64", "it does not say what platforms it runs on")
	}
	for _, p := range list {
		if !slices.Contains(goPlatforms, p) {
			r.found(at, "use some of: "+strings.Join(goPlatforms, ", "), "platform %q is unknown", p)
		}
	}
}

func commaSeparated(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
