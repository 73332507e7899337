package change

import (
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/migrate"
)

// FileName is the name of the declaration inside a change's folder.
const FileName = "change.yaml"

// A Directory is the ordered changes of an application and the sum over all their files.
type Directory struct {
	Changes []*Change
	// Sum is the last line of the chain: it changes when any file does.
	Sum string
}

// Load reads a directory of changes and verifies its sum file: folders with a change.yaml under
// sluice.sum, or the SQL files of a plain Atlas directory under atlas.sum, never both.
func Load(dir string) (*Directory, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading changes: %w", err)
	}
	var folders, files []string
	for _, e := range entries {
		switch {
		case e.IsDir() && !strings.HasPrefix(e.Name(), "."):
			folders = append(folders, e.Name())
		case strings.HasSuffix(e.Name(), ".sql"):
			files = append(files, e.Name())
		}
	}
	if len(folders) > 0 && len(files) > 0 {
		return nil, fmt.Errorf("reading changes: %q holds both folders and SQL files; move the files into a folder with a %s", dir, FileName)
	}
	if len(files) > 0 {
		return loadAtlas(dir)
	}
	if len(folders) == 0 {
		return nil, fmt.Errorf("reading changes: %q holds none; write one with migrate-plan new", dir)
	}
	return loadFolders(dir, folders)
}

func loadFolders(dir string, folders []string) (*Directory, error) {
	d := &Directory{}
	for _, f := range folders {
		c, err := loadFolder(dir, f)
		if err != nil {
			return nil, err
		}
		d.Changes = append(d.Changes, c)
	}
	if err := d.order(); err != nil {
		return nil, err
	}
	want, err := Sum(dir)
	if err != nil {
		return nil, err
	}
	have, err := os.ReadFile(filepath.Join(dir, SumFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("verifying %q: %s is missing; write it with migrate-plan hash", dir, SumFile)
	}
	if err != nil {
		return nil, fmt.Errorf("verifying %q: %w", dir, err)
	}
	if err := compareSums(string(have), want); err != nil {
		return nil, fmt.Errorf("verifying %q: %w", dir, err)
	}
	d.Sum = total(want)
	return d, nil
}

func loadFolder(dir, folder string) (*Change, error) {
	data, err := os.ReadFile(filepath.Join(dir, folder, FileName))
	if err != nil {
		return nil, fmt.Errorf("reading change %q: %w", folder, err)
	}
	scripts := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, folder, "*.sql"))
	if err != nil {
		return nil, fmt.Errorf("reading change %q: %w", folder, err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, fmt.Errorf("reading change %q: %w", folder, err)
		}
		scripts[filepath.Base(p)] = string(b)
	}
	return Parse(folder, data, scripts)
}

// loadAtlas takes each file of a plain Atlas directory as one raw change, in Atlas's own order.
func loadAtlas(path string) (*Directory, error) {
	dir, err := atlas.NewLocalDir(path)
	if err != nil {
		return nil, fmt.Errorf("reading Atlas directory: %w", err)
	}
	if err := atlas.Validate(dir); err != nil {
		return nil, fmt.Errorf("verifying %q: %w; check what changed, then run atlas migrate hash", path, err)
	}
	files, err := dir.Files()
	if err != nil {
		return nil, fmt.Errorf("reading Atlas directory: %w", err)
	}
	sum, err := dir.Checksum()
	if err != nil {
		return nil, fmt.Errorf("reading Atlas directory: %w", err)
	}
	d := &Directory{Sum: sum.Sum()}
	for _, f := range files {
		if !isVersion(f.Version()) {
			return nil, fmt.Errorf("reading Atlas file %q: the version %q is not a number", f.Name(), f.Version())
		}
		d.Changes = append(d.Changes, &Change{
			Version: f.Version(), Name: f.Desc(), Raw: true, Schema: "public",
			Scripts:    map[string]string{f.Name(): string(f.Bytes())},
			Operations: []Operation{{SQL: &SQL{Expand: f.Name()}}},
		})
	}
	return d, d.order()
}

func isVersion(s string) bool {
	return s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
}

// order sorts by version as a number and refuses two changes of one version.
func (d *Directory) order() error {
	slices.SortFunc(d.Changes, func(a, b *Change) int { return CompareVersions(a.Version, b.Version) })
	for i := 1; i < len(d.Changes); i++ {
		if a, b := d.Changes[i-1], d.Changes[i]; CompareVersions(a.Version, b.Version) == 0 {
			return fmt.Errorf("ordering changes: %q and %q have one version; give the later one a higher number", a.ID(), b.ID())
		}
	}
	return nil
}

// CompareVersions orders two versions as numbers.
func CompareVersions(a, b string) int {
	x, _ := new(big.Int).SetString(a, 10)
	y, _ := new(big.Int).SetString(b, 10)
	return x.Cmp(y)
}

// Find gives the change of a version or of a folder's name.
func (d *Directory) Find(id string) (*Change, error) {
	for _, c := range d.Changes {
		if c.Version == id || c.ID() == id {
			return c, nil
		}
	}
	return nil, fmt.Errorf("finding change %q: the directory holds no such version", id)
}
