package task

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// placeCommand lays the running binary into a volume that a container of
// another image mounts: the way in which a task runs in the user's toolchain
// image, which holds nothing of ours.
func placeCommand() *Command {
	c := New("place", "Copy this binary to a path, so that a step in another image can run it.")
	var to string
	c.Local().String(&to, "to", "", "Path of the copy; its directory must exist.")
	c.Run = func(_ context.Context, _ *Run) error {
		if to == "" {
			return Misconfigured("--to is empty").WithRemedy("name the path of the copy")
		}
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding this binary: %w", err)
		}
		if err := copyExecutable(self, to); err != nil {
			return fmt.Errorf("placing %q: %w", to, err)
		}
		return nil
	}
	return c
}

func copyExecutable(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(to), ".place-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	if err := out.Chmod(0o555); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), to)
}
