package progress

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWithoutATerminalEveryTaskEndsInOnePlainLine(t *testing.T) {
	var out bytes.Buffer
	p := New(&out)
	built, failed := p.Start("binaries"), p.StartAt("etcd", time.Now().Add(-2*time.Second))
	built.Note("compiling")
	built.Done("built %d", 3)
	p.Say("a word between")
	failed.Fail("exited")
	failed.Done("a task ends once")
	p.Close()
	require.Regexp(t, regexp.MustCompile(`^✓ binaries +0\.\ds  built 3\na word between\n✗ etcd +2\.\ds  exited\n$`), out.String())
}

func TestATaskThatTakesLongGivesASignOfLife(t *testing.T) {
	var out bytes.Buffer
	p := New(&out)
	p.Close()
	task := p.Start("binaries")
	task.Note("412 packages")
	task.said = time.Now().Add(-heartbeat)
	p.beat()
	p.beat()
	require.Regexp(t, regexp.MustCompile(`^… binaries +0\.\ds  412 packages\n$`), out.String())
}

func TestOnATerminalTheBlockIsRedrawnAndCutToItsWidth(t *testing.T) {
	var out bytes.Buffer
	p := New(&out)
	p.Close()
	p.width = 40
	task := p.Start("binaries")
	task.Note("a note that is longer than the terminal is wide")
	p.erase()
	p.draw()
	task.Done("built")
	for line := range bytes.Lines(out.Bytes()) {
		text := []rune(string(regexp.MustCompile(`\x1b\[\d*[AK]`).ReplaceAll(bytes.TrimSpace(line), nil)))
		require.True(t, len(text) < p.width || text[0] == '✓', "%q", line)
	}
	require.Zero(t, p.drawn)
}

func TestOnATerminalEveryTaskHasOneLine(t *testing.T) {
	var out bytes.Buffer
	p := New(&out)
	p.Close()
	p.width = 80
	etcd, kubelet := p.Start("etcd"), p.Start("kubelet")
	etcd.Note("starting")
	etcd.Done("ready")
	kubelet.Done("ready")
	var screen []string // what a terminal shows of the output
	for line := range bytes.Lines(out.Bytes()) {
		up := bytes.Count(line, []byte("\x1b[1A\x1b[2K"))
		screen = append(screen[:len(screen)-up], string(line[up*len("\x1b[1A\x1b[2K"):]))
	}
	require.Len(t, screen, 2)
	require.Regexp(t, "^✓ etcd", screen[0])
	require.Regexp(t, "^✓ kubelet", screen[1])
}
