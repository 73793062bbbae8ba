package cli

import (
	"github.com/idag/idag/internal/jobfile"
	"github.com/spf13/cobra"
)

func newJobs(s *session) *cobra.Command {
	return &cobra.Command{
		GroupID: groupAbout,
		Use:     "jobs [JOB]",
		Short:   "List the jobs that ship with the program, or show one",
		Long: `List the jobs that ship with the program. With a name, print that job as a job
file, to read or to start from.`,
		Example: `  idag jobs
  idag jobs meter > job.yaml`,
		Args:              atMost(1),
		ValidArgsFunction: s.complete,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
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
}
