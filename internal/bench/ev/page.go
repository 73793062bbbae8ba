package ev

import (
	"bytes"
	"html/template"
	"os"
	"regexp"

	"github.com/idag/idag/internal/fault"
)

// section is a part of a page.
type section struct {
	title  string
	text   []string // paragraphs
	tables []table
	charts []chart
}

// table is one of a page; the first column is names.
type table struct {
	head []string
	rows [][]string
}

// write makes the page index.html, which needs no other file, and beside it the
// charts' files. Files of those names are replaced, others left alone.
func write(dir, title string, lead []string, sections []section) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.New(fault.Invalid, "report: %w", err)
	}
	type drawn struct {
		Title    string
		Text     []string
		Tables   []table
		Pictures []template.HTML
	}
	var all []drawn
	for _, s := range sections {
		d := drawn{Title: s.title, Text: s.text, Tables: s.tables}
		for _, c := range s.charts {
			svg, err := c.save(dir)
			if err != nil {
				return err
			}
			d.Pictures = append(d.Pictures, template.HTML(inline(svg, c.title))) //nolint:gosec // drawn by this package
		}
		all = append(all, d)
	}
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return fault.Wrap(fault.Bug, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"Title": title, "Lead": lead, "Sections": all}); err != nil {
		return fault.Wrap(fault.Bug, err)
	}
	return put(dir, "index.html", b.Bytes())
}

// Head and Rows are for the template.
func (t table) Head() []string   { return t.head }
func (t table) Rows() [][]string { return t.rows }

// inline is a picture as a part of a page: without the head of a file of its own, and
// with a title for those who do not see it.
func inline(svg, title string) string {
	at := regexp.MustCompile(`(?s)<svg[^>]*>`).FindStringIndex(svg)
	if at == nil {
		return ""
	}
	return svg[at[0]:at[1]] + "<title>" + template.HTMLEscapeString(title) + "</title>" + svg[at[1]:]
}

const pageHTML = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.7rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { padding: .25rem .75rem .25rem 0; text-align: right; border-bottom: 1px solid #eee; font-variant-numeric: tabular-nums; vertical-align: top; }
th:first-child, td:first-child, td:last-child:not(:nth-child(2)), th:last-child:not(:nth-child(2)) { text-align: left; }
svg { max-width: 100%; height: auto; margin: .5rem 0; }
nav a { margin-right: 1rem; }
</style>
</head>
<body>
<h1>{{.Title}}</h1>
{{range .Lead}}<p>{{.}}</p>
{{end}}<nav>{{range $i, $s := .Sections}}<a href="#s{{$i}}">{{$s.Title}}</a>{{end}}</nav>
{{range $i, $s := .Sections}}
<h2 id="s{{$i}}">{{$s.Title}}</h2>
{{range .Text}}<p>{{.}}</p>
{{end}}{{range .Tables}}<table><thead><tr>{{range .Head}}<th>{{.}}</th>{{end}}</tr></thead><tbody>
{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</tbody></table>
{{end}}{{range .Pictures}}{{.}}
{{end}}{{end}}
</body>
</html>
`
