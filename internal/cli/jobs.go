package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/idag/idag/internal/jobfile"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/spf13/cobra"
)

func newJobs(s *session) *cobra.Command {
	var f toFlags
	var asJSON, shipped bool
	c := &cobra.Command{
		GroupID: groupAbout,
		Use:     "jobs [JOB] [flags]",
		Short:   "List the jobs of a cluster and those that ship, or show one",
		Long: `List the jobs of a cluster, if one is named by --to, $IDAG_TO or .idag/cluster: those
under way, and the last ones that have ended. Else, and with --shipped, list the jobs
that ship with the program. With a name, print that shipped job as a job file, to read
or to start from.`,
		Example: `  idag jobs
  idag jobs --to driver.example --json
  idag jobs meter > job.yaml`,
		Args:              atMost(1),
		ValidArgsFunction: s.complete,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				clustered, err := f.named()
				if err != nil {
					return err
				}
				if clustered && !shipped {
					return s.jobsOf(c.Context(), &f, asJSON)
				}
				t := table{head: []string{"job", ""}}
				for _, j := range s.app.Jobs {
					t.add(j.Name, j.Doc)
				}
				t.write(s.io.Out, s.out)
				return nil
			}
			j, err := s.find(args[0])
			if err != nil {
				return err
			}
			text := j.YAML
			if text == nil {
				job, err := s.make(j, nil)
				if err != nil {
					return err
				}
				text = jobfile.Format(job)
			}
			_, err = s.io.Out.Write(text)
			return err
		},
	}
	f.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a job of the cluster")
	c.Flags().BoolVar(&shipped, "shipped", false, "list the jobs that ship, also where a cluster is named")
	return c
}

// jobsOf lists the jobs of a cluster.
func (s *session) jobsOf(ctx context.Context, f *toFlags, asJSON bool) error {
	l, err := s.link(ctx, f)
	if err != nil {
		return err
	}
	defer l.close()
	jobs, err := l.now().Jobs(ctx)
	if err != nil {
		return err
	}
	t := table{head: []string{"job", "state", "batch", "rows in", "rows out", "began", "took", ""}}
	for _, j := range jobs {
		if asJSON {
			if err := writeJSON(s.io.Out, listed(j)); err != nil {
				return err
			}
			continue
		}
		began, end := time.UnixMicro(j.Began), time.Now()
		if j.Ended > 0 {
			end = time.UnixMicro(j.Ended)
		}
		why, _, _ := strings.Cut(cmp.Or(s.unplaced(j.ID, j.Error), j.Waits), "\n")
		t.add(j.ID, string(j.State), fmt.Sprint(j.Batch), thousands(j.RowsIn), thousands(j.RowsOut),
			began.Local().Format(time.DateTime), end.Sub(began).Round(100*time.Millisecond).String(), why)
	}
	switch {
	case asJSON:
	case len(jobs) == 0:
		s.lineOut("no jobs at %s; '%s submit' sends one", l.at, s.app.Name)
	default:
		fmt.Fprint(s.io.Out, s.out.clip(text(func(w io.Writer) { t.write(w, s.out) })))
	}
	return nil
}

// listing is a job as it is printed for machines: its summary as run prints it.
type listing struct {
	submission.Info
	Summary  json.RawMessage `json:"summary,omitempty"`
	Progress []byte          `json:"progress,omitempty"` // in place of that of Info, which is for submit
}

func listed(j submission.Info) listing {
	l := listing{Info: j}
	if json.Valid(j.Summary) {
		l.Summary = j.Summary
	}
	return l
}

// unplaced takes the positions in Go files off what the driver says of a job that comes
// with the program, as run does; what it says at two of them is then said once.
func (s *session) unplaced(id, text string) string {
	if j, err := s.find(id); err != nil || !j.Shipped {
		return text
	}
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		at, rest, ok := strings.Cut(line, ": ")
		file, row, placed := strings.Cut(at, ":")
		if _, err := strconv.Atoi(row); ok && placed && err == nil && filepath.Ext(file) == ".go" {
			line = rest
		}
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// text is what a function writes.
func text(write func(io.Writer)) string {
	var b strings.Builder
	write(&b)
	return b.String()
}
