package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func newVersion(s *session) *cobra.Command {
	return &cobra.Command{
		GroupID: groupAbout,
		Use:     "version",
		Short:   "Print the version",
		Example: "  idag version",
		Args:    atMost(0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(s.io.Out, s.versionText())
			return err
		},
	}
}

// versionText is what version and --version print.
func (s *session) versionText() string {
	return fmt.Sprintf("%s %s %s %s/%s\n", s.app.Name, s.app.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
