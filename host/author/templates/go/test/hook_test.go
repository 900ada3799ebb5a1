// Calls the component as Hookward would: `hookward hook build`, then `go test ./test`.
package test

import (
	"encoding/json"
	"os/exec"
	"testing"
)

type report struct {
	Ok      bool
	Failure struct{ Message string }
	Log     []struct{ Message string }
}

func call(t *testing.T, args ...string) report {
	t.Helper()
	fixed := []string{"hook", "call", "../dist/@name@.wasm", "--event", "before", "--json"}
	// Its exit code is 1 when the hook fails.
	told, _ := exec.Command("hookward", append(fixed, args...)...).Output()
	var report report
	if err := json.Unmarshal(told, &report); err != nil {
		t.Fatalf("%v: %s", err, told)
	}
	return report
}

func TestABackupWithTheTagMayStart(t *testing.T) {
	report := call(t, "--set", "required-tag=nightly", "--tag", "nightly")
	if !report.Ok || report.Log[0].Message != "the tag is there" {
		t.Fatalf("%+v", report)
	}
}

func TestOneWithoutItMayNot(t *testing.T) {
	report := call(t, "--set", "required-tag=nightly")
	if report.Failure.Message != "this backup has no tag `nightly`" {
		t.Fatalf("%+v", report)
	}
}

func TestTheSettingIsNeeded(t *testing.T) {
	report := call(t)
	if report.Failure.Message != "config key `required-tag` is missing" {
		t.Fatalf("%+v", report)
	}
}
