package task

import (
	"context"
	"fmt"
	"strings"
)

// completionCommand prints a completion script for a shell.
func completionCommand(of *Command) *Command {
	c := New(of.Name+" completion", "Print a completion script for bash, zsh or fish.")
	var shell []string
	c.List(&shell, "shell", "One of bash, zsh and fish.")
	c.Example("source <("+of.Name+" completion -- bash)", of.Name+" completion -- fish | source")
	c.Run = func(_ context.Context, r *Run) error {
		if len(shell) != 1 {
			return Misconfigured("completion takes the name of one shell").
				WithRemedy("%s completion -- bash", of.Name)
		}
		words := of.words()
		fn := "_" + strings.ReplaceAll(of.Name, "-", "_")
		switch shell[0] {
		case "bash":
			fmt.Fprintf(r.Stdout, "%s() { COMPREPLY=($(compgen -W '%s' -- \"${COMP_WORDS[COMP_CWORD]}\")); }\n"+
				"complete -o nospace -o default -F %s %s\n", fn, strings.Join(words, " "), fn, of.Name)
		case "zsh":
			fmt.Fprintf(r.Stdout, "#compdef %s\n%s() { compadd -S '' -- %s }\ncompdef %s %s\n",
				of.Name, fn, strings.Join(words, " "), fn, of.Name)
		case "fish":
			for _, word := range words {
				fmt.Fprintf(r.Stdout, "complete -c %s -a '%s'\n", of.Name, word)
			}
		default:
			return Misconfigured("no completion for %q", shell[0]).WithRemedy("bash, zsh and fish have one")
		}
		return nil
	}
	return c
}

// words lists what can follow the command's name.
func (c *Command) words() []string {
	words := []string{"--help", "--log="}
	for _, s := range c.Subs {
		words = append(words, s.Name)
	}
	for _, f := range c.Flags {
		if f.Kind != KindList {
			words = append(words, "--"+f.Name+"=")
		}
	}
	return words
}
