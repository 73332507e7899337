// Command collector receives spans by OTLP over HTTP and prints a line of JSON, a ResourceSpans, for those of one resource.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

func main() {
	http.HandleFunc("POST /v1/traces", receive)
	log.Fatal(http.ListenAndServe(":4318", nil))
}

func receive(w http.ResponseWriter, r *http.Request) {
	var request collector.ExportTraceServiceRequest
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, spans := range request.ResourceSpans {
		line, err := protojson.Marshal(spans)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Printf("%s\n", line)
	}
	w.Header().Set("Content-Type", "application/x-protobuf") // an empty response is one without bytes
}
