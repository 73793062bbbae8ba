package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newConnectors(s *session) *cobra.Command {
	return &cobra.Command{
		GroupID: groupAbout,
		Use:     "connectors [NAME]",
		Short:   "List the connectors, or show the options of one",
		Example: `  idag connectors
  idag connectors parquet`,
		Args: atMost(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return s.app.Kinds.Names(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				k, err := s.app.Kinds.Lookup(args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprint(s.io.Out, k.Markdown())
				return err
			}
			t := table{head: []string{"connector", "reads", "writes", ""}}
			for _, name := range s.app.Kinds.Names() {
				k, err := s.app.Kinds.Lookup(name)
				if err != nil {
					return err
				}
				first, _, _ := strings.Cut(k.Doc, ". ")
				t.add(name, yes(k.Source != nil), yes(k.Sink != nil), strings.TrimSuffix(first, "."))
			}
			t.write(s.io.Out, s.out)
			return nil
		},
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "–"
}
