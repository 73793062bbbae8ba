package chaos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// disks are the disks of executors for what memory has no room for: small file systems
// in memory where this process may mount them, else directories that can be taken away;
// and those of the home of the drivers and of what jobs publish, where it may mount them.
type disks struct {
	dir     string
	mounted map[string]bool
}

const (
	diskSize   = 4 << 20
	sharedSize = 64 << 20
	filler     = "filler"
	homeDisk   = "home" // of the drivers
	outDisk    = "out"  // of the job
)

// newDisks are those of a cluster that runs in a directory.
func newDisks(dir string) disks { return disks{dir: dir, mounted: map[string]bool{}} }

// of is where a disk is: that of a node, the home's or the job's.
func (d disks) of(name string) string {
	if name == homeDisk || name == outDisk {
		return filepath.Join(d.dir, name)
	}
	return filepath.Join(d.dir, "temp", name)
}

// shared reports whether the home and what is published have disks of their own.
func (d disks) shared() bool { return d.mounted[homeDisk] && d.mounted[outDisk] }

// open makes the disks of executors and the directories of drivers.
func (d disks) open(executors int) error {
	for i := range 2 {
		if err := os.MkdirAll(d.of(fmt.Sprint("driver-", i+1)), 0o755); err != nil {
			return err
		}
	}
	for i := range executors {
		if err := d.mount(fmt.Sprint("executor-", i+1), diskSize); err != nil {
			return err
		}
	}
	return errors.Join(d.mount(homeDisk, sharedSize), d.mount(outDisk, sharedSize))
}

// mount makes a disk, or where nobody may a directory.
func (d disks) mount(name string, size int) error {
	if err := os.MkdirAll(d.of(name), 0o700); err != nil {
		return err
	}
	err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d,mode=700", size), "idag-chaos", d.of(name)).Run()
	d.mounted[name] = err == nil
	return nil
}

// fill leaves no room on a disk.
func (d disks) fill(node string) error {
	if !d.mounted[node] {
		return errors.Join(os.Rename(d.of(node), d.of(node)+".away"), os.WriteFile(d.of(node), nil, 0o600))
	}
	f, err := os.Create(filepath.Join(d.of(node), filler))
	if err != nil {
		return err
	}
	for zeros := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(zeros)
	}
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// free makes room again.
func (d disks) free(node string) error {
	if !d.mounted[node] {
		return errors.Join(os.Remove(d.of(node)), os.Rename(d.of(node)+".away", d.of(node)))
	}
	return os.Remove(filepath.Join(d.of(node), filler))
}

// keep copies what would go with its disk.
func (d disks) keep() error {
	var errs []error
	for _, name := range []string{homeDisk, outDisk} {
		if d.mounted[name] {
			errs = append(errs, os.CopyFS(filepath.Join(d.dir, "kept", name), os.DirFS(d.of(name))))
		}
	}
	return errors.Join(errs...)
}

// close takes the disks away. A second time does nothing.
func (d disks) close() error {
	var errs []error
	for name, mounted := range d.mounted {
		if !mounted {
			continue
		}
		if out, err := exec.Command("umount", d.of(name)).CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("umount %s: %w: %s", d.of(name), err, out))
			continue
		}
		d.mounted[name] = false
	}
	if err := errors.Join(errs...); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
