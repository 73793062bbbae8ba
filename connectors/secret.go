package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

// Options may refer to the environment: ${NAME}, of capital letters, digits and
// underscores. $${NAME} is the text ${NAME}. The reference is what a job is
// made of, what plans and digests hold and what is shown; the value comes in
// where a connector is opened, and is a secret from then on. So is the value of
// an option whose field says so.

// secret is a text that must not be seen, and the token that stands for it.
type secret struct{ value, token string }

// secrets hide and restore, the longest value first.
type secrets []secret

// shortest is the length of a value from the environment that is worth hiding:
// to hide "1" would spoil every message.
const shortest = 3

// Expand returns o with the references to the environment replaced. It is for
// those who compare options; a connector gets its own expanded. The error is an
// [*OptionError] that names a variable which is not set.
func (k Kind) Expand(o rdd.Options) (rdd.Options, error) {
	out, _, err := k.expand(o)
	return out, err
}

// expand also returns what must not be seen of the options.
func (k Kind) expand(o rdd.Options) (rdd.Options, secrets, error) {
	out := make(rdd.Options, len(o))
	var hidden secrets
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(o)) {
		one := func(s string) string {
			s, used, missing := references(s)
			if missing != "" {
				errs = append(errs, &OptionError{k.Name, name, "the environment has no variable " + missing})
			}
			hidden = append(hidden, used...)
			return s
		}
		out[name] = each(o[name], one)
		if i := slices.IndexFunc(k.Fields, func(f Field) bool { return f.Name == name }); i >= 0 && k.Fields[i].Secret {
			each(out[name], func(s string) string {
				if s != "" {
					hidden = append(hidden, secret{s, "***" + name + "***"})
				}
				return s
			})
		}
	}
	slices.SortStableFunc(hidden, func(a, b secret) int { return len(b.value) - len(a.value) })
	return out, hidden, errors.Join(errs...)
}

// each applies f to every text of an option's value.
func each(v any, f func(string) string) any {
	switch v := v.(type) {
	case string:
		return f(v)
	case rdd.Secret:
		return f(string(v))
	case []string:
		out := make([]string, len(v))
		for i := range v {
			out[i] = f(v[i])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = each(v[i], f)
		}
		return out
	}
	return v
}

// references replaces the references in a text.
func references(s string) (out string, used secrets, missing string) {
	var b strings.Builder
	for {
		i, name := reference(s)
		if i < 0 {
			b.WriteString(s)
			return b.String(), used, missing
		}
		end := i + len("${}") + len(name)
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + s[i:end])
			s = s[end:]
			continue
		}
		value, ok := os.LookupEnv(name)
		if !ok {
			missing = name
		}
		if len(value) >= shortest {
			used = append(used, secret{value, "***" + name + "***"})
		}
		b.WriteString(s[:i] + value)
		s = s[end:]
	}
}

// reference finds the first reference to the environment in a text; -1 if there
// is none.
func reference(s string) (at int, name string) {
	for from := 0; ; {
		i := strings.Index(s[from:], "${")
		if i < 0 {
			return -1, ""
		}
		i += from
		name, _, closed := strings.Cut(s[i+2:], "}")
		if closed && IsEnv(name) {
			return i, name
		}
		from = i + 2
	}
}

// IsEnv reports whether ${name} in an option means a variable of the
// environment.
func IsEnv(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// Refers reports whether an option's value refers to the environment, so that
// it is not known before the connector is opened.
func Refers(v any) bool {
	found := false
	each(v, func(s string) string {
		i, _ := reference(s)
		found = found || i >= 0
		return s
	})
	return found
}

// show replaces every secret in a text by ***.
func (h secrets) show(text string) string {
	for _, s := range h {
		text = strings.ReplaceAll(text, s.value, "***")
		if b, err := json.Marshal(s.value); err == nil { // as it stands in JSON or behind %q
			text = strings.ReplaceAll(text, strings.Trim(string(b), `"`), "***")
		}
	}
	return text
}

// hide replaces secrets by tokens, from which restore makes them again.
func (h secrets) hide(text string) string {
	for _, s := range h {
		text = strings.ReplaceAll(text, s.value, s.token)
	}
	return text
}

func (h secrets) restore(text string) string {
	for _, s := range h {
		text = strings.ReplaceAll(text, s.token, s.value)
	}
	return text
}

// rewrite applies f to every text in a JSON document.
func rewrite(doc json.RawMessage, f func(string) string) (json.RawMessage, error) {
	if len(doc) == 0 {
		return doc, nil
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fault.New(fault.Bug, "connectors: not JSON: %w", err)
	}
	return json.Marshal(walk(v, f))
}

func walk(v any, f func(string) string) any {
	switch v := v.(type) {
	case string:
		return f(v)
	case []any:
		for i := range v {
			v[i] = walk(v[i], f)
		}
	case map[string]any:
		for k, x := range v {
			v[k] = walk(x, f)
		}
	}
	return v
}

// hushed is what an error says without its secrets. It is what it hides to
// errors.Is, and cannot be unwrapped.
type hushed struct {
	hidden error
	text   string
}

// Error implements error.
func (e *hushed) Error() string { return e.text }

// Is reports whether the hidden error is the target.
func (e *hushed) Is(target error) bool { return errors.Is(e.hidden, target) }

func (h secrets) hush(err error) error {
	if err == nil || len(h) == 0 {
		return err
	}
	text := err.Error()
	if shown := h.show(text); shown != text {
		return fault.Wrap(fault.Of(err), &hushed{err, shown})
	}
	return err
}

// guardSource keeps secrets out of what a source says and hands on.
func guardSource(s Source, h secrets) Source {
	if len(h) == 0 || s == nil {
		return s
	}
	return &guardedSource{s, h}
}

type guardedSource struct {
	Source
	hidden secrets
}

// Cut implements Source.
func (g *guardedSource) Cut(ctx context.Context, from rdd.Offset, wish rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	splits, next, err := g.Source.Cut(ctx, rdd.Offset(g.hidden.restore(string(from))), wish)
	for i := range splits {
		s := &splits[i]
		payload, bad := rewrite(s.Payload, g.hidden.hide)
		if bad != nil {
			return nil, from, bad
		}
		s.Name, s.Payload = g.hidden.hide(s.Name), payload
	}
	return splits, rdd.Offset(g.hidden.hide(string(next))), g.hidden.hush(err)
}

// Read implements Source.
func (g *guardedSource) Read(ctx context.Context, s rdd.Split, want rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		payload, err := rewrite(s.Payload, g.hidden.restore)
		if err != nil {
			yield(nil, err)
			return
		}
		s.Name, s.Payload = g.hidden.restore(s.Name), payload
		for f, err := range g.Source.Read(ctx, s, want) {
			if !yield(f, g.hidden.hush(err)) {
				return
			}
		}
	}
}

// Close implements Source.
func (g *guardedSource) Close() error { return g.hidden.hush(g.Source.Close()) }
