package hookward

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// Config is the hook's config table. Its methods give the value of a key, or the
// default where the key isn't there. Look at Err after the last of them: it tells the
// first thing that is wrong.
//
// The host keeps a string of the table as its text, and everything else as JSON.
type Config struct {
	entries map[string]string
	err     error
}

// ReadConfig reads the table. A key that isn't known is an error.
func ReadConfig(known ...string) *Config {
	config := &Config{entries: map[string]string{}}
	result := allocate(16)
	configGetAll(result)
	if load8(result, 0) != 0 {
		config.err = fmt.Errorf("the hook's config can't be read: %s", loadString(result, 8))
		return config
	}
	pair := func(at unsafe.Pointer) [2]string { return [2]string{loadString(at, 0), loadString(at, 8)} }
	entries := loadList(result, 4, 16, pair)
	slices.SortFunc(entries, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	for _, entry := range entries {
		key := entry[0]
		config.entries[key] = entry[1]
		if !slices.Contains(known, key) {
			says := ": this hook takes no config"
			if len(known) > 0 {
				says = ", the known ones are " + names(known)
			}
			config.fail(fmt.Errorf("config key `%s` is not known%s", key, says))
		}
	}
	return config
}

// Err is the first thing that is wrong with the table, or nil.
func (config *Config) Err() error {
	return config.err
}

// Wrong makes an error about a key.
func (config *Config) Wrong(key, message string) error {
	return fmt.Errorf("config key `%s`: %s", key, message)
}

// Has tells whether the key is there.
func (config *Config) Has(key string) bool {
	_, found := config.entries[key]
	return found
}

// Require makes a key that isn't there an error.
func (config *Config) Require(key string) {
	if !config.Has(key) {
		config.fail(fmt.Errorf("config key `%s` is missing", key))
	}
}

// Text gives the text as it was written.
func (config *Config) Text(key, standard string) string {
	if text, found := config.entries[key]; found {
		return text
	}
	return standard
}

// Flag gives a boolean.
func (config *Config) Flag(key string, standard bool) bool {
	return parsed(config, key, standard, "a boolean")
}

// Number gives a whole number from 0 on.
func (config *Config) Number(key string, standard uint64) uint64 {
	return parsed(config, key, standard, "u64")
}

// Texts gives a list of strings.
func (config *Config) Texts(key string) []string {
	return parsed[[]string](config, key, nil, "a sequence")
}

// Table gives a table of strings.
func (config *Config) Table(key string) map[string]string {
	return parsed[map[string]string](config, key, nil, "a map")
}

// Choice gives one of the names.
func (config *Config) Choice(key string, choices []string, standard string) string {
	text := config.Text(key, standard)
	if !slices.Contains(choices, text) {
		config.fail(config.Wrong(key, fmt.Sprintf("unknown variant `%s`, expected one of %s", text, names(choices))))
	}
	return text
}

// Duration gives a time such as `90s` or `1h 30m`.
func (config *Config) Duration(key string, standard time.Duration) time.Duration {
	return read(config, key, standard, "value", "a duration", ParseDuration)
}

// Size gives a size such as `1MiB` or `4096`, in bytes.
func (config *Config) Size(key string, standard uint64) uint64 {
	return read(config, key, standard, "value", "parsable string", ParseSize)
}

func (config *Config) fail(err error) {
	if config.err == nil {
		config.err = err
	}
}

func parsed[T any](config *Config, key string, standard T, expected string) T {
	return read(config, key, standard, "type", expected, func(text string) (value T, ok bool) {
		// What is null fits everything in Go.
		return value, text != "null" && json.Unmarshal([]byte(text), &value) == nil
	})
}

func read[T any](config *Config, key string, standard T, kind, expected string, parse func(string) (T, bool)) T {
	text, found := config.entries[key]
	if !found {
		return standard
	}
	value, ok := parse(text)
	if !ok {
		config.fail(config.Wrong(key, fmt.Sprintf("invalid %s: string %q, expected %s", kind, text, expected)))
		return standard
	}
	return value
}

func names(keys []string) string {
	return "`" + strings.Join(keys, "`, `") + "`"
}

var units = map[string]time.Duration{}

func init() {
	for unit, names := range map[time.Duration]string{
		time.Nanosecond:         "nanos nsec ns",
		time.Microsecond:        "usec us µs",
		time.Millisecond:        "millis msec ms",
		time.Second:             "seconds second secs sec s",
		time.Minute:             "minutes minute min mins m",
		time.Hour:               "hours hour hr hrs h",
		24 * time.Hour:          "days day d",
		7 * 24 * time.Hour:      "weeks week wk wks w",
		2_630_016 * time.Second: "months month M",
		31_557_600 * time.Second: "years year yr yrs y",
	} {
		for _, name := range strings.Fields(names) {
			units[name] = unit
		}
	}
}

// ParseDuration reads what the configuration takes: `90s`, `1h 30m`, `2days`.
func ParseDuration(text string) (time.Duration, bool) {
	if text == "0" {
		return 0, true
	}
	rest := strings.TrimSpace(text)
	if rest == "" {
		return 0, false
	}
	var sum time.Duration
	for rest != "" {
		digits := prefix(rest, "0123456789.")
		rest = strings.TrimSpace(rest[len(digits):])
		letters := strings.IndexFunc(rest, func(c rune) bool { return c != 'µ' && (c|0x20 < 'a' || c|0x20 > 'z') })
		if letters < 0 {
			letters = len(rest)
		}
		unit, known := units[rest[:letters]]
		count, err := strconv.ParseFloat(digits, 64)
		if !known || err != nil || strings.HasSuffix(digits, ".") || strings.HasPrefix(digits, ".") {
			return 0, false
		}
		length := count * float64(unit)
		if length > math.MaxInt64-float64(sum) {
			// Longer than Go can tell: the longest is long enough.
			return math.MaxInt64, true
		}
		sum += time.Duration(length)
		rest = strings.TrimSpace(rest[letters:])
	}
	return sum, true
}

// FormatDuration writes a time as people do: `1day 1h 5m`.
func FormatDuration(length time.Duration) string {
	var parts []string
	add := func(unit time.Duration, name, plural string) {
		if count := length / unit; count > 0 {
			if count == 1 {
				plural = ""
			}
			parts = append(parts, fmt.Sprintf("%d%s%s", count, name, plural))
			length %= unit
		}
	}
	add(31_557_600*time.Second, "year", "s")
	add(2_630_016*time.Second, "month", "s")
	add(24*time.Hour, "day", "s")
	add(time.Hour, "h", "")
	add(time.Minute, "m", "")
	add(time.Second, "s", "")
	add(time.Millisecond, "ms", "")
	if len(parts) == 0 {
		return "0s"
	}
	return strings.Join(parts, " ")
}

const prefixes = "KMGTPE"

// ParseSize reads what the configuration takes: `4096`, `1.5MiB`, `10 kB`.
func ParseSize(text string) (uint64, bool) {
	digits := prefix(text, "0123456789.")
	unit := strings.ToUpper(strings.TrimLeft(text[len(digits):], " "))
	factor := uint64(1)
	if unit != "" && unit != "B" {
		power := strings.IndexByte(prefixes, unit[0]) + 1
		switch unit[1:] {
		case "", "B":
			factor = uint64(math.Pow(1000, float64(power)))
		case "I", "IB":
			factor = 1 << (10 * power)
		default:
			power = 0
		}
		if power == 0 {
			return 0, false
		}
	}
	if !strings.Contains(digits, ".") {
		count, err := strconv.ParseUint(digits, 10, 64)
		return count * factor, err == nil
	}
	count, err := strconv.ParseFloat(digits, 64)
	return uint64(count * float64(factor)), err == nil && unit != ""
}

// FormatSize writes a size as people do: `1.5 MiB`.
func FormatSize(bytes uint64) string {
	if bytes < 1024 {
		return fmt.Sprintf("%d B", bytes)
	}
	power := 1
	for power < len(prefixes) && bytes>>(10*(power+1)) > 0 {
		power++
	}
	return fmt.Sprintf("%.1f %ciB", float64(bytes)/math.Pow(1024, float64(power)), prefixes[power-1])
}

func prefix(text, characters string) string {
	return text[:len(text)-len(strings.TrimLeft(text, characters))]
}

// Join makes one error of several messages, or nil of none.
func Join(messages []string) error {
	if len(messages) == 0 {
		return nil
	}
	return errors.New(strings.Join(messages, "; "))
}

//go:wasmimport wasi:config/store@0.2.0-rc.1 get-all
func configGetAll(result unsafe.Pointer)
