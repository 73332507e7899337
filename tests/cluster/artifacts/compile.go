package artifacts

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/tests/cluster/progress"
)

// The version that Kubernetes reports; equal to that of k8s.io/kubernetes in go.mod, which a test holds.
const kubernetesVersion = "v1.36.3"

const tektonCommands = "github.com/tektoncd/pipeline/cmd/"

// bytesPerCompiler is what one compiler or linker of Kubernetes needs at its worst.
const bytesPerCompiler = 2 << 30

// compile builds every binary into dir by one `go build`, so that packages shared between programs are compiled once and the go command
// schedules all of them together.
func compile(ctx context.Context, module, dir string, p *progress.Progress) error {
	version := strings.SplitN(strings.TrimPrefix(kubernetesVersion, "v"), ".", 3)
	const pkg = "k8s.io/component-base/version."
	ldflags := fmt.Sprintf("-s -w -X %sgitVersion=%s -X %sgitMajor=%s -X %sgitMinor=%s", pkg, kubernetesVersion, pkg, version[0], pkg, version[1])
	args := []string{"build", "-v", "-trimpath", "-buildvcs=false", "-p", strconv.Itoa(compilers()), "-ldflags", ldflags, "-o", dir + "/", "./node", "./addons", "./pause"}
	for _, name := range tektonPrograms {
		args = append(args, tektonCommands+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	task := p.Start("binaries")
	task.Note("from Go modules, %d at a time", compilers())
	if err := cmd.Start(); err != nil {
		task.Fail("go did not start")
		return fmt.Errorf("starting the go command: %w (install Go, see https://go.dev/dl)", err)
	}
	said := follow(stderr, task)
	if err := cmd.Wait(); err != nil {
		task.Fail("not built")
		return fmt.Errorf("building the cluster's binaries: %w\n%s", err, strings.Join(said.errors, "\n"))
	}
	task.Done("built: %d modules downloaded, %d packages compiled", said.modules, said.packages)
	return nil
}

type goOutput struct {
	modules, packages int
	errors            []string // the last lines that are neither a download nor a package
}

// follow counts what the go command says it does: "go: downloading MODULE VERSION", or with -v the path of each package compiled.
func follow(stderr io.Reader, task *progress.Task) goOutput {
	var said goOutput
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := lines.Text()
		switch {
		case strings.HasPrefix(text, "go: downloading "):
			said.modules++
		case text != "" && !strings.ContainsAny(text, " :\t"):
			said.packages++
		default:
			said.errors = append(said.errors, text)
			said.errors = said.errors[max(0, len(said.errors)-30):]
			continue
		}
		task.Note("%d modules, %d packages, now %s", said.modules, said.packages, strings.TrimPrefix(text, "go: downloading "))
	}
	return said
}

// compilers is how many compilers run at once: one a processor, fewer where memory is short.
func compilers() int {
	n := runtime.NumCPU()
	if free := availableMemory(); free > 0 {
		n = min(n, int(free/bytesPerCompiler))
	}
	return max(1, n)
}

// availableMemory is what the kernel says can be had without swapping, in bytes; 0 where it does not say.
func availableMemory() int64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var kib int64
		if n, _ := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
