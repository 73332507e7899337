package main

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// page is the report for people: one file, without scripts and without anything from elsewhere.
func page(rep report) []byte {
	var b bytes.Buffer
	data := struct {
		report
		Pictures []picture
		Time     string
	}{report: rep, Time: time.UnixMilli(rep.Decision.At).UTC().Format(time.RFC3339)}
	for i, f := range rep.Decision.Objectives {
		data.Pictures = append(data.Pictures, picture{f, rep.Settings, rep.Settings.Rules[i]})
	}
	if err := pageTemplate.Execute(&b, data); err != nil {
		panic(err) // the template is constant, and the data are numbers and strings
	}
	return b.Bytes()
}

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>error-rate-gate: {{.Decision.Verdict}}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;max-width:860px;padding:0 1em;color:#1b1f24;background:#fff}
h1 b{padding:.1em .5em;border-radius:.2em;color:#fff}
.pass{background:#1a7f37}.fail{background:#cf222e}.insufficient,.unavailable{background:#9a6700}.misconfigured{background:#6e40c9}
svg{width:100%;height:auto;font:12px system-ui,sans-serif}
.grid{stroke:#d0d7de}.limit{stroke-width:1.5;stroke-dasharray:6 4}.bad{stroke:#cf222e}.good{stroke:#1a7f37}.line{fill:none;stroke:#0550ae;stroke-width:2}
.band{fill:#0550ae;opacity:.15}.second{stroke:#8250df}text.bad{fill:#cf222e;stroke:none}text.good{fill:#1a7f37;stroke:none}
</style></head><body>
<h1>error-rate-gate: <b class="{{.Decision.Verdict}}">{{.Decision.Verdict}}</b></h1>
<p>{{.Decision.Reason}}</p>{{with .Decision.Remedy}}<p>{{.}}</p>{{end}}
{{if .Decision.At}}<p>Decided at {{.Time}}. Every sample is in the report, which <code>error-rate-gate replay</code> decides again.</p>{{end}}
{{range .Pictures}}<h2>{{.Name}}: {{.Verdict}}</h2><p>{{.Rule}}. {{.Reason}}.{{if .Resets}} Counters were reset {{.Resets}} times: processes restarted.{{end}}</p>
{{.Share}}{{.Evidence}}{{end}}
</body></html>
`))

// picture draws one objective.
type picture struct {
	finding
	settings settings
	rule     rule
}

const (
	plotLeft, plotTop, plotWidth, plotHeight = 64.0, 24.0, 700.0, 200.0
)

// axes map times and values into the plot.
type axes struct {
	from, to  int64
	low, high float64
}

func (a axes) x(at int64) float64 {
	if a.to == a.from {
		return plotLeft
	}
	return plotLeft + plotWidth*float64(at-a.from)/float64(a.to-a.from)
}

func (a axes) y(v float64) float64 {
	share := (v - a.low) / (a.high - a.low)
	return plotTop + plotHeight*(1-math.Max(0, math.Min(1, share)))
}

// Share draws the measured share with its confidence limits, against the acceptable and the refused one.
func (p picture) Share() template.HTML {
	if len(p.Points) == 0 {
		return ""
	}
	last := p.Points[len(p.Points)-1]
	a := axes{from: p.settings.Start, to: max(last.At, p.settings.Start+1)}
	a.high = math.Min(1, 2*last.Upper)
	var limits []mark
	if p.rule.Kind == shareRule {
		refused, accepted := p.rule.Threshold.float(), p.rule.Acceptable.float()
		a.high = math.Min(1, math.Max(3*refused, math.Min(a.high, 1.3*p.Rate)))
		limits = []mark{{refused, "bad", "refused " + p.rule.Threshold.text}, {accepted, "good", "acceptable " + p.rule.Acceptable.text}}
	}
	if p.rule.Kind == burnRule {
		refused, budget := burnRates[len(burnRates)-1].times*p.rule.budget(), p.rule.budget()
		a.high = math.Min(1, math.Max(3*refused, math.Min(a.high, 1.3*p.Rate)))
		limits = []mark{{refused, "bad", fmt.Sprintf("%g × budget", burnRates[len(burnRates)-1].times)}, {budget, "good", "budget " + percent(budget)}}
	}
	var line, upper, lower []string
	for _, m := range p.Points {
		if m.Total == 0 {
			continue
		}
		line = append(line, at(a.x(m.At), a.y(float64(m.Errors)/float64(m.Total))))
		upper = append(upper, at(a.x(m.At), a.y(m.Upper)))
		lower = append([]string{at(a.x(m.At), a.y(m.Lower))}, lower...)
	}
	body := fmt.Sprintf(`<polygon class="band" points="%s %s"/><polyline class="line" points="%s"/>`,
		strings.Join(upper, " "), strings.Join(lower, " "), strings.Join(line, " "))
	return frame(a, "share of requests, with limits of 95 % confidence at every look", limits, body, percent)
}

// Evidence draws the log likelihood ratio against the limits that decide.
func (p picture) Evidence() template.HTML {
	if len(p.Points) == 0 || p.settings.Method != sequentially {
		return ""
	}
	last := p.Points[len(p.Points)-1]
	a := axes{from: p.settings.Start, to: max(last.At, p.settings.Start+1), low: 1.5 * p.Limits.Pass, high: 1.5 * p.Limits.Fail}
	var fail, pass []string
	for _, m := range p.Points {
		fail = append(fail, at(a.x(m.At), a.y(m.ToFail)))
		pass = append(pass, at(a.x(m.At), a.y(m.ToPass)))
	}
	title := "evidence: up to fail, down to pass (natural log)"
	body := fmt.Sprintf(`<polyline class="line" points="%s"/>`, strings.Join(fail, " "))
	if p.rule.Kind != shareRule {
		title = "evidence (natural log): blue up to fail, violet down to pass"
		body += fmt.Sprintf(`<polyline class="line second" points="%s"/>`, strings.Join(pass, " "))
	}
	return frame(a, title, []mark{{p.Limits.Fail, "bad", "fail"}, {p.Limits.Pass, "good", "pass"}}, body,
		func(v float64) string { return fmt.Sprintf("%.1f", v) })
}

// mark is a horizontal line with its name.
type mark struct {
	value       float64
	class, name string
}

func at(x, y float64) string { return fmt.Sprintf("%.1f,%.1f", x, y) }

func frame(a axes, title string, marks []mark, body string, label func(float64) string) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 890 260" role="img" aria-label="%s"><text x="%g" y="14">%s</text>`, title, plotLeft, title)
	for i := range 5 {
		v := a.low + (a.high-a.low)*float64(i)/4
		y := a.y(v)
		fmt.Fprintf(&b, `<line class="grid" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, plotLeft+plotWidth, y, y, plotLeft-6, y+4, label(v))
		t := a.from + (a.to-a.from)*int64(i)/4
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" text-anchor="middle">%s</text>`, a.x(t), plotTop+plotHeight+18, clock(t))
	}
	b.WriteString(body)
	for _, m := range marks {
		fmt.Fprintf(&b, `<line class="limit %s" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text class="%s" x="%g" y="%.1f">%s</text>`,
			m.class, plotLeft, plotLeft+plotWidth, a.y(m.value), a.y(m.value), m.class, plotLeft+plotWidth+4, a.y(m.value)+4, template.HTMLEscapeString(m.name))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
