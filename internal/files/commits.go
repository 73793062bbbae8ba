package files

import "strings"

// commitsDir holds, in object storage, the marker of a sink and an object for
// each batch that is whole. Readers pass over its name.
const commitsDir = "_committed"

// commits are the batches below a prefix that are whole, where sinks have
// written.
type commits map[string]map[string]bool // directory of a sink → its batches

// note takes the path of an object from the prefix.
func (c *commits) note(rel string) {
	dir, name, ok := cutDir(rel, func(part string) bool { return part == commitsDir })
	if !ok {
		return
	}
	if *c == nil {
		*c = commits{}
	}
	if (*c)[dir] == nil {
		(*c)[dir] = map[string]bool{}
	}
	(*c)[dir][strings.TrimPrefix(name, commitsDir+"/")] = true
}

// has reports whether an object may be read: it is not of a batch of a sink, or
// the batch is whole.
func (c commits) has(rel string) bool {
	if c == nil {
		return true
	}
	dir, name, ok := cutDir(rel, func(part string) bool { return isNumbered(part, "batch=") })
	if !ok || c[dir] == nil {
		return true
	}
	batch, _, _ := strings.Cut(name, "/")
	return c[dir][batch]
}

// cutDir cuts a path before the first directory that is the wanted one.
func cutDir(rel string, wanted func(part string) bool) (before, from string, ok bool) {
	for at := 0; ; {
		slash := strings.IndexByte(rel[at:], '/')
		if slash < 0 {
			return "", "", false
		}
		if wanted(rel[at : at+slash]) {
			return rel[:at], rel[at:], true
		}
		at += slash + 1
	}
}
