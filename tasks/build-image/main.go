package main

import (
	"context"

	"github.com/sluice-ci/sluice/internal/build"
	"github.com/sluice-ci/sluice/internal/task"
)

func newCommand() *task.Command {
	c := task.New("build-image", "Put prebuilt files onto a base image and push the result by digest.")
	o := &options{}
	c.Workspace(&o.source, "source", "The tree that holds the files.")
	c.List(&o.layers, "layers", "A layer an entry: SOURCE:TARGET, or SOURCE:TARGET:UID:GID. SOURCE may hold {os}, {arch} and {variant}.")
	c.Strings(&o.remove, "remove", "", "Paths of the base to delete, comma-separated.")
	c.String(&o.ignoreFile, "ignore-file", ".dockerignore", "File in the source with patterns of what stays out; it may be missing.")
	c.Bool(&o.keepModes, "keep-modes", false, "Keep the files' own modes; otherwise 0644, or 0755 for directories and executables.")
	c.Bool(&o.keepXattrs, "keep-xattrs", false, "Keep the extended attributes user.* and security.capability.")
	c.Var(&o.config.entrypoint, "entrypoint", "What the image starts, as a JSON list; empty for the base's.")
	c.Var(&o.config.cmd, "cmd", "Arguments of the entrypoint, as a JSON list; empty for the base's, or for none with a new entrypoint.")
	c.Var(&o.config.env, "env", "Environment variables to add, NAME=value, one a line.")
	c.Var(&o.config.labels, "labels", "Labels to add, name=value, one a line.")
	c.String(&o.config.user, "user", "", "User, or user:group, that the image runs as; empty for the base's.")
	c.String(&o.config.workdir, "workdir", "", "Working directory; empty for the base's.")
	c.Var(&o.config.ports, "ports", "Ports that the image listens on, comma-separated, such as 8080,9090/udp.")
	o.Options = build.Declare(c)
	c.Reports()
	c.Example(`build-image --source=. --image=localhost:5000/team/site --entrypoint='["/bin/httpd"]' -- dist:/srv/www`)
	c.Run = func(ctx context.Context, r *task.Run) error { return assemble(ctx, r, o) }
	return c
}

func main() { task.Main(newCommand()) }
