// The hook ping sends the event to a URL as JSON. Settings: those of
// hooks-examples/ping.
package main

import (
	"maps"
	"slices"
	"time"

	"ping/hookward"
)

var events = []string{"before", "success", "warning", "failure", "cancelled", "skipped", "finally"}

func run(event *hookward.Event) error {
	config := hookward.ReadConfig("url", "method", "suffix", "timeout")
	config.Require("url")
	url := config.Text("url", "")
	method := config.Choice("method", []string{"GET", "HEAD", "POST", "PUT"}, "POST")
	suffix := config.Table("suffix")
	// A server that is down must not hold up a backup for long.
	timeout := config.Duration("timeout", 10*time.Second)
	if err := config.Err(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(suffix)) {
		if !slices.Contains(events, name) {
			return config.Wrong("suffix", "`"+name+"` is no event")
		}
	}

	if event.DryRun {
		hookward.Info("nothing is pinged in a dry run")
		return nil
	}
	request := hookward.Request{Method: method, URL: url + suffix[event.Kind], Timeout: timeout}
	if timeout == 0 {
		// To the helper 0 is no limit.
		request.Timeout = -1
	}
	if method == "POST" || method == "PUT" {
		body, err := event.JSON()
		if err != nil {
			return err
		}
		request.Body = body
		request.Headers = map[string]string{"content-type": "application/json"}
	}
	response, err := request.Send()
	if err != nil {
		return err
	}
	if err := response.ErrorForStatus(); err != nil {
		return err
	}
	hookward.Info("pinged", "event", event.Kind, "status", response.Status)
	return nil
}

func init() {
	hookward.Register(run)
}

func main() {}
