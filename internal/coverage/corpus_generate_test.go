//go:build corpus

package coverage_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGenerateCorpus writes testdata/corpus anew with the real tools:
//
//	apt-get install gcc lcov gcovr python3-coverage openjdk-17-jdk-headless libjacoco-java phpunit php-xdebug
//	go test -tags corpus -run GenerateCorpus ./internal/coverage
//
// c8 comes from the npm registry. The reports are of one small program in five languages.
func TestGenerateCorpus(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/corpus/src")))
	sh := func(env string, args ...string) {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir)
		if env != "" {
			cmd.Env = append(cmd.Env, env)
		}
		out, err := cmd.CombinedOutput()
		require.NoErrorf(t, err, "%s\n%s", strings.Join(args, " "), out)
	}
	keep := func(from, to string) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, from))
		require.NoError(t, err)
		text := strings.ReplaceAll(string(data), dir, "/builds/corpus")
		require.NoError(t, os.WriteFile(filepath.Join("testdata/corpus", to), []byte(text), 0o644))
	}

	sh("", "gcc", "--coverage", "-O0", "-o", "grade", "grade.c")
	sh("", "./grade")
	sh("", "lcov", "--capture", "--directory", ".", "--rc", "lcov_branch_coverage=1", "--output-file", "captured.info")
	sh("", "lcov", "--add-tracefile", "captured.info", "--rc", "lcov_branch_coverage=1", "--output-file", "lcov.info") // sums up
	keep("lcov.info", "lcov.info")
	sh("", "gcovr", "--root", ".", "--xml", "--output", "gcovr.xml")
	keep("gcovr.xml", "gcovr.xml")

	sh("", "python3-coverage", "run", "--branch", "grade.py")
	sh("", "python3-coverage", "xml", "-o", "coveragepy.xml")
	keep("coveragepy.xml", "coveragepy.xml")
	sh("", "python3-coverage", "lcov", "-o", "coveragepy.info")
	keep("coveragepy.info", "coveragepy.info")

	sh("", "npm", "install", "--no-save", "c8@10")
	sh("", "node_modules/.bin/c8", "--reporter=lcovonly", "--reporter=cobertura", "--reporter=clover", "node", "grade.js")
	keep("coverage/lcov.info", "c8.info")
	keep("coverage/cobertura-coverage.xml", "c8-cobertura.xml")
	keep("coverage/clover.xml", "c8-clover.xml")

	const jars = "/usr/share/java/"
	sh("", "javac", "--release", "11", "-g", "-d", "classes", "shop/Grade.java")
	sh("", "jar", "xf", jars+"org.jacoco.agent.jar", "jacocoagent.jar")
	sh("", "java", "-javaagent:jacocoagent.jar=destfile=jacoco.exec,sessionid=corpus,includes=shop.*", "-cp", "classes", "shop.Grade")
	sh("", "java", "-cp", jars+"org.jacoco.core.jar:"+jars+"org.jacoco.report.jar:"+jars+"asm.jar:"+jars+"asm-commons.jar:"+jars+"asm-tree.jar:"+jars+"asm-analysis.jar",
		"Report.java", "jacoco.exec", "classes", "jacoco.xml")
	keep("jacoco.xml", "jacoco.xml")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "phpunit-config.xml"), []byte(
		`<phpunit><coverage><include><file>Grade.php</file></include></coverage></phpunit>`), 0o644))
	sh("XDEBUG_MODE=coverage", "phpunit", "-c", "phpunit-config.xml", "--coverage-clover", "phpunit.xml", "GradeTest.php")
	keep("phpunit.xml", "phpunit.xml")
}
