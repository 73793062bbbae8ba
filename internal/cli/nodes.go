package cli

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/idag/idag/internal/gossip"
	"github.com/idag/idag/internal/wire/submission"
	"github.com/spf13/cobra"
)

// nodesEvery is how often --watch looks.
const nodesEvery = 500 * time.Millisecond

func newNodes(s *session) *cobra.Command {
	var f toFlags
	var watch, asJSON bool
	c := &cobra.Command{
		GroupID: groupCluster,
		Use:     "nodes [flags]",
		Short:   "List the nodes of a cluster",
		Long: `List the nodes of a cluster, as the driver sees them: driver, those that stand by,
executors with their slots and memory, and for a while those that have left or died.
An executor that the driver cannot use, though it is alive, is marked with the reason:
its token or certificate is another one, nobody reaches where it listens for tasks, or
a job cannot be run there. It is tried again by itself. With --watch the list is shown anew when it changes, until Ctrl-C.`,
		Example: `  idag nodes
  idag nodes --watch
  idag nodes --json --to driver.example | jq -r .name`,
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := s.link(c.Context(), &f)
			if err != nil {
				return err
			}
			defer l.close()
			if watch {
				return s.watchNodes(c.Context(), l, asJSON)
			}
			members, err := nodesOf(c.Context(), l.now())
			if err != nil {
				return err
			}
			return s.writeNodes(members, asJSON)
		},
	}
	f.add(c)
	c.Flags().BoolVarP(&watch, "watch", "w", false, "show the list anew when it changes")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a node")
	return c
}

// watchNodes shows the nodes until Ctrl-C, from driver to driver.
func (s *session) watchNodes(ctx context.Context, l *link, asJSON bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer s.onInterrupt(ctx, func() { cancel(errEnough) })()
	tick := time.NewTicker(nodesEvery)
	defer tick.Stop()
	shown := ""
	for {
		members, err := nodesOf(ctx, l.now())
		if err == nil {
			if now := digestOf(members); now != shown {
				shown = now
				if s.out.terminal {
					fmt.Fprint(s.io.Out, "\x1b[H\x1b[2J")
				}
				if err = s.writeNodes(members, asJSON); err != nil {
					return err
				}
			}
		} else if err := l.again(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// digestOf changes when something does that is shown.
func digestOf(members []submission.Node) string {
	var b strings.Builder
	for _, m := range members {
		fmt.Fprintln(&b, m.Name, m.Role, m.Condition, m.Slots, m.Memory, m.RPC, m.Site, m.Plans, m.Unusable)
	}
	return b.String()
}

func (s *session) writeNodes(members []submission.Node, asJSON bool) error {
	if asJSON {
		for _, m := range members {
			if err := writeJSON(s.io.Out, m); err != nil {
				return err
			}
		}
		return nil
	}
	t := table{head: []string{"node", "role", "condition", "slots", "memory", "site", "address", "version", "since"}}
	var unusable []string
	for _, m := range members {
		slots, memory := "", ""
		if m.Role == gossip.Executor {
			slots = fmt.Sprint(m.Slots)
			if m.Memory > 0 {
				memory = bytesText(m.Memory)
			}
		}
		condition := string(m.Condition)
		if m.Unusable != "" {
			condition += ", unusable"
			unusable = append(unusable, fmt.Sprintf("%s is unusable: %s", m.Name, oneLine(plainly(m.Unusable))))
		}
		t.add(m.Name, string(m.Role), condition, slots, memory, m.Site, m.RPC, m.Version, ago(m.Since))
	}
	t.write(s.io.Out, s.out)
	for _, line := range unusable {
		s.lineOut("%s", line)
	}
	return nil
}

// oneLine is a text of another node as it can be shown: without what moves the cursor.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.Join(strings.Fields(text), " "))
}

// ago spells how long ago something was.
func ago(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return max(time.Since(at), 0).Round(time.Second).String()
}
