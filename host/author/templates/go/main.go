// Keeps a backup from starting that lacks a tag.
package main

import (
	"fmt"
	"slices"

	"@name@/hookward"
)

func run(event *hookward.Event) error {
	config := hookward.ReadConfig("required-tag")
	config.Require("required-tag")
	tag := config.Text("required-tag", "")
	if err := config.Err(); err != nil {
		return err
	}
	if !slices.Contains(event.Tags, tag) {
		return fmt.Errorf("this backup has no tag `%s`", tag)
	}
	hookward.Info("the tag is there", "tag", tag)
	return nil
}

func init() {
	hookward.Register(run)
}

// Isn't run: a hook is called by its export.
func main() {}
