package machine

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	kubeproxy "k8s.io/kube-proxy/config/v1alpha1"
	kubelet "k8s.io/kubelet/config/v1beta1"
	"sigs.k8s.io/yaml"
)

// prepared is a machine whose files are written and which was never started.
func prepared(t *testing.T) Machine {
	t.Helper()
	seed := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(seed, "meta.db"), []byte("database"), 0o644))
	m := Machine{State: t.TempDir(), Node: "/bin/node", Addons: "/bin/addons", Seed: seed, CNI: "/usr/lib/cni"}
	require.NoError(t, m.Prepare())
	return m
}

func TestConfigurationsAreWhatTheComponentsKnow(t *testing.T) {
	m := prepared(t)
	for file, into := range map[string]any{"kubelet.yaml": &kubelet.KubeletConfiguration{}, "kube-proxy.yaml": &kubeproxy.KubeProxyConfiguration{}} {
		text, err := os.ReadFile(m.config(file))
		require.NoError(t, err)
		require.NoError(t, yaml.UnmarshalStrict(text, into), file)
	}
	err := filepath.WalkDir(m.path("config"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, placeholder := range []string{"STATE", "ADDRESS", "REGISTRY", "PODS", "NODE", "PAUSE", "CNI_", "CGROUP"} {
			require.NotContains(t, string(text), placeholder, path)
		}
		return nil
	})
	require.NoError(t, err)
}

func TestOneAuthorityVouchesForEveryServer(t *testing.T) {
	m := prepared(t)
	text, err := os.ReadFile(m.pki("ca.crt"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(text))
	for file, name := range map[string]string{"apiserver": "kubernetes.default.svc", "kubelet": NodeName, "registry": Address} {
		pair, err := tls.LoadX509KeyPair(m.pki(file+".crt"), m.pki(file+".key"))
		require.NoError(t, err)
		_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
		require.NoError(t, err, file)
	}
	info, err := os.Stat(m.pki("ca.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	block, rest := pem.Decode(text)
	require.NotNil(t, block)
	require.Empty(t, rest)
}

func TestEveryTokenIsKnownToTheServerAndToOneKubeconfig(t *testing.T) {
	m := prepared(t)
	tokens, err := os.ReadFile(m.config("tokens.csv"))
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, who := range identities {
		text, err := os.ReadFile(m.kubeconfig(who.name))
		require.NoError(t, err)
		var config struct {
			Users []struct{ User struct{ Token string } }
		}
		require.NoError(t, yaml.Unmarshal(text, &config))
		token := config.Users[0].User.Token
		require.Contains(t, string(tokens), token+","+who.user)
		require.False(t, seen[token])
		seen[token] = true
	}
}

func TestASeedIsLinkedButItsDatabasesAreCopied(t *testing.T) {
	parent := t.TempDir()
	seed, store := filepath.Join(parent, "seed"), filepath.Join(parent, "store")
	require.NoError(t, os.MkdirAll(filepath.Join(seed, "fs", "tmp"), 0o755))
	require.NoError(t, os.Chmod(filepath.Join(seed, "fs", "tmp"), 0o777|os.ModeSticky))
	for _, file := range []string{"blob", "meta.db"} {
		require.NoError(t, os.WriteFile(filepath.Join(seed, file), []byte(file), 0o640))
	}
	require.NoError(t, os.Symlink("busybox", filepath.Join(seed, "fs", "sh")))
	require.NoError(t, plant(seed, store))
	same := func(file string) bool {
		one, err := os.Stat(filepath.Join(seed, file))
		require.NoError(t, err)
		other, err := os.Stat(filepath.Join(store, file))
		require.NoError(t, err)
		require.Equal(t, one.Mode(), other.Mode(), file)
		return os.SameFile(one, other)
	}
	require.True(t, same("blob"))
	require.False(t, same("meta.db"))
	require.False(t, same("fs/tmp"))
	link, err := os.Readlink(filepath.Join(store, "fs", "sh"))
	require.NoError(t, err)
	require.Equal(t, "busybox", link)
}

func TestFollowGivesEveryEventAndEndsWithTheOneThatExplains(t *testing.T) {
	m := prepared(t)
	noteProcess(t, m, os.Getpid())
	file, err := os.Create(m.Events())
	require.NoError(t, err)
	j := &journal{file: file}
	j.add("etcd", Started, "")
	j.add("etcd", Exited, "exit status 1")
	go func() {
		time.Sleep(100 * time.Millisecond)
		_, _ = file.WriteString(`{"component":"kubelet",`) // half a line, as a reader may find it
		time.Sleep(100 * time.Millisecond)
		_, _ = file.WriteString(`"kind":"ready"}` + "\n")
		j.add("etcd", GaveUp, "exited 6 times")
	}()
	var seen []string
	err = m.Follow(t.Context(), func(e Event) { seen = append(seen, e.Component+" "+string(e.Kind)) })
	var failed *ComponentError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, m.Log("etcd"), failed.Log)
	require.Equal(t, []string{"etcd started", "etcd exited", "kubelet ready", "etcd gave up"}, seen)
}

// noteProcess writes that a process of this host is the machine.
func noteProcess(t *testing.T, m Machine, pid int) {
	t.Helper()
	start, err := startTime(pid)
	require.NoError(t, err)
	text := `{"pid":` + strconv.Itoa(pid) + `,"start":"` + start + `","boot":"` + bootID() + `"}`
	require.NoError(t, os.WriteFile(m.path("running.json"), []byte(text), 0o644))
}

func TestAProcessIsOnlyTheMachineWithItsStartTimeAndBoot(t *testing.T) {
	m := prepared(t)
	require.Zero(t, m.PID())
	sleeper := exec.Command("sleep", "60")
	require.NoError(t, sleeper.Start())
	pid := sleeper.Process.Pid
	noteProcess(t, m, pid)
	require.Equal(t, pid, m.PID())
	text, err := os.ReadFile(m.path("running.json"))
	require.NoError(t, err)
	for _, stale := range [][2]string{{`"start":"`, `"start":"1`}, {bootID(), "another boot"}} {
		require.NoError(t, os.WriteFile(m.path("running.json"), bytes.Replace(text, []byte(stale[0]), []byte(stale[1]), 1), 0o644))
		require.Zero(t, m.PID(), stale)
	}
	require.NoError(t, os.WriteFile(m.path("running.json"), text, 0o644))
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Eventually(t, func() bool { return m.PID() == 0 }, 5*time.Second, 10*time.Millisecond, "a zombie is not a machine")
	_ = sleeper.Wait()
}

func TestAMachineThatEndsByItselfIsSaidSo(t *testing.T) {
	m := prepared(t)
	err := m.Follow(t.Context(), func(Event) {})
	var failed *ComponentError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "machine", failed.Component)
}

func TestAComponentThatExitsIsStartedAgainAndThenGivenUp(t *testing.T) {
	m := prepared(t)
	file, err := os.Create(m.Events())
	require.NoError(t, err)
	s := supervisor{m: m, journal: &journal{file: file}, ready: map[string]chan struct{}{"flaky": make(chan struct{})}}
	err = s.run(t.Context(), component{name: "flaky", args: []string{"sh", "-c", "echo why; exit 3"}, ready: func(context.Context) error { return errors.New("never") }})
	require.ErrorContains(t, err, "flaky exited")
	text, err := os.ReadFile(m.Events())
	require.NoError(t, err)
	require.Equal(t, restarts+1, strings.Count(string(text), `"exited"`))
	log, err := os.ReadFile(m.Log("flaky"))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("why\n", restarts+1), string(log))
}
