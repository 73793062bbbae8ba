package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/idag/idag/internal/engine"
	"github.com/idag/idag/planner/work"
	"github.com/idag/idag/rdd"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// reporter shows a run while it is under way. Its methods may be called from
// any goroutine until done, which is called once.
type reporter interface {
	observe(p engine.Progress)
	note(text string) // something the user should know at once
	out() io.Writer   // where console sinks write
	done()
}

// reporter returns the one that the flags and the terminal ask for.
func (s *session) reporter(job string, f *runFlags) reporter {
	switch {
	case f.json:
		return &jsonLines{w: s.io.Out, errs: s.io.Err, start: time.Now()}
	case f.quiet:
		return &silent{w: s.io.Out, errs: s.io.Err}
	case s.errs.terminal:
		return newBar(s, job)
	}
	return &plainLines{job: job, w: s.io.Err, sink: s.io.Out, start: time.Now(), now: time.Now}
}

// silent shows notes only.
type silent struct{ w, errs io.Writer }

func (r *silent) observe(engine.Progress) {}
func (r *silent) note(text string)        { fmt.Fprintln(r.errs, text) }
func (r *silent) out() io.Writer          { return r.w }
func (r *silent) done()                   {}

// batchLine is what --json prints after each batch.
type batchLine struct {
	Batch     rdd.BatchID `json:"batch"`
	Rows      int64       `json:"rows"`
	RowsTotal int64       `json:"rows_total,omitempty"`
	RowsOut   int64       `json:"rows_out"`
	Watermark string      `json:"watermark,omitempty"`
	Seconds   float64     `json:"seconds"`
}

// jsonLines prints one object a batch.
type jsonLines struct {
	w, errs io.Writer
	start   time.Time
}

func (r *jsonLines) observe(p engine.Progress) {
	if !p.Committed {
		return
	}
	line := batchLine{Batch: p.Batch, Rows: p.Rows, RowsTotal: max(p.RowsTotal, 0), RowsOut: p.RowsOut,
		Watermark: watermark(p.Watermark), Seconds: time.Since(r.start).Seconds()}
	_ = writeJSON(r.w, line) // the writer keeps the error
}

func (r *jsonLines) note(text string) { fmt.Fprintln(r.errs, text) }
func (r *jsonLines) out() io.Writer   { return r.errs }
func (r *jsonLines) done()            {}

// plainLines prints at most a line a second, for logs and pipes.
type plainLines struct {
	mu    sync.Mutex
	job   string
	w     io.Writer
	sink  io.Writer
	start time.Time
	last  time.Time
	now   func() time.Time
}

func (r *plainLines) observe(p engine.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if p.Rows == 0 || now.Sub(r.last) < time.Second {
		return
	}
	r.last = now
	rows := thousands(p.Rows)
	if p.RowsTotal > 0 {
		rows += " of " + thousands(p.RowsTotal)
	}
	rate := float64(p.Rows) / max(now.Sub(r.start).Seconds(), 1e-9)
	line := fmt.Sprintf("%s: batch %d, %s rows, %s rows/s", r.job, p.Batch, rows, short(rate))
	if at := watermark(p.Watermark); at != "" {
		line += ", watermark " + at
	}
	fmt.Fprintln(r.w, line)
}

func (r *plainLines) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(r.w, text)
}

// Write implements io.Writer: a line among those of the run, which tells as much as
// one of its own.
func (r *plainLines) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = r.now()
	return r.w.Write(line)
}

func (r *plainLines) out() io.Writer { return r.sink }
func (r *plainLines) done()          {}

// bar draws on a terminal. What is printed while it stands goes above it.
type bar struct {
	group *mpb.Progress
	bar   *mpb.Bar
	sink  io.Writer
	start time.Time

	mu    sync.Mutex
	batch rdd.BatchID
	rows  int64
	lines func() []string // to stand below the bar; may be nil

	screen io.Writer
}

func newBar(s *session, job string) *bar {
	b := &bar{sink: s.io.Out, start: time.Now(), screen: s.io.Err}
	b.group = mpb.New(mpb.WithOutput(s.io.Err), mpb.WithWidth(min(s.errs.width, 80)), mpb.WithAutoRefresh())
	if s.out.terminal {
		b.sink = b.group
	}
	b.bar = b.group.New(0, mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("╸").Padding("─"),
		mpb.BarRemoveOnComplete(),
		mpb.BarExtender(mpb.BarFillerFunc(b.extend), false),
		mpb.PrependDecorators(decor.Name(s.errs.strong(job)+" ")),
		mpb.AppendDecorators(decor.Any(b.status)))
	return b
}

// status is the text beside the bar.
func (b *bar) status(st decor.Statistics) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	elapsed := time.Since(b.start).Seconds()
	text := fmt.Sprintf(" batch %d  %s rows  %s rows/s", b.batch, short(float64(b.rows)), short(float64(b.rows)/max(elapsed, 1e-9)))
	if st.Total > b.rows && b.rows > 0 {
		text += fmt.Sprintf("  %.0f s left", elapsed*float64(st.Total-b.rows)/float64(b.rows))
	}
	return text
}

// below lets lines stand below the bar, asked for whenever it is drawn.
func (b *bar) below(lines func() []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = lines
}

// extend draws what stands below the bar.
func (b *bar) extend(w io.Writer, _ decor.Statistics) error {
	b.mu.Lock()
	lines := b.lines
	b.mu.Unlock()
	if lines == nil {
		return nil
	}
	for _, line := range lines() {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func (b *bar) observe(p engine.Progress) {
	b.mu.Lock()
	b.batch, b.rows = p.Batch, p.Rows
	b.mu.Unlock()
	if p.RowsTotal > 0 {
		b.bar.SetTotal(p.RowsTotal+1, false) // only done completes it
	}
	b.bar.SetCurrent(p.Rows)
}

// note prints a line above the bar. The terminal may just have shown a Ctrl-C, from which
// on the bar would be taken away and what stands left of it remain.
func (b *bar) note(text string) {
	if f, ok := b.screen.(*os.File); ok {
		_, _ = f.WriteString("\r")
	}
	fmt.Fprintln(b.group, text)
}

func (b *bar) out() io.Writer { return b.sink }

// done takes the bar away and waits until nothing draws any more.
func (b *bar) done() {
	b.bar.Abort(true)
	b.group.Wait()
}

// watermark spells a watermark, or "" before there is one.
func watermark(at int64) string {
	if at == work.NoTime {
		return ""
	}
	return time.UnixMicro(at).UTC().Format(time.RFC3339)
}
