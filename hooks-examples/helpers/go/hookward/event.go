package hookward

import (
	"encoding/json"
	"unsafe"
)

// Event is one call of a hook. Names such as that of the kind are those of the
// contract: before, success, warning, failure, cancelled, skipped, finally.
type Event struct {
	RunID     string  `json:"run-id"`
	Kind      string  `json:"kind"`
	Operation string  `json:"operation"`
	Profile   *string `json:"profile"`
	// Where the hook stands: global, repository, profile.
	Scope      string   `json:"scope"`
	Repository string   `json:"repository"`
	Host       string   `json:"host"`
	Sources    []string `json:"sources"`
	Tags       []string `json:"tags"`
	// manual, scheduled, api, shim.
	Trigger   string `json:"trigger"`
	DryRun    bool   `json:"dry-run"`
	Attempt   uint32 `json:"attempt"`
	Recovered bool   `json:"recovered"`
	// Nil in before.
	Outcome *Outcome `json:"outcome"`
}

// Outcome is how the run has gone so far.
type Outcome struct {
	// success, warning, failure, cancelled, skipped.
	Status     string  `json:"status"`
	ExitCode   *int32  `json:"exit-code"`
	Error      *string `json:"error"`
	DurationMS uint64  `json:"duration-ms"`
	SnapshotID *string `json:"snapshot-id"`
	// Nil where restic wasn't asked for JSON.
	Summary    *Summary     `json:"summary"`
	StderrTail string       `json:"stderr-tail"`
	Hooks      []HookResult `json:"hooks"`
}

// Summary is restic's summary of a backup.
type Summary struct {
	FilesNew            uint64 `json:"files-new"`
	FilesChanged        uint64 `json:"files-changed"`
	FilesUnmodified     uint64 `json:"files-unmodified"`
	DirsNew             uint64 `json:"dirs-new"`
	DirsChanged         uint64 `json:"dirs-changed"`
	DirsUnmodified      uint64 `json:"dirs-unmodified"`
	DataBlobs           uint64 `json:"data-blobs"`
	TreeBlobs           uint64 `json:"tree-blobs"`
	DataAdded           uint64 `json:"data-added"`
	DataAddedPacked     uint64 `json:"data-added-packed"`
	TotalFilesProcessed uint64 `json:"total-files-processed"`
	TotalBytesProcessed uint64 `json:"total-bytes-processed"`
	// In seconds.
	TotalDuration float64 `json:"total-duration"`
}

// HookResult is one call of a hook that has ended.
type HookResult struct {
	Name    string `json:"name"`
	Scope   string `json:"scope"`
	Kind    string `json:"kind"`
	Attempt uint32 `json:"attempt"`
	// Nil for ok.
	Failure    *HookFailure `json:"failure"`
	DurationMS uint64       `json:"duration-ms"`
}

// HookFailure is why a hook failed.
type HookFailure struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// JSON is the event as `hookward hook call --event` reads it.
func (event *Event) JSON() ([]byte, error) {
	return json.Marshal(event)
}

// The cases of the contract's enumerations, in its order.
var (
	kinds    = []string{"before", "success", "warning", "failure", "cancelled", "skipped", "finally"}
	scopes   = []string{"global", "repository", "profile"}
	triggers = []string{"manual", "scheduled", "api", "shim"}
	statuses = []string{"success", "warning", "failure", "cancelled", "skipped"}
)

// The numbers are the offsets of the canonical ABI.

func liftEvent(at unsafe.Pointer) *Event {
	event := &Event{
		RunID:      loadString(at, 0),
		Kind:       kinds[load8(at, 8)],
		Operation:  loadString(at, 12),
		Profile:    loadOption(at, 20),
		Scope:      scopes[load8(at, 32)],
		Repository: loadString(at, 36),
		Host:       loadString(at, 44),
		Sources:    loadList(at, 52, 8, liftString),
		Tags:       loadList(at, 60, 8, liftString),
		Trigger:    triggers[load8(at, 68)],
		DryRun:     load8(at, 69) != 0,
		Attempt:    load32(at, 72),
		Recovered:  load8(at, 76) != 0,
	}
	if load8(at, 80) != 0 {
		event.Outcome = liftOutcome(unsafe.Add(at, 88))
	}
	return event
}

func liftOutcome(at unsafe.Pointer) *Outcome {
	outcome := &Outcome{
		Status:     statuses[load8(at, 0)],
		Error:      loadOption(at, 12),
		DurationMS: load64(at, 24),
		SnapshotID: loadOption(at, 32),
		StderrTail: loadString(at, 160),
		Hooks:      loadList(at, 168, 48, liftHookResult),
	}
	if load8(at, 4) != 0 {
		code := int32(load32(at, 8))
		outcome.ExitCode = &code
	}
	if load8(at, 48) != 0 {
		outcome.Summary = liftSummary(unsafe.Add(at, 56))
	}
	return outcome
}

func liftSummary(at unsafe.Pointer) *Summary {
	return &Summary{
		FilesNew:            load64(at, 0),
		FilesChanged:        load64(at, 8),
		FilesUnmodified:     load64(at, 16),
		DirsNew:             load64(at, 24),
		DirsChanged:         load64(at, 32),
		DirsUnmodified:      load64(at, 40),
		DataBlobs:           load64(at, 48),
		TreeBlobs:           load64(at, 56),
		DataAdded:           load64(at, 64),
		DataAddedPacked:     load64(at, 72),
		TotalFilesProcessed: load64(at, 80),
		TotalBytesProcessed: load64(at, 88),
		TotalDuration:       loadFloat(at, 96),
	}
}

func liftHookResult(at unsafe.Pointer) HookResult {
	result := HookResult{
		Name:       loadString(at, 0),
		Scope:      scopes[load8(at, 8)],
		Kind:       kinds[load8(at, 9)],
		Attempt:    load32(at, 12),
		DurationMS: load64(at, 40),
	}
	if load8(at, 16) != 0 {
		result.Failure = &HookFailure{Reason: loadString(at, 20), Message: loadString(at, 28)}
	}
	return result
}
