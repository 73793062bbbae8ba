package cli

import (
	"fmt"
	"strings"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/internal/fault"
	"github.com/spf13/cobra"
)

// Groups of commands in the help.
const (
	groupJobs    = "jobs"
	groupData    = "data"
	groupCluster = "cluster"
	groupAbout   = "about"
)

// newRoot returns the command line with all its commands.
func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   s.app.Name,
		Short: "A micro-batch stream engine for labelled events",
		Long: `idag cuts streams of labelled events into micro-batches and runs each label only
through the operations it needs. The result is the same as that of the linear
plan, which takes every row through every operation; the plan and the summary
show which work was left out, and why that was allowed.`,
		Example: `  idag demo
  idag generate --rows 2000000 --out data/meter
  idag run meter --set path=data/meter
  idag plan meter --set path=data/meter
  idag local -n 3`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Args:              noCommand,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.Version = s.app.Version
	root.SetVersionTemplate(s.versionText())
	root.AddGroup(
		&cobra.Group{ID: groupJobs, Title: "Jobs:"},
		&cobra.Group{ID: groupData, Title: "Data and measurements:"},
		&cobra.Group{ID: groupCluster, Title: "Clusters:"},
		&cobra.Group{ID: groupAbout, Title: "What there is:"},
	)
	root.SetHelpCommandGroupID(groupAbout)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(c, err) })
	for _, c := range []*cobra.Command{
		newRun(s), newReplay(s), newPlan(s), newCheck(s),
		newGenerate(s), newInspect(s), newDeadLetter(s), newDemo(s), newBench(s),
		newLocal(s), newSubmit(s), newStop(s), newLogs(s), newNodes(s), newDriver(s), newExecutor(s), newCert(s),
		newJobs(s), newConnectors(s), newVersion(s),
	} {
		c.DisableFlagsInUseLine = true
		checkWords(c)
		root.AddCommand(c)
	}
	root.AddCommand(newOutput())
	return root
}

// noCommand refuses a word that is no command, and suggests the nearest.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	if near := connectors.Nearest(args[0], names); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return usage(c, fault.New(fault.Invalid, "%s", text))
}

// checkWords makes wrong words of a command, and flags that exclude each other,
// mistakes of the user's.
func checkWords(c *cobra.Command) {
	args := c.Args
	if args == nil {
		return
	}
	c.Args = func(c *cobra.Command, words []string) error {
		if err := args(c, words); err != nil {
			return usage(c, err)
		}
		return usage(c, clash(c))
	}
}

// clash reports flags that were given and exclude each other, in fewer words
// than Cobra does.
func clash(c *cobra.Command) error {
	err := c.ValidateFlagGroups()
	if err == nil {
		return nil
	}
	_, given, _ := strings.Cut(err.Error(), "; [") // ... were all set
	given, _, ok := strings.Cut(given, "]")
	if !ok {
		return err
	}
	return fmt.Errorf("--%s exclude each other", strings.Join(strings.Fields(given), " and --"))
}

// usage makes err a mistake of the user's and says where the help is.
func usage(c *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Invalid, "%w\nSee '%s --help'.", err, c.CommandPath())
}

// exactly asks for n words, named in the message.
func exactly(what ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(what):
			return fmt.Errorf("missing %s", what[len(args)])
		case len(args) > len(what):
			return fmt.Errorf("%q is one word too many", args[len(what)])
		}
		return nil
	}
}

// some asks for at least one word.
func some(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("missing %s", what)
		}
		return nil
	}
}

// atMost allows up to n words.
func atMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return fmt.Errorf("%q is one word too many", args[n])
		}
		return nil
	}
}
