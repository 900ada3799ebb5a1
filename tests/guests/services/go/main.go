// The hook services asks the host for secrets, state, commands and changes of the plan,
// as ../src does.
package main

import (
	"errors"
	"strings"

	"services/hookward"
)

func run(*hookward.Event) error {
	config := hookward.ReadConfig("ask", "name", "value")
	config.Require("ask")
	ask, name, value := config.Text("ask", ""), config.Text("name", ""), config.Text("value", "")
	if err := config.Err(); err != nil {
		return err
	}
	command := hookward.Command{
		Name:   name,
		Places: map[string]string{"what": value},
		Env:    map[string]string{"GREETING": "hello"},
		Stdin:  []byte("from stdin"),
	}
	switch ask {
	case "secret":
		secret, err := hookward.Secret(name)
		if err != nil {
			return err
		}
		hookward.Info("read", "length", len(secret))
		return nil
	case "state":
		return remember(name)
	case "no-key":
		return hookward.SetState("", "x")
	case "command":
		output, err := command.Run()
		if err != nil {
			return err
		}
		hookward.Info("ran", "said", output.Text())
		return nil
	case "any-end":
		output, err := command.Run()
		if failed := new(hookward.CommandError); err != nil && !errors.As(err, &failed) {
			return err
		}
		hookward.Info("ended", "success", err == nil, "said", output.StderrText())
		return nil
	case "plan":
		return errors.Join(
			hookward.AddSources(value),
			hookward.AddTags("frozen", "größe"),
			hookward.AddExcludes("*.tmp"),
			hookward.SetEnv("RESTIC_COMPRESSION", "max"),
		)
	case "sources":
		return hookward.SetSources(value)
	}
	return errors.New("nothing is called " + ask)
}

func remember(name string) error {
	runs, last := 0, "nobody"
	if _, err := hookward.GetState("runs", &runs); err != nil {
		return err
	}
	if _, err := hookward.GetState("last", &last); err != nil {
		return err
	}
	err := errors.Join(
		hookward.SetState("runs", runs+1),
		hookward.SetState("last", name),
		hookward.SetStateBytes("gone", []byte("not JSON")),
	)
	kept, keptErr := hookward.GetStateBytes("gone")
	deleted := hookward.DeleteState("gone")
	gone, goneErr := hookward.GetStateBytes("gone")
	keys, keysErr := hookward.StateKeys()
	if err := errors.Join(err, keptErr, deleted, goneErr, keysErr); err != nil {
		return err
	}
	hookward.Info("kept", "runs", runs+1, "last", last, "keys", strings.Join(keys, " "),
		"gone", string(kept) == "not JSON" && gone == nil)
	return nil
}

func init() {
	hookward.Register(run)
}

func main() {}
