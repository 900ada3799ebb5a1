package hookward

import (
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Command is a command of the host that the operator named in the grant `commands`.
type Command struct {
	// Its name in the grant.
	Name string
	// Values for the open places of its arguments.
	Places map[string]string
	// Variables that the grant leaves to the hook.
	Env map[string]string
	// What it reads on stdin, where the grant allows it: nothing at all where it is nil.
	Stdin []byte
}

// Output is what a command left behind.
type Output struct {
	// Its exit code, unless a signal has killed it.
	Code int
	// The signal; 0 where it ended by itself.
	Signal          int
	Stdout          []byte
	StdoutTruncated bool
	Stderr          []byte
	StderrTruncated bool
}

// Text is stdout as text, without the white space at its end.
func (output *Output) Text() string { return text(output.Stdout) }

// StderrText is stderr as text, without the white space at its end.
func (output *Output) StderrText() string { return text(output.Stderr) }

func text(bytes []byte) string {
	return strings.TrimRight(strings.ToValidUTF8(string(bytes), string(utf8.RuneError)), " \t\r\n")
}

// CommandError is a command that ran and didn't end with exit code 0.
type CommandError struct {
	Name   string
	Output *Output
}

func (err *CommandError) Error() string {
	says := fmt.Sprintf("command `%s` ended with exit code %d", err.Name, err.Output.Code)
	if err.Output.Signal != 0 {
		says = fmt.Sprintf("command `%s` was killed by signal %d", err.Name, err.Output.Signal)
	}
	var lines []string
	for _, line := range strings.Split(err.Output.StderrText(), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	// What a program says last is mostly why.
	lines = lines[max(0, len(lines)-3):]
	if len(lines) > 0 {
		says += ": " + strings.Join(lines, " / ")
	}
	return says
}

// Run runs the command to its end, which has to be exit code 0. Otherwise the error is a
// CommandError, and the output is there all the same.
func (command *Command) Run() (*Output, error) {
	places, env := storeEntries(command.Places), storeEntries(command.Env)
	hasStdin := uint32(0)
	if command.Stdin != nil {
		hasStdin = 1
	}
	stdin := unsafe.Pointer(unsafe.SliceData(command.Stdin))
	result := allocate(32)
	commandRun(command.Name, places, uint32(len(command.Places)), env, uint32(len(command.Env)), hasStdin, stdin,
		uint32(len(command.Stdin)), result)
	if load8(result, 0) != 0 {
		return nil, hostError(unsafe.Add(result, 4), "unknown", "refused", "not-started", "timed-out")
	}
	output := &Output{
		Stdout:          loadBytes(result, 8),
		StdoutTruncated: load8(result, 16) != 0,
		Stderr:          loadBytes(result, 20),
		StderrTruncated: load8(result, 28) != 0,
	}
	if load8(result, 4) == 0 {
		output.Code = int(load8(result, 5))
	} else {
		output.Signal = int(load8(result, 5))
	}
	if output.Code != 0 || output.Signal != 0 {
		return output, &CommandError{command.Name, output}
	}
	return output, nil
}

//go:wasmimport hookward:hook/command@0.1.0 run
func commandRun(command string, places unsafe.Pointer, placeCount uint32, env unsafe.Pointer, envCount uint32,
	hasStdin uint32, stdin unsafe.Pointer, length uint32, result unsafe.Pointer)
