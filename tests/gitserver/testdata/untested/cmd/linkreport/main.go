// Command linkreport reads a journal and prints which hosts the links lead to, as text, CSV or JSON.
package main

import (
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"sort"
	"strconv"
	"text/tabwriter"
)

type entry struct {
	Add *struct {
		Slug string `json:"slug"`
		URL  string `json:"url"`
	} `json:"add"`
	Remove string `json:"remove"`
}

type row struct {
	Host  string   `json:"host"`
	Links int      `json:"links"`
	Slugs []string `json:"slugs"`
}

func main() {
	format := flag.String("format", "text", "text, csv or json")
	least := flag.Int("least", 1, "leave out hosts with fewer links")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: linkreport [flags] JOURNAL")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *format, *least, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "linkreport:", err)
		os.Exit(1)
	}
}

func run(path, format string, least int, w io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	addresses, err := read(file)
	if err != nil {
		return fmt.Errorf("reading %q: %w", path, err)
	}
	rows := count(addresses, least)
	switch format {
	case "text":
		return writeText(w, rows)
	case "csv":
		return writeCSV(w, rows)
	case "json":
		return json.NewEncoder(w).Encode(rows)
	}
	return fmt.Errorf("format %q is none of text, csv and json", format)
}

func read(r io.Reader) (map[string]string, error) {
	addresses := map[string]string{}
	decoder := json.NewDecoder(r)
	for {
		var e entry
		err := decoder.Decode(&e)
		if err == io.EOF {
			return addresses, nil
		}
		if err != nil {
			return nil, err
		}
		if e.Add != nil {
			addresses[e.Add.Slug] = e.Add.URL
		}
		if e.Remove != "" {
			delete(addresses, e.Remove)
		}
	}
}

func count(addresses map[string]string, least int) []row {
	byHost := map[string]*row{}
	for slug, address := range addresses {
		host := "unknown"
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			host = u.Host
		}
		if byHost[host] == nil {
			byHost[host] = &row{Host: host}
		}
		byHost[host].Links++
		byHost[host].Slugs = append(byHost[host].Slugs, slug)
	}
	var rows []row
	for _, r := range byHost {
		if r.Links >= least {
			sort.Strings(r.Slugs)
			rows = append(rows, *r)
		}
	}
	sort.Slice(rows, func(i, j int) bool {
		if rows[i].Links != rows[j].Links {
			return rows[i].Links > rows[j].Links
		}
		return rows[i].Host < rows[j].Host
	})
	return rows
}

func writeText(w io.Writer, rows []row) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "HOST\tLINKS")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%d\n", r.Host, r.Links)
	}
	return table.Flush()
}

func writeCSV(w io.Writer, rows []row) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"host", "links"}); err != nil {
		return err
	}
	for _, r := range rows {
		if err := out.Write([]string{r.Host, strconv.Itoa(r.Links)}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
