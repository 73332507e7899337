// Command serve offers the Git repositories below a folder over HTTPS, for
// reading: what the sample service's repository is served with in a cluster.
package main

import (
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/sluice-ci/sluice/tests/gitserver"
)

func main() {
	listen := flag.String("listen", ":8443", "address to serve on")
	root := flag.String("root", "/repositories", "folder with bare repositories: root/app.git is served as /app.git")
	cert := flag.String("cert", "/tls/tls.crt", "PEM of the certificate")
	key := flag.String("key", "/tls/tls.key", "PEM of the private key")
	flag.Parse()
	server := &http.Server{Addr: *listen, Handler: gitserver.Handler(*root), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServeTLS(*cert, *key))
}
