package files

import (
	"context"
	"slices"
	"strings"

	"github.com/idag/idag/connectors"
	"github.com/idag/idag/rdd"
)

// followOption is the option of a format that makes its source go on.
const followOption = "follow"

// Kind describes the connector for some formats, which are kinds with the
// option follow. Their options for reading are options of it.
func Kind(formats ...connectors.Kind) connectors.Kind {
	own := ownFields(formats)
	return connectors.Kind{
		Name: "files",
		Doc: "A directory that grows: its files, in the order of arrival, until the job is stopped. " +
			"It is the connector of the format with `follow: true`; see docs/files.md for what counts as arrived.\n\n" +
			"A run that is stopped and goes on with its ledger reads every row once. Options of the format are given beside the others.",
		Fields: append(own, formatFields(formats, own)...),
		Examples: []connectors.Example{
			{Title: "Follow a directory of JSON lines", YAML: "read: {files: {path: inbox, format: json, schema: 'ts timestamp, kind string'}}"},
			{Title: "CSV files that are moved in when they are complete", YAML: `read: {files: {path: inbox, format: csv, delimiter: ";", settle: 0}}`},
		},
		Source: func(ctx context.Context, o rdd.Options, env connectors.Env) (connectors.Source, error) {
			return open(ctx, formats, o, env)
		},
	}
}

// ownFields are the options that every format has: where the files are, and how
// they are followed.
func ownFields(formats []connectors.Kind) []connectors.Field {
	var names []string
	for _, k := range formats {
		names = append(names, k.Name)
	}
	out := []connectors.Field{
		{Name: "path", Type: connectors.Strings, Required: true,
			Doc: "The directories to follow, with all below them, or patterns; see docs/files.md. s3://BUCKET/PATH is asked every poll."},
		{Name: "format", Type: connectors.String, Required: true, Enum: names, Doc: "What the files are: the connector that reads them."},
	}
	for _, f := range connectors.FileFields(true) {
		if f.For == connectors.Reading && f.Name != followOption {
			f.For = "" // there is no other use
			out = append(out, f)
		}
	}
	return out
}

// formatFields are the options that only some formats have. They have no default
// and no list of values here: the format fills in the one and checks the other.
func formatFields(formats []connectors.Kind, own []connectors.Field) []connectors.Field {
	has := map[string]bool{followOption: true}
	for _, f := range own {
		has[f.Name] = true
	}
	var out []connectors.Field
	users := map[string][]string{}
	for _, k := range formats {
		for _, f := range k.Fields {
			if has[f.Name] || f.For == connectors.Writing {
				continue
			}
			if users[f.Name] == nil {
				out = append(out, connectors.Field{Name: f.Name, Type: f.Type, Secret: f.Secret})
			}
			users[f.Name] = append(users[f.Name], k.Name)
		}
	}
	for i := range out {
		out[i].Doc = "As that of " + strings.Join(users[out[i].Name], " and of ") + "."
	}
	return out
}

// open opens the source of the format.
func open(ctx context.Context, formats []connectors.Kind, o rdd.Options, env connectors.Env) (connectors.Source, error) {
	name, _ := o["format"].(string)
	i := slices.IndexFunc(formats, func(k connectors.Kind) bool { return k.Name == name })
	if i < 0 {
		return nil, &connectors.OptionError{Kind: "files", Option: "format", Text: "is none that this program reads"}
	}
	through := rdd.Options{followOption: true}
	for option, v := range o {
		if option != "format" {
			through[option] = v
		}
	}
	through, err := formats[i].Check(connectors.Reading, through)
	if err != nil {
		return nil, err
	}
	return formats[i].Source(ctx, through, env)
}
