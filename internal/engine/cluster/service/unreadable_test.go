package service

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/idag/idag/internal/wire/submission"
)

// A record that a driver cannot read is kept and told of, and the other jobs go on. The
// job is submitted again and goes on, too.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	s.dir = filepath.Join(s.dir, "[of] all")
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	d, end := s.drive()
	submit(t, d, asked("bad", 3000, 1500, out))
	submit(t, d, asked("good", 3000, 6000, t.TempDir()))
	begun(t, d, "bad")
	begun(t, d, "good")
	end(ended(t))
	dir := filepath.Join(s.dir, "home", "jobs", "bad")
	record := filepath.Join(dir, "job-00000001")
	whole, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for why, text := range map[string]string{
		"empty":          "",
		"garbage":        "\x00\xff\x80 garbage",
		"truncated":      string(whole[:len(whole)/2]),
		"no record":      "{}",
		"of another job": strings.Replace(string(whole), `"id":"bad"`, `"id":"other"`, 1),
		"of the future":  strings.Replace(string(whole), `"version":1`, `"version":2`, 1),
		"in a new state": strings.Replace(string(whole), `"state":"running"`, `"state":"paused"`, 1),
	} {
		if text == string(whole) {
			t.Fatal(why, "is the record as it was:", text)
		}
		if err := os.WriteFile(record, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, end := s.drive()
		if i := d.known["bad"].info(); i.State != submission.Unreadable || !strings.Contains(i.Error, dir) {
			t.Errorf("%s: %+v", why, i)
		}
		if i := d.known["good"].info(); i.State == submission.Unreadable {
			t.Errorf("%s: %+v", why, i)
		}
		end(ended(t))
		if kept, err := os.ReadFile(record); string(kept) != text {
			t.Errorf("%s: the record was not kept: %q %v", why, kept, err)
		}
	}

	d, end = s.drive()
	if all, _ := follow(t, d, "good"); summaryOf(t, all[len(all)-1]).Checksum != checksum(t, 3000) {
		t.Errorf("%+v", all[len(all)-1])
	}
	jobs, err := d.Jobs(t.Context())
	if err != nil || len(jobs) != 2 || jobs[0].State != submission.Finished || jobs[1].State != submission.Unreadable {
		t.Error(jobs, err)
	}
	if _, lines := follow(t, d, "bad"); len(lines) != 1 || !strings.Contains(lines[0], "cannot be read") {
		t.Error(lines)
	}
	submit(t, d, asked("bad", 3000, 1500, out))
	all, _ := follow(t, d, "bad")
	if last := all[len(all)-1]; last.State != submission.Finished || summaryOf(t, last).Checksum != checksum(t, 3000) {
		t.Errorf("%+v", last)
	}
	if _, err := os.Stat(record + asideSuffix); err != nil {
		t.Error("the record is gone:", err)
	}
	end(ended(t))
	d, _ = s.drive()
	if i := d.known["bad"].info(); i.State != submission.Finished {
		t.Errorf("%+v", i)
	}
}

// A record that the storage does not give at once is asked for again.
func TestHiccup(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	d, end := s.drive()
	submit(t, d, asked("slow", 3000, 1500, t.TempDir()))
	begun(t, d, "slow")
	end(ended(t))
	record := filepath.Join(s.dir, "home", "jobs", "slow", "job-00000001")
	if err := os.Rename(record, record+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(record, 0o700); err != nil { // nobody can read a directory as a file
		t.Fatal(err)
	}
	time.AfterFunc(recallPause*3/2, func() {
		if err := errors.Join(os.Remove(record), os.Rename(record+".away", record)); err != nil {
			t.Error(err)
		}
	})
	d, _ = s.drive()
	if i := d.known["slow"].info(); i.State == submission.Unreadable {
		t.Errorf("%+v", i)
	}
	if all, _ := follow(t, d, "slow"); summaryOf(t, all[len(all)-1]).Checksum != checksum(t, 3000) {
		t.Errorf("%+v", all[len(all)-1])
	}
}

// Jobs whose records cannot be read are not forgotten in favour of others that ended.
func TestUnreadableStays(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	d, end := s.drive()
	end(t.Context())
	for i := range manyEnded + 5 {
		if err := os.MkdirAll(d.dirOf(fmt.Sprint("j", i)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d.dirOf(fmt.Sprint("j", i)), "job-00000001"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, _ = s.drive()
	submit(t, d, asked("one", 10, 0, t.TempDir()))
	follow(t, d, "one")
	if jobs, err := d.Jobs(t.Context()); err != nil || len(jobs) != manyEnded+6 {
		t.Error(len(jobs), err)
	}
}
