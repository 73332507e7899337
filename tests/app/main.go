// Command shortlink is a small service that gives long addresses short names.
//
//	shortlink --listen=:8080 --journal=/data/links.jsonl
//	curl -d '{"url":"https://go.dev/doc/"}' localhost:8080/api/links
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/shortlink/internal/links"
	"example.com/shortlink/internal/web"
)

// version is set by the linker: -X main.version=1.2.3.
var version = "devel"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr, func(net.Addr) {}); err != nil {
		fmt.Fprintln(os.Stderr, "shortlink:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then lets requests that are under way finish. It calls ready once it listens.
func run(ctx context.Context, args []string, stderr io.Writer, ready func(net.Addr)) error {
	flags := flag.NewFlagSet("shortlink", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", ":8080", "address to serve on")
	journal := flags.String("journal", "", "file that keeps the links over a restart; in memory only when empty")
	grace := flags.Duration("grace", 10*time.Second, "how long requests under way may take at shutdown")
	chaosRate := flags.Float64("chaos-error-rate", 0, "share of API requests, 0 to 1, that fail with 503 on purpose; for rehearsing a canary")
	chaosSeed := flags.Uint64("chaos-seed", 1, "seed that decides which requests fail")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chaos, err := web.NewChaos(*chaosRate, *chaosSeed)
	if err != nil {
		return err
	}
	store, err := links.Open(*journal)
	if err != nil {
		return err
	}
	defer store.Close()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return fmt.Errorf("listening on %q: %w", *listen, err)
	}
	server := &http.Server{
		Handler:           web.New(store, web.Options{Version: version, Chaos: chaos}),
		ReadHeaderTimeout: 5 * time.Second,
	}
	fmt.Fprintf(stderr, "shortlink %s serves on %s\n", version, listener.Addr())
	ready(listener.Addr())

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), *grace)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		return fmt.Errorf("shutting down: %w", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
