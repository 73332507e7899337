package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"
)

// A Document is one YAML document. Exactly one of the typed fields is set where Kind is one of Tekton's; all are nil for others, such
// as a ConfigMap that a sample brings along.
type Document struct {
	File string
	Kind string
	Name string // metadata.name, or metadata.generateName with an x, as a server would complete it
	Node *yaml.Node

	Task        *v1.Task
	Pipeline    *v1.Pipeline
	TaskRun     *v1.TaskRun
	PipelineRun *v1.PipelineRun
}

// Labels are metadata.labels.
func (d *Document) Labels() map[string]string { return d.stringMap("labels") }

// Annotations are metadata.annotations.
func (d *Document) Annotations() map[string]string { return d.stringMap("annotations") }

func (d *Document) stringMap(field string) map[string]string {
	m := map[string]string{}
	if n, found := lookup(d.Node, At("metadata", field)); found {
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = n.Content[i+1].Value
		}
	}
	return m
}

// Parse reads all documents of a file. Comments and empty documents are passed over.
func Parse(file string, data []byte) ([]*Document, []Problem) {
	var docs []*Document
	var problems []Problem
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		err := dec.Decode(&node)
		if errors.Is(err, io.EOF) {
			return docs, problems
		}
		if err != nil {
			return docs, append(problems, problemOf(file, err))
		}
		if len(node.Content) == 0 || node.Content[0].Tag == "!!null" {
			continue
		}
		if top := node.Content[0]; top.HeadComment == "" {
			top.HeadComment = node.HeadComment // what the file begins with belongs to its document
		}
		d, wrong := typed(file, node.Content[0])
		problems = append(problems, wrong...)
		if d != nil {
			docs = append(docs, d)
		}
	}
}

func typed(file string, node *yaml.Node) (*Document, []Problem) {
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, []Problem{problemOf(file, err)}
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, []Problem{{File: file, Line: node.Line, Column: node.Column, What: err.Error()}}
	}
	var meta struct {
		Kind     string
		Metadata struct{ Name, GenerateName string }
	}
	if err := json.Unmarshal(data, &meta); err != nil || meta.Kind == "" {
		return nil, []Problem{{File: file, Line: node.Line, Column: node.Column, What: "not a Kubernetes object: no kind"}}
	}
	d := &Document{File: file, Kind: meta.Kind, Name: meta.Metadata.Name, Node: node}
	if d.Name == "" && meta.Metadata.GenerateName != "" {
		d.Name = meta.Metadata.GenerateName + "x"
	}
	var into any
	switch d.Kind {
	case "Task":
		d.Task = &v1.Task{}
		into = d.Task
	case "Pipeline":
		d.Pipeline = &v1.Pipeline{}
		into = d.Pipeline
	case "TaskRun":
		d.TaskRun = &v1.TaskRun{}
		into = d.TaskRun
	case "PipelineRun":
		d.PipelineRun = &v1.PipelineRun{}
		into = d.PipelineRun
	default:
		return d, nil
	}
	strict, err := kjson.UnmarshalStrict(data, into)
	if err != nil {
		line, column := d.Position(pathIn(err.Error()))
		return nil, []Problem{{File: file, Line: line, Column: column, What: strings.TrimPrefix(err.Error(), "json: ")}}
	}
	var problems []Problem
	for _, s := range strict {
		line, column := d.Position(pathIn(s.Error()))
		problems = append(problems, Problem{File: file, Line: line, Column: column, What: s.Error()})
	}
	return d, problems
}

var (
	quoted = regexp.MustCompile(`"([^"]+)"|struct field \w+\.(\S+) of type`)
	onLine = regexp.MustCompile(`line (\d+):? ?`)
)

// pathIn finds the field path that a decoding error names.
func pathIn(message string) Path {
	if m := quoted.FindStringSubmatch(message); m != nil {
		return ParsePath(m[1] + m[2])
	}
	return nil
}

// problemOf moves the line that package yaml writes into its message to where a line belongs.
func problemOf(file string, err error) Problem {
	message := err.Error()
	var typeError *yaml.TypeError
	if errors.As(err, &typeError) && len(typeError.Errors) > 0 {
		message = typeError.Errors[0]
	}
	p := Problem{File: file, Line: 1, Column: 1, What: message}
	if m := onLine.FindStringSubmatchIndex(message); m != nil {
		p.Line, _ = strconv.Atoi(message[m[2]:m[3]])
		p.What = message[:m[0]] + message[m[1]:]
	}
	p.What = fmt.Sprintf("not valid YAML: %s", p.What)
	return p
}
