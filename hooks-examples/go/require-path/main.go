// The hook require-path keeps a backup from starting when a file or directory isn't
// there, or isn't as it should be. Settings: those of hooks-examples/require-path.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"require-path/hookward"
)

type settings struct {
	paths     []string
	kind      string
	notEmpty  bool
	sentinel  *string
	newerThan *time.Duration
	minSize   *uint64
}

func readSettings() (*settings, error) {
	config := hookward.ReadConfig("path", "paths", "kind", "not-empty", "sentinel", "newer-than", "min-size")
	read := &settings{
		kind:     config.Choice("kind", []string{"any", "file", "dir"}, "any"),
		notEmpty: config.Flag("not-empty", false),
	}
	if config.Has("path") {
		read.paths = append(read.paths, config.Text("path", ""))
	}
	read.paths = append(read.paths, config.Texts("paths")...)
	if config.Has("sentinel") {
		sentinel := config.Text("sentinel", "")
		read.sentinel = &sentinel
	}
	if config.Has("newer-than") {
		limit := config.Duration("newer-than", 0)
		read.newerThan = &limit
	}
	if config.Has("min-size") {
		limit := config.Size("min-size", 0)
		read.minSize = &limit
	}
	if err := config.Err(); err != nil {
		return nil, err
	}
	if len(read.paths) == 0 {
		return nil, config.Wrong("path", "name a path here, or several in `paths`")
	}
	for _, path := range read.paths {
		if !strings.HasPrefix(path, "/") {
			message := fmt.Sprintf("`%s` has to be one absolute path; several stand in `paths`", path)
			return nil, config.Wrong("path", message)
		}
	}
	if read.sentinel != nil {
		if read.kind == "file" {
			return nil, config.Wrong("sentinel", "only a directory can hold one, and `kind` is `file`")
		}
		inside := strings.FieldsFunc(*read.sentinel, func(c rune) bool { return c == '/' })
		if strings.HasPrefix(*read.sentinel, "/") || len(inside) == 0 || slices.Contains(inside, "..") {
			return nil, config.Wrong("sentinel", "has to be a name or path below the directory")
		}
	}
	return read, nil
}

// check tells what is wrong with a path: an error that completes a sentence which
// begins with it.
func (read *settings) check(path string, now time.Time) error {
	found, err := os.Stat(path)
	switch {
	// Go says `bad file number` where no directory is granted at all.
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EBADF):
		return errors.New("isn't there: is the disk plugged in and mounted, and does the hook's `dirs` grant show this path?")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("may not be looked at: does the hook's `dirs` grant show it, and may the user of the backup read it?")
	case err != nil:
		return fmt.Errorf("can't be looked at: %w", cause(err))
	}
	switch {
	case read.kind == "file" && found.IsDir():
		return errors.New("is a directory, and has to be a file")
	case read.kind == "file" && !found.Mode().IsRegular():
		return errors.New("is neither file nor directory, and has to be a file")
	case read.kind == "dir" && !found.IsDir():
		return errors.New("is a file, and has to be a directory")
	}
	if read.sentinel != nil {
		if err := checkSentinel(path, found, *read.sentinel); err != nil {
			return err
		}
	}
	if found.IsDir() {
		return read.checkDirectory(path, now)
	}
	return read.checkFile(found, now)
}

func checkSentinel(path string, found fs.FileInfo, sentinel string) error {
	if !found.IsDir() {
		return fmt.Errorf("is a file, and has to be a directory with %s in it", sentinel)
	}
	_, err := os.Stat(path + "/" + sentinel)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("is there without %s in it: either nothing is mounted there or it is another disk than expected", sentinel)
	case err != nil:
		return fmt.Errorf("is there, but %s in it can't be looked at: %w", sentinel, cause(err))
	}
	return nil
}

func (read *settings) checkFile(found fs.FileInfo, now time.Time) error {
	if read.notEmpty && found.Size() == 0 {
		return errors.New("is an empty file: look at what writes it")
	}
	if read.newerThan != nil {
		if age := ageOf(found, now); age > *read.newerThan {
			return fmt.Errorf("was last written %s ago, %s", rounded(age), tooOld(*read.newerThan))
		}
	}
	return read.checkSize(uint64(found.Size()))
}

func (read *settings) checkDirectory(path string, now time.Time) error {
	if read.notEmpty {
		directory, err := os.Open(path)
		if err != nil {
			return unreadable(path, err)
		}
		defer directory.Close()
		if _, err := directory.ReadDir(1); errors.Is(err, io.EOF) {
			return errors.New("is an empty directory: is the disk mounted there?")
		} else if err != nil {
			return unreadable(path, err)
		}
	}
	if read.newerThan == nil && read.minSize == nil {
		return nil
	}
	size, age, youngest, err := read.walk(path, now)
	if err != nil {
		return err
	}
	if read.newerThan != nil {
		if youngest == "" {
			return errors.New("holds no file at all: look at what should write there")
		}
		if age > *read.newerThan {
			newest := strings.TrimPrefix(strings.TrimPrefix(youngest, path), "/")
			return fmt.Errorf("holds nothing newer than %s of %s ago, %s", newest, rounded(age), tooOld(*read.newerThan))
		}
	}
	return read.checkSize(size)
}

// walk gives all bytes, and the youngest file with its age. It stops when that is
// enough, and doesn't follow links.
func (read *settings) walk(root string, now time.Time) (size uint64, age time.Duration, youngest string, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return unreadable(path, err)
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		found, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			// Gone while we looked.
			return nil
		}
		if err != nil {
			return unreadable(path, err)
		}
		size += uint64(found.Size())
		if its := ageOf(found, now); youngest == "" || its < age {
			age, youngest = its, path
		}
		if (read.minSize == nil || size >= *read.minSize) && (read.newerThan == nil || age <= *read.newerThan) {
			return fs.SkipAll
		}
		return nil
	})
	return size, age, youngest, err
}

func (read *settings) checkSize(size uint64) error {
	if read.minSize != nil && size < *read.minSize {
		least := hookward.FormatSize(*read.minSize)
		return fmt.Errorf("holds %s, less than %s: look at what writes it", hookward.FormatSize(size), least)
	}
	return nil
}

// ageOf is the time since the last write. A clock that was set back makes it 0.
func ageOf(found fs.FileInfo, now time.Time) time.Duration {
	return max(0, now.Sub(found.ModTime()))
}

// rounded is to the minute once seconds don't matter.
func rounded(age time.Duration) string {
	if age < time.Hour {
		return hookward.FormatDuration(age.Truncate(time.Second))
	}
	return hookward.FormatDuration(age.Truncate(time.Minute))
}

func tooOld(limit time.Duration) string {
	return fmt.Sprintf("longer than %s: look at what should write it", hookward.FormatDuration(limit))
}

func unreadable(path string, err error) error {
	return fmt.Errorf("can't be read through: %s: %w", path, cause(err))
}

// cause is the error without the call and the path.
func cause(err error) error {
	var problem *fs.PathError
	if errors.As(err, &problem) {
		return problem.Err
	}
	return err
}

func run(*hookward.Event) error {
	read, err := readSettings()
	if err != nil {
		return err
	}
	now := time.Now()
	var wrong []string
	for _, path := range read.paths {
		if err := read.check(path, now); err != nil {
			wrong = append(wrong, path+" "+err.Error())
		} else {
			hookward.Debug("as it should be", "path", path)
		}
	}
	return hookward.Join(wrong)
}

func init() {
	hookward.Register(run)
}

func main() {}
