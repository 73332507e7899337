package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/keys"
	"github.com/sluice-ci/sluice/internal/task"
)

func newKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make the keys that sign evidence and promotions",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeysNew())
	return cmd
}

func newKeysNew() *cobra.Command {
	var algorithm, namespace, out string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a key pair and the Secret that tasks bind",
		Long: `Make a key pair and the Secret that tasks bind.

NAME.secret.yaml holds the private key, encrypted, together with its password: apply it to the namespace where attest or promote runs, and
where product teams cannot run pods, then remove the file. NAME.pub goes into the promotion policy. Stock cosign reads both. A file that is
there already is never overwritten: to rotate, make a key with a new name and list both in the policy for a while.`,
		Example: `  catalog keys new attestor-2026 --namespace=sluice-attest
  catalog keys new promoter-2026 --namespace=sluice-promote --algorithm=ed25519`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pair, err := keys.Generate(algorithm)
			if err != nil {
				return task.Misconfigured("%w", err)
			}
			secret, err := pair.Secret(namespace, args[0])
			if err != nil {
				return err
			}
			private, public := filepath.Join(out, args[0]+".secret.yaml"), filepath.Join(out, args[0]+".pub")
			if err := writeNew(private, secret, 0o600); err != nil {
				return err
			}
			if err := writeNew(public, pair.Public, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: kubectl apply -f it, then remove it\n%s: put it into the promotion policy, under keys\n", private, public)
			return nil
		},
	}
	cmd.Flags().StringVar(&algorithm, "algorithm", "ecdsa", "ecdsa (P-256) or ed25519")
	cmd.Flags().StringVar(&namespace, "namespace", "", "Namespace of the Secret; empty for the one that kubectl uses")
	cmd.Flags().StringVar(&out, "out", ".", "Folder to write to")
	_ = cmd.RegisterFlagCompletionFunc("algorithm", cobra.FixedCompletions([]string{"ecdsa", "ed25519"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// writeNew writes a file that must not exist: an overwritten key is lost.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return task.Refuse("%s exists", path).WithRemedy("a key is never overwritten: choose another name, or remove it yourself")
	}
	if err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return fmt.Errorf("writing a key: %w", err)
	}
	return f.Close()
}
