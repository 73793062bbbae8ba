package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/idag/idag/planner"
	"github.com/idag/idag/planner/bypass"
	"github.com/idag/idag/planner/explain"
)

// writePair prints both plans, the routes, and what the operations cost.
func (s *session) writePair(p *pair, measured bool) {
	st, w := s.out, s.io.Out
	fmt.Fprintf(w, "job %s\n\n", st.strong(p.idag.Job.Name))
	left := fmt.Sprintf("linear plan (%s), digest %s\n", p.linear.Mode, p.linear.Digest) + planner.StageText(p.linear)
	right := fmt.Sprintf("I-DAG plan, digest %s\n", p.idag.Digest) + planner.StageText(p.idag)
	fmt.Fprint(w, beside(left, right, st.width))
	fmt.Fprintf(w, "\n%s", planner.RouteText(p.idag))
	if measured {
		fmt.Fprintf(w, "\ncosts, measured over %s rows; results were thrown away\n", thousands(p.totals[1].Rows))
	} else {
		fmt.Fprintf(w, "\ncosts, estimated from what the sources say of %s; no row was read\n", count(int64(len(p.splits)), "split", "splits"))
	}
	writeCosts(w, st, p, measured)
}

// beside sets two texts side by side where a width has room for both, if need be
// with their lines cut, otherwise one above the other.
func beside(left, right string, width int) string {
	const gap, least = " │ ", 130 // below that too little would be left of a line
	ls, rs := strings.Split(strings.TrimRight(left, "\n"), "\n"), strings.Split(strings.TrimRight(right, "\n"), "\n")
	wide := func(lines []string) int {
		n := 0
		for _, l := range lines {
			n = max(n, utf8.RuneCountInString(l))
		}
		return n
	}
	room := width - utf8.RuneCountInString(gap)
	lw, rw := wide(ls), wide(rs)
	switch {
	case lw+rw <= room:
	case width < least:
		return left + "\n" + right
	default:
		lw = max(room/2, room-rw)
		rw = room - lw
	}
	var b strings.Builder
	for i := range max(len(ls), len(rs)) {
		l, r := "", ""
		if i < len(ls) {
			l = cut(ls[i], lw)
		}
		if i < len(rs) {
			r = cut(rs[i], rw)
		}
		pad := strings.Repeat(" ", lw-utf8.RuneCountInString(l))
		b.WriteString(strings.TrimRight(l+pad+gap+r, " ") + "\n")
	}
	return b.String()
}

// cut cuts a line to so many characters.
func cut(line string, most int) string {
	if r := []rune(line); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return line
}

// writeCosts prints what every operation costs for every label in both plans.
func writeCosts(w io.Writer, st style, p *pair, measured bool) {
	t := table{head: []string{"operation", "label", "linear rows", "made", "time", "I-DAG rows", "made", "time", "saved", "left out"}}
	last := ""
	for _, r := range p.rows {
		name := r.Name
		if name == last {
			name = ""
		}
		last = r.Name
		t.add(name, r.Label, roughRows(r.Linear.Rows), madeText(r.Linear.Bytes), brief(r.Linear.Seconds),
			roughRows(r.IDAG.Rows), madeText(r.IDAG.Bytes), brief(r.IDAG.Seconds), saved(r.Linear.Seconds-r.IDAG.Seconds), reasons(r.Reasons))
	}
	sum := func(pick func(explain.Row) explain.Figure) (bytes float64) {
		for _, r := range p.rows {
			bytes += pick(r).Bytes
		}
		return bytes
	}
	l, i := p.totals[0], p.totals[1]
	t.add("all", "", "", madeText(sum(func(r explain.Row) explain.Figure { return r.Linear })), brief(l.Seconds),
		"", madeText(sum(func(r explain.Row) explain.Figure { return r.IDAG })), brief(i.Seconds), saved(l.Seconds-i.Seconds), "")
	t.write(w, st)
	if !measured {
		return
	}
	for n, of := range []total{l, i} {
		share := 100 * of.Seconds / max(of.Wall*float64(of.Executors), 1e-9)
		fmt.Fprintf(w, "%s plan: %s on %s, of which operations had %.0f %% and waiting, publishing and the driver the rest\n",
			[]string{"linear", "I-DAG"}[n], brief(of.Wall), count(int64(of.Executors), "executor", "executors"), min(share, 100))
	}
}

// saved spells a difference of seconds, with a sign where it is none saved.
func saved(seconds float64) string {
	if seconds < 0 {
		return "-" + brief(-seconds)
	}
	return brief(seconds)
}

func roughRows(n float64) string {
	if n == 0 {
		return "0"
	}
	return thousands(int64(n + 0.5))
}

func madeText(n float64) string {
	if n == 0 {
		return "0"
	}
	return bytesText(int64(n))
}

func reasons(list []bypass.Reason) string {
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

// planJSON prints the I-DAG plan for machines, with the linear plan and the costs in
// both beside it.
func (s *session) planJSON(p *pair, measured bool) error {
	mine, err := planner.JSON(p.idag)
	if err != nil {
		return err
	}
	linear, err := planner.JSON(p.linear)
	if err != nil {
		return err
	}
	out := map[string]json.RawMessage{}
	if err := json.Unmarshal(mine, &out); err != nil {
		return err
	}
	basis := "estimated"
	if measured {
		basis = "measured"
	}
	for key, v := range map[string]any{"linear": json.RawMessage(linear), "basis": basis, "costs": p.rows,
		"totals": map[string]total{"linear": p.totals[0], "idag": p.totals[1]}} {
		if out[key], err = json.Marshal(v); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(s.io.Out, "%s\n", text)
	return nil
}
