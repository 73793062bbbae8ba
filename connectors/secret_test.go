package connectors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/idag/idag/internal/fault"
	"github.com/idag/idag/rdd"
)

const hunter = `hun"ter2`

// teller is a source and a sink that tell what they know in every way they have.
type teller struct{ o rdd.Options }

func (s teller) text() string { return fmt.Sprint(s.o["password"], s.o["token"], s.o["tokens"]) }

func (s teller) fail() error {
	return fault.New(fault.Retry, "cannot log in with %q: %w", s.text(), fs.ErrPermission)
}

func (s teller) Schema(context.Context) (*arrow.Schema, error) { return nil, s.fail() }

func (s teller) Cut(_ context.Context, from rdd.Offset, _ rdd.Size) ([]rdd.Split, rdd.Offset, error) {
	if from != "" && string(from) != s.text() {
		return nil, from, errors.New("another offset came back: " + string(from))
	}
	payload, err := json.Marshal(map[string]any{"at": 1 << 60, "url": []string{"http://" + s.text()}})
	return []rdd.Split{{Name: s.text(), Payload: payload}}, rdd.Offset(s.text()), err
}

func (s teller) Read(_ context.Context, split rdd.Split, _ rdd.Projection) rdd.Stream {
	return func(yield func(*rdd.Frame, error) bool) {
		if split.Name != s.text() || !strings.Contains(string(split.Payload), `"at":1152921504606846976`) {
			yield(nil, errors.New("another split came back: "+split.Name+string(split.Payload)))
			return
		}
		yield(nil, s.fail())
	}
}

func (s teller) Stage(context.Context, rdd.Block, rdd.Stream) (rdd.Staged, error) {
	part, err := json.Marshal(s.text())
	return rdd.Staged{Part: part}, err
}

func (s teller) Publish(_ context.Context, _ rdd.Commit, parts []rdd.Staged) error {
	want, _ := json.Marshal(s.text())
	if string(parts[0].Part) != string(want) {
		return errors.New("another part came back: " + string(parts[0].Part))
	}
	return s.fail()
}

func (s teller) Close() error { return s.fail() }

func tellerKind() Kind {
	return Kind{
		Name: "teller",
		Fields: []Field{{Name: "password", Type: String, Secret: true}, {Name: "token", Type: String}, {Name: "tokens", Type: Strings},
			{Name: "port", Type: Int}},
		Source: func(_ context.Context, o rdd.Options, _ Env) (Source, error) { return teller{o}, nil },
		Sink:   func(_ context.Context, o rdd.Options, _ Env) (Sink, error) { return teller{o}, nil },
	}
}

// TestSecrets proves that what comes from the environment, and what a field says
// is secret, is in nothing that a source or a sink says or hands on, that both
// get back what they handed on, and that errors stay what they are.
func TestSecrets(t *testing.T) {
	t.Setenv("TOKEN", "tok-123")
	t.Setenv("OTHER", "tok-123-and-more")
	r := NewRegistry(tellerKind())
	o := rdd.Options{"password": rdd.Secret(hunter), "token": "a ${TOKEN} b", "tokens": []any{"${OTHER}", "$${TOKEN}", "${lower}"}}
	var out strings.Builder
	say := func(v any) { fmt.Fprintf(&out, "%v\n%+v\n%q\n", v, v, v) }
	d := rdd.From("teller", o)
	src, err := r.Source(t.Context(), d, Env{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = src.Schema(t.Context())
	if !errors.Is(err, fs.ErrPermission) || fault.Of(err) != fault.Retry {
		t.Errorf("%v is %s", err, fault.Of(err))
	}
	say(err)
	splits, next, err := src.Cut(t.Context(), "", rdd.Size{})
	if err != nil {
		t.Fatal(err)
	}
	say(next)
	b, err := json.Marshal(splits)
	if err != nil {
		t.Fatal(err)
	}
	say(string(b))
	if _, _, err := src.Cut(t.Context(), next, rdd.Size{}); err != nil {
		t.Fatal(err)
	}
	for _, err := range src.Read(t.Context(), splits[0], rdd.Projection{}) {
		if !errors.Is(err, fs.ErrPermission) {
			t.Error(err)
		}
		say(err)
	}
	say(src.Close())
	sink, err := r.Sink(t.Context(), rdd.Extend(rdd.Write{Connector: "teller", Options: o}, rdd.Pos{}, nil, d), Env{})
	if err != nil {
		t.Fatal(err)
	}
	part, err := sink.Stage(t.Context(), rdd.Block{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	say(string(part.Part))
	err = sink.Publish(t.Context(), rdd.Commit{}, []rdd.Staged{part})
	if !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
	say(err)
	say(sink.Close())
	if text := out.String(); strings.Contains(text, "ter2") || strings.Contains(text, "123") || !strings.Contains(text, "***") ||
		!strings.Contains(text, "${TOKEN}") || !strings.Contains(text, "${lower}") {
		t.Error(text)
	}
}

// TestEnvironment proves what is said of values from the environment that are
// missing or wrong, at the place of the option.
func TestEnvironment(t *testing.T) {
	r := NewRegistry(tellerKind())
	at := rdd.Pos{File: "job.yaml", Line: 3, Column: 7}
	open := func(o rdd.Options) error {
		_, err := r.Source(t.Context(), rdd.Extend(rdd.Read{Connector: "teller", Options: o}, rdd.Pos{}, rdd.Marks{"options.port": at, "options.token": at}), Env{})
		return err
	}
	t.Setenv("PORT", "eighty")
	for _, c := range []struct {
		o     rdd.Options
		words []string
	}{
		{rdd.Options{"port": "${PORT}"}, []string{"job.yaml:3:7", "whole number", `"***"`}},
		{rdd.Options{"token": "x${NOT_SET}"}, []string{"job.yaml:3:7", "no variable NOT_SET"}},
	} {
		err := open(c.o)
		if fault.Of(err) != fault.Invalid {
			t.Errorf("%v is %s", err, fault.Of(err))
		}
		for _, w := range c.words {
			if err == nil || !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "eighty") {
				t.Errorf("%v does not say %q", err, w)
			}
		}
	}
	t.Setenv("PORT", "80")
	if err := open(rdd.Options{"port": "${PORT}"}); err != nil {
		t.Error(err)
	}
	if o, err := tellerKind().Expand(rdd.Options{"port": "${PORT}", "token": "$${PORT}"}); err != nil || o["port"] != "80" || o["token"] != "${PORT}" {
		t.Errorf("%v, %v", o, err)
	}
}
