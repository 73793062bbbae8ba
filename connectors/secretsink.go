package connectors

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/rdd"
)

// Schema implements Source.
func (g *guardedSource) Schema(ctx context.Context) (*arrow.Schema, error) {
	s, err := g.Source.Schema(ctx)
	return s, g.hidden.hush(err)
}

// guardSink keeps secrets out of what a sink says and hands on.
func guardSink(s Sink, h secrets) Sink {
	if len(h) == 0 || s == nil {
		return s
	}
	return &guardedSink{s, h}
}

type guardedSink struct {
	Sink
	hidden secrets
}

// Stage implements Sink.
func (g *guardedSink) Stage(ctx context.Context, at rdd.Block, in rdd.Stream) (rdd.Staged, error) {
	out, err := g.Sink.Stage(ctx, at, in)
	if err != nil {
		return out, g.hidden.hush(err)
	}
	out.Part, err = rewrite(out.Part, g.hidden.hide)
	return out, err
}

// Publish implements Sink.
func (g *guardedSink) Publish(ctx context.Context, c rdd.Commit, parts []rdd.Staged) error {
	own := make([]rdd.Staged, len(parts))
	for i := range parts {
		part, err := rewrite(parts[i].Part, g.hidden.restore)
		if err != nil {
			return err
		}
		own[i] = parts[i]
		own[i].Part = part
	}
	return g.hidden.hush(g.Sink.Publish(ctx, c, own))
}

// Close implements Sink.
func (g *guardedSink) Close() error { return g.hidden.hush(g.Sink.Close()) }
