package report

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/physical"
	"github.com/idag/idag/rdd"
)

// drawing is an SVG in the making.
type drawing struct {
	strings.Builder
	picture Picture
}

func (d *drawing) put(format string, args ...any) { d.WriteString(fmt.Sprintf(format, args...)) }

// colour of a label: mid-tones that stand out from light and from dark paper.
func colour(label int) string {
	list := []string{"#d9480f", "#7c4ddb", "#0b8fa6", "#2f9e44", "#c2255c", "#b07d00", "#1c7ed6", "#748c1a"}
	return list[label%len(list)]
}

const style = `
    .bg { fill: #ffffff; } .ink { fill: #1f2933; } .soft { fill: #5f6b78; }
    .stage { fill: #f4f6f8; stroke: #c3ccd5; } .op { fill: #ffffff; stroke: #8a97a5; }
    .sink { fill: #e6f4ea; stroke: #2f9e44; } .ghost { fill: none; stroke: #8a97a5; stroke-dasharray: 3 3; }
    .gone { fill: #77828e; } .shuffle { fill: none; stroke: #8a97a5; stroke-width: 1.6; stroke-dasharray: 6 4; }
    .route { fill: none; stroke-width: 2.4; } .h { font-weight: 600; } .s { font-size: 10.5px; }
    @media (prefers-color-scheme: dark) {
      .bg { fill: #0d1117; } .ink { fill: #e6edf3; } .soft { fill: #9aa7b4; }
      .stage { fill: #161b22; stroke: #3a434d; } .op { fill: #0d1117; stroke: #6b7785; }
      .sink { fill: #12261a; stroke: #2f9e44; } .ghost { stroke: #6b7785; } .gone { fill: #87929e; } .shuffle { stroke: #6b7785; }
    }
`

// all draws the panels side by side, and the legend below them.
func (d *drawing) all(panels []*panel) {
	const title = 30.0
	width, height := margin, 0.0
	for _, p := range panels {
		width += max(p.width, 200) + margin
		height = max(height, p.height)
	}
	notes := d.legend()
	columns := max(1, int((width-2*margin)/330))
	bottom := title + height + 2*margin
	whole := bottom + float64((len(notes)+columns-1)/columns)*20 + margin
	d.put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12" role="img">`+"\n",
		width, whole, width, whole)
	d.put("  <title>%s</title>\n  <style>%s  </style>\n", escaped("Plans of job "+d.job()), style)
	d.put("  <rect class=\"bg\" width=\"%.0f\" height=\"%.0f\" rx=\"10\"/>\n", width, whole)
	x := margin
	for _, p := range panels {
		d.put("  <g transform=\"translate(%.1f %.1f)\">\n", x, margin)
		d.text(0, 8, "ink h", p.title)
		d.put("  <g transform=\"translate(0 %.1f)\">\n", title)
		d.panel(p)
		d.WriteString("  </g></g>\n")
		x += max(p.width, 200) + margin
	}
	for i, n := range notes {
		n(margin+float64(i%columns)*330, bottom+float64(i/columns)*20)
	}
	d.WriteString("</svg>\n")
}

func (d *drawing) job() string {
	if len(d.picture.Plans) == 0 {
		return ""
	}
	return d.picture.Plans[0].Job.Name
}

// panel draws a plan: stages, then what leads from one to another, then boxes.
func (d *drawing) panel(p *panel) {
	for _, s := range p.stages {
		d.put("    <rect class=\"stage\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"8\"/>\n", s.x, s.y, s.width, s.height)
		d.text(s.x+padding, s.y+padding+6, "soft s h", s.title)
	}
	for i := range p.stages {
		s := &p.stages[i]
		d.shuffles(p, s, s.root)
	}
	for i := range p.stages {
		s := &p.stages[i]
		d.tree(s, s.root)
	}
}

// shuffles draws the arrows from the outlets of a stage to the stages behind it.
func (d *drawing) shuffles(p *panel, s *stageBox, b *box) {
	if b.to >= 0 {
		to := &p.stages[b.to]
		x1, y1 := s.x+b.x+boxWidth/2, s.y+b.y+boxHeight
		x2, y2 := to.x+to.root.x+boxWidth/2, to.y+to.root.y
		mid := to.y - between/2
		d.put("    <path class=\"shuffle\" d=\"M%.1f %.1fV%.1fH%.1fV%.1f\"/>\n", x1, y1, mid, x2, y2)
	}
	for _, n := range b.next {
		d.shuffles(p, s, n)
	}
}

// tree draws a box, the routes to those behind it, and those.
func (d *drawing) tree(s *stageBox, b *box) {
	for _, n := range b.next {
		d.route(s, b, n)
	}
	x, y := s.x+b.x, s.y+b.y
	class, ink := "op", "ink"
	switch {
	case b.ghost:
		class, ink = "ghost", "gone"
	case b.sink:
		class = "sink"
	}
	d.put("    <g><title>%s</title><rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.0f\" rx=\"6\"/>\n",
		escaped(b.full), class, x, y, boxWidth, boxHeight)
	line := y + 15
	d.text(x+8, line, ink+" h", clip(b.title, lineChars-5))
	if b.text != "" {
		d.text(x+8, line+13, ink+" s", clip(b.text, lineChars))
	}
	if b.cost != "" {
		d.text(x+8, line+25, "soft s", clip(b.cost, lineChars))
	}
	d.WriteString("    </g>\n")
	for _, n := range b.next {
		d.tree(s, n)
	}
}

// route draws a line a label from one box to the next. Lines of more labels than
// there is room for are one.
func (d *drawing) route(s *stageBox, from, to *box) {
	labels := (from.labels & to.labels).Each()
	if len(labels) == 0 {
		labels = to.labels.Each()
	}
	x1, y1 := s.x+from.x+boxWidth/2, s.y+from.y+boxHeight
	x2, y2 := s.x+to.x+boxWidth/2, s.y+to.y
	if len(labels) > 8 {
		labels = labels[:8]
	}
	for i, l := range labels {
		off := (float64(i) - float64(len(labels)-1)/2) * 4
		mid := (y1 + y2) / 2
		d.put("    <path class=\"route\" stroke=\"%s\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f\"/>\n",
			colour(l), x1+off, y1, x1+off, mid, x2+off, mid, x2+off, y2)
	}
}

func (d *drawing) text(x, y float64, class, text string) {
	d.put("    <text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, x, y, escaped(text))
}

// escaped is a text as XML has it; characters that XML cannot have are replaced.
func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return b.String()
}

// clip cuts a text to so many characters.
func clip(text string, most int) string {
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most-1]) + "…"
}

// legend is what the colours, the ghosts and the dashes mean: a drawing each.
func (d *drawing) legend() []func(x, y float64) {
	var out []func(x, y float64)
	var labels rdd.LabelSet
	reasons := map[bypass.Reason]bool{}
	for _, p := range d.picture.Plans {
		for i := range p.Stages {
			collect(p.Stages[i].Root, &labels, reasons)
		}
	}
	for _, l := range labels.Each() {
		out = append(out, func(x, y float64) {
			d.put("  <path class=\"route\" stroke=\"%s\" d=\"M%.1f %.1fh22\"/>\n", colour(l), x, y-4)
			d.text(x+30, y, "ink s", "rows of "+d.picture.Plans[0].Job.Labels[l])
		})
	}
	for _, why := range bypass.Reasons() {
		if reasons[why] {
			out = append(out, func(x, y float64) {
				d.put("  <rect class=\"ghost\" x=\"%.1f\" y=\"%.1f\" width=\"22\" height=\"12\" rx=\"3\"/>\n", x, y-10)
				d.text(x+30, y, "ink s", "left out, "+string(why)+": "+why.Why())
			})
		}
	}
	out = append(out, func(x, y float64) {
		d.put("  <path class=\"shuffle\" d=\"M%.1f %.1fh22\"/>\n", x, y-4)
		d.text(x+30, y, "ink s", "shuffled to another stage")
	})
	if basis := d.basis(); basis != "" {
		out = append(out, func(x, y float64) { d.text(x, y, "soft s", basis) })
	}
	return out
}

func (d *drawing) basis() string {
	switch {
	case d.picture.Rows == nil:
		return ""
	case d.picture.Measured:
		return "rows and times as measured"
	}
	return "rows and times are estimated"
}

// collect finds the labels and reasons below an operator.
func collect(n *physical.Node, labels *rdd.LabelSet, reasons map[bypass.Reason]bool) {
	*labels |= n.Labels
	for _, s := range n.Skipped {
		reasons[s.Reason] = true
	}
	for _, c := range n.Next {
		collect(c, labels, reasons)
	}
}
