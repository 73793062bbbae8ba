package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// style colours words for one stream: not at all if it is no terminal, if
// NO_COLOR is set (https://no-color.org) or if the terminal is dumb.
type style struct {
	terminal bool
	colour   bool
	width    int
	height   int // 0: not known
}

func newStyle(to io.Writer) style {
	f, ok := to.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return style{width: 100}
	}
	st := style{terminal: os.Getenv("TERM") != "dumb", width: 100}
	st.colour = st.terminal && os.Getenv("NO_COLOR") == ""
	w, h, err := term.GetSize(int(f.Fd()))
	if err != nil || w <= 0 || h <= 0 { // a terminal without a size shows no bar
		st.terminal = false
		return st
	}
	st.width, st.height = w, h
	return st
}

func (st style) paint(code, text string) string {
	if !st.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (st style) strong(text string) string { return st.paint("1", text) }
func (st style) faint(text string) string  { return st.paint("2", text) }
func (st style) bad(text string) string    { return st.paint("1;31", text) }
func (st style) good(text string) string   { return st.paint("1;32", text) }

// clip cuts every line of text to the width of a terminal.
func (st style) clip(text string) string {
	if !st.terminal {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, newline := strings.CutSuffix(line, "\n")
		b.WriteString(narrow(line, st.width))
		if newline {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// narrow cuts a line to so many characters. What colours it takes no place, and what is cut
// is painted no further.
func narrow(line string, width int) string {
	seen, end, painted := 0, 0, false
	for i := 0; i < len(line); {
		if n := strings.IndexByte(line[i:], 'm'); strings.HasPrefix(line[i:], "\x1b[") && n > 0 {
			painted = line[i:i+n+1] != "\x1b[0m"
			i += n + 1
			continue
		}
		if seen == width-1 && end == 0 {
			end = i
		}
		_, size := utf8.DecodeRuneInString(line[i:])
		i += size
		if seen++; seen > width {
			break
		}
	}
	if seen <= width {
		return line
	}
	out := line[:end] + "…"
	if painted || strings.Contains(line[:end], "\x1b[") {
		out += "\x1b[0m"
	}
	return out
}

// table lines up columns. Cells that begin with a digit stand to the right.
type table struct {
	head []string
	rows [][]string
}

// add adds a row. What others have put into it moves no cursor and ends no line.
func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = visible(c)
	}
	t.rows = append(t.rows, cells)
}

// visible puts question marks in place of what is no character to be seen.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// write prints the table, its head faint.
func (t *table) write(w io.Writer, st style) {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	right := make([]bool, len(t.head))
	for i := range right {
		right[i] = len(t.rows) > 0
		for _, row := range t.rows {
			digits := strings.TrimPrefix(row[i], "-")
			right[i] = right[i] && (row[i] == "" || digits != "" && digits[0] >= '0' && digits[0] <= '9')
		}
	}
	line := func(row []string) string {
		var b strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if right[i] {
				c, pad = pad+c, ""
			}
			b.WriteString("  " + c + pad)
		}
		return strings.TrimRight(b.String(), " ")
	}
	fmt.Fprintln(w, st.faint(line(t.head)))
	for _, row := range t.rows {
		fmt.Fprintln(w, line(row))
	}
}

// thousands spells n with commas: 2,000,000.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "-" + s
	}
	return s
}

// short spells a count or a rate in at most five characters and a unit: 5.13M.
func short(n float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= u.size*0.9995 { // what would round up to it
			return fmt.Sprintf("%.3g%s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%.3g", n)
}
