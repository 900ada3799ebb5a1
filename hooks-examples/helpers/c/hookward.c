#include "hookward.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *failure;

bool exports_hook_run(hook_event_t *event, hook_string_t *err) {
  if (hook(event)) return true;
  hook_string_dup(err, failure ? failure : "the hook failed without saying why");
  return false;
}

static void *allocate(size_t size) {
  void *memory = malloc(size ? size : 1);
  if (!memory) abort();
  return memory;
}

static char *format_list(const char *format, va_list values) {
  va_list again;
  va_copy(again, values);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length < 0) abort();
  char *text = allocate((size_t)length + 1);
  vsnprintf(text, (size_t)length + 1, format, values);
  return text;
}

bool hw_fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  failure = format_list(format, values);
  va_end(values);
  return false;
}

char *hw_format(const char *format, ...) {
  va_list values;
  va_start(values, format);
  char *text = format_list(format, values);
  va_end(values);
  return text;
}

char *hw_string(hook_string_t string) {
  char *text = allocate(string.len + 1);
  if (string.len) memcpy(text, string.ptr, string.len);
  text[string.len] = '\0';
  return text;
}

static hook_string_t borrowed(const char *text) {
  return (hook_string_t){(uint8_t *)text, strlen(text)};
}

// Messages.

void hw_log(uint8_t level, const char *message, ...) {
  hookward_hook_log_field_t fields[32];
  size_t count = 0;
  va_list values;
  va_start(values, message);
  const char *key;
  while (count < 32 && (key = va_arg(values, const char *))) {
    const char *value = va_arg(values, const char *);
    fields[count++] = (hookward_hook_log_field_t){borrowed(key), borrowed(value ? value : "")};
  }
  va_end(values);
  hook_string_t text = borrowed(message);
  hookward_hook_log_list_field_t list = {fields, count};
  hookward_hook_log_write(level, &text, &list);
}

void hw_skip(const char *reason) {
  hook_string_t text = borrowed(reason);
  hookward_hook_control_skip(&text);
}

void hw_add_warning(const char *message) {
  hook_string_t text = borrowed(message);
  hookward_hook_control_warn(&text);
}

// The event as JSON.

typedef struct {
  char *text;
  size_t length, room;
} writer;

static void put(writer *to, const void *bytes, size_t length) {
  if (to->length + length + 1 > to->room) {
    to->room = 2 * (to->length + length + 1);
    to->text = realloc(to->text, to->room);
    if (!to->text) abort();
  }
  memcpy(to->text + to->length, bytes, length);
  to->length += length;
  to->text[to->length] = '\0';
}

static void put_text(writer *to, const char *text) { put(to, text, strlen(text)); }

static void put_string(writer *to, hook_string_t string) {
  put_text(to, "\"");
  size_t from = 0;
  for (size_t at = 0; at < string.len; at++) {
    uint8_t byte = string.ptr[at];
    if (byte >= ' ' && byte != '"' && byte != '\\') continue;
    put(to, string.ptr + from, at - from);
    char escaped[8];
    snprintf(escaped, sizeof escaped, byte >= ' ' ? "\\%c" : "\\u%04x", byte);
    put_text(to, escaped);
    from = at + 1;
  }
  if (string.len) put(to, string.ptr + from, string.len - from);
  put_text(to, "\"");
}

static void put_option(writer *to, hook_option_string_t option) {
  if (option.is_some) {
    put_string(to, option.val);
  } else {
    put_text(to, "null");
  }
}

static void put_list(writer *to, hook_list_string_t list) {
  put_text(to, "[");
  for (size_t at = 0; at < list.len; at++) {
    if (at) put_text(to, ",");
    put_string(to, list.ptr[at]);
  }
  put_text(to, "]");
}

static void put_number(writer *to, const char *key, uint64_t number) {
  char text[64];
  snprintf(text, sizeof text, "\"%s\":%llu,", key, (unsigned long long)number);
  put_text(to, text);
}

static const char *const KINDS[] = {"before", "success", "warning", "failure", "cancelled", "skipped", "finally"};
static const char *const SCOPES[] = {"global", "repository", "profile"};
static const char *const TRIGGERS[] = {"manual", "scheduled", "api", "shim"};
static const char *const STATUSES[] = {"success", "warning", "failure", "cancelled", "skipped"};

const char *hw_kind(uint8_t kind) { return KINDS[kind]; }

static void put_summary(writer *to, const hookward_hook_types_summary_t *summary) {
  put_text(to, "{");
  put_number(to, "files-new", summary->files_new);
  put_number(to, "files-changed", summary->files_changed);
  put_number(to, "files-unmodified", summary->files_unmodified);
  put_number(to, "dirs-new", summary->dirs_new);
  put_number(to, "dirs-changed", summary->dirs_changed);
  put_number(to, "dirs-unmodified", summary->dirs_unmodified);
  put_number(to, "data-blobs", summary->data_blobs);
  put_number(to, "tree-blobs", summary->tree_blobs);
  put_number(to, "data-added", summary->data_added);
  put_number(to, "data-added-packed", summary->data_added_packed);
  put_number(to, "total-files-processed", summary->total_files_processed);
  put_number(to, "total-bytes-processed", summary->total_bytes_processed);
  char text[64];
  snprintf(text, sizeof text, "\"total-duration\":%.17g}", summary->total_duration);
  put_text(to, text);
}

static void put_result(writer *to, const hookward_hook_types_hook_result_t *result) {
  put_text(to, "{\"name\":");
  put_string(to, result->name);
  put_text(to, hw_format(",\"scope\":\"%s\",\"kind\":\"%s\",", SCOPES[result->scope], KINDS[result->kind]));
  put_number(to, "attempt", result->attempt);
  put_number(to, "duration-ms", result->duration_ms);
  put_text(to, "\"failure\":");
  if (result->failure.is_some) {
    put_text(to, "{\"reason\":");
    put_string(to, result->failure.val.reason);
    put_text(to, ",\"message\":");
    put_string(to, result->failure.val.message);
    put_text(to, "}}");
  } else {
    put_text(to, "null}");
  }
}

static void put_outcome(writer *to, const hookward_hook_types_outcome_t *outcome) {
  put_text(to, hw_format("{\"status\":\"%s\",\"exit-code\":", STATUSES[outcome->status]));
  put_text(to, outcome->exit_code.is_some ? hw_format("%d", (int)outcome->exit_code.val) : "null");
  put_text(to, ",\"error\":");
  put_option(to, outcome->error);
  put_text(to, ",");
  put_number(to, "duration-ms", outcome->duration_ms);
  put_text(to, "\"snapshot-id\":");
  put_option(to, outcome->snapshot_id);
  put_text(to, ",\"summary\":");
  if (outcome->summary.is_some) {
    put_summary(to, &outcome->summary.val);
  } else {
    put_text(to, "null");
  }
  put_text(to, ",\"stderr-tail\":");
  put_string(to, outcome->stderr_tail);
  put_text(to, ",\"hooks\":[");
  for (size_t at = 0; at < outcome->hooks.len; at++) {
    if (at) put_text(to, ",");
    put_result(to, &outcome->hooks.ptr[at]);
  }
  put_text(to, "]}");
}

char *hw_event_json(const hw_event *event) {
  writer to = {0};
  put_text(&to, "{\"run-id\":");
  put_string(&to, event->run_id);
  put_text(&to, hw_format(",\"kind\":\"%s\",\"operation\":", KINDS[event->kind]));
  put_string(&to, event->operation);
  put_text(&to, ",\"profile\":");
  put_option(&to, event->profile);
  put_text(&to, hw_format(",\"scope\":\"%s\",\"repository\":", SCOPES[event->scope]));
  put_string(&to, event->repository);
  put_text(&to, ",\"host\":");
  put_string(&to, event->host);
  put_text(&to, ",\"sources\":");
  put_list(&to, event->sources);
  put_text(&to, ",\"tags\":");
  put_list(&to, event->tags);
  const char *dry_run = event->dry_run ? "true" : "false", *recovered = event->recovered ? "true" : "false";
  put_text(&to, hw_format(",\"trigger\":\"%s\",\"dry-run\":%s,", TRIGGERS[event->trigger], dry_run));
  put_number(&to, "attempt", event->attempt);
  put_text(&to, hw_format("\"recovered\":%s,\"outcome\":", recovered));
  if (event->outcome.is_some) {
    put_outcome(&to, &event->outcome.val);
  } else {
    put_text(&to, "null");
  }
  put_text(&to, "}");
  return to.text;
}

// Settings. The host keeps a string of the table as its text, and everything else as
// JSON.

static bool same(hook_string_t string, const char *text) {
  return string.len == strlen(text) && memcmp(string.ptr, text, string.len) == 0;
}

static char *joined(const char *const *names) {
  writer to = {0};
  put_text(&to, "");
  for (size_t at = 0; names[at]; at++) put_text(&to, hw_format("%s`%s`", at ? ", " : "", names[at]));
  return to.text;
}

static int by_key(const void *a, const void *b) {
  const hook_tuple2_string_string_t *left = a, *right = b;
  return strcmp(hw_string(left->f0), hw_string(right->f0));
}

hw_config hw_config_read(const char *const *known) {
  hw_config config = {0};
  wasi_config_store_error_t error;
  if (!wasi_config_store_get_all(&config.entries, &error)) {
    config.error = hw_format("the hook's config can't be read: %s", hw_string(error.val.upstream));
    config.entries.len = 0;
    return config;
  }
  qsort(config.entries.ptr, config.entries.len, sizeof *config.entries.ptr, by_key);
  for (size_t at = 0; at < config.entries.len && !config.error; at++) {
    hook_string_t key = config.entries.ptr[at].f0;
    size_t place = 0;
    while (known[place] && !same(key, known[place])) place++;
    if (known[place]) continue;
    const char *says = known[0] ? hw_format(", the known ones are %s", joined(known)) : ": this hook takes no config";
    config.error = hw_format("config key `%s` is not known%s", hw_string(key), says);
  }
  return config;
}

void hw_wrong(hw_config *config, const char *key, const char *format, ...) {
  if (config->error) return;
  va_list values;
  va_start(values, format);
  config->error = hw_format("config key `%s`: %s", key, format_list(format, values));
  va_end(values);
}

const char *hw_text(const hw_config *config, const char *key, const char *standard) {
  for (size_t at = 0; at < config->entries.len; at++) {
    if (same(config->entries.ptr[at].f0, key)) return hw_string(config->entries.ptr[at].f1);
  }
  return standard;
}

bool hw_has(const hw_config *config, const char *key) { return hw_text(config, key, NULL) != NULL; }

void hw_require(hw_config *config, const char *key) {
  if (!config->error && !hw_has(config, key)) config->error = hw_format("config key `%s` is missing", key);
}

static void unfit(hw_config *config, const char *key, const char *kind, const char *text, const char *expected) {
  hw_wrong(config, key, "invalid %s: string \"%s\", expected %s", kind, text, expected);
}

bool hw_flag(hw_config *config, const char *key, bool standard) {
  const char *text = hw_text(config, key, NULL);
  if (!text) return standard;
  if (strcmp(text, "true") == 0) return true;
  if (strcmp(text, "false") != 0) unfit(config, key, "type", text, "a boolean");
  return false;
}

uint64_t hw_number(hw_config *config, const char *key, uint64_t standard) {
  const char *text = hw_text(config, key, NULL);
  if (!text) return standard;
  char *end;
  uint64_t number = strtoull(text, &end, 10);
  if (!isdigit((unsigned char)*text) || *end) unfit(config, key, "type", text, "u64");
  return number;
}

size_t hw_choice(hw_config *config, const char *key, const char *const *choices, size_t standard) {
  const char *text = hw_text(config, key, NULL);
  if (!text) return standard;
  for (size_t at = 0; choices[at]; at++) {
    if (strcmp(text, choices[at]) == 0) return at;
  }
  hw_wrong(config, key, "unknown variant `%s`, expected one of %s", text, joined(choices));
  return standard;
}

static void skip_spaces(const char **at) {
  while (**at && strchr(" \t\r\n", **at)) (*at)++;
}

static bool read_hex(const char **at, uint32_t *code) {
  *code = 0;
  for (int digit = 0; digit < 4; digit++, (*at)++) {
    if (!isxdigit((unsigned char)**at)) return false;
    *code = *code << 4 | (uint32_t)(isdigit((unsigned char)**at) ? **at - '0' : (**at | 0x20) - 'a' + 10);
  }
  return true;
}

static void put_code(writer *to, uint32_t code) {
  uint8_t bytes[4];
  size_t more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const uint8_t FIRST[] = {0, 0xc0, 0xe0, 0xf0};
  for (size_t at = more; at > 0; at--, code >>= 6) bytes[at] = (uint8_t)(0x80 | (code & 0x3f));
  bytes[0] = (uint8_t)(FIRST[more] | code);
  put(to, bytes, more + 1);
}

// Reads a string of JSON, or gives NULL.
static char *read_string(const char **at) {
  writer to = {0};
  put_text(&to, "");
  if (*(*at)++ != '"') return NULL;
  for (;;) {
    char c = *(*at)++;
    if (c == '"') return to.text;
    if ((unsigned char)c < ' ') return NULL;
    if (c != '\\') {
      put(&to, &c, 1);
      continue;
    }
    static const char ESCAPES[] = "\"\\/bfnrt", MEANT[] = "\"\\/\b\f\n\r\t";
    c = *(*at)++;
    const char *place = c ? strchr(ESCAPES, c) : NULL;
    uint32_t code, low;
    if (place) {
      put(&to, &MEANT[place - ESCAPES], 1);
    } else if (c == 'u' && read_hex(at, &code)) {
      if (code >= 0xd800 && code < 0xdc00 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        *at += 2;
        if (!read_hex(at, &low)) return NULL;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      }
      put_code(&to, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    } else {
      return NULL;
    }
  }
}

// Reads strings between brackets, or keys and strings between braces.
static bool read_strings(const char *at, bool table, hw_list *list) {
  *list = (hw_list){0};
  skip_spaces(&at);
  if (*at++ != (table ? '{' : '[')) return false;
  const char close = table ? '}' : ']';
  // Each takes two quotes at least.
  list->items = allocate(strlen(at) / 2 * sizeof *list->items + sizeof *list->items);
  skip_spaces(&at);
  for (bool first = true; first ? *at != close : *at == ','; first = false) {
    if (!first) at++;
    for (int part = 0; part < (table ? 2 : 1); part++) {
      skip_spaces(&at);
      if (part && *at++ != ':') return false;
      skip_spaces(&at);
      char *text = read_string(&at);
      if (!text) return false;
      list->items[list->count++] = text;
      skip_spaces(&at);
    }
  }
  if (*at++ != close) return false;
  skip_spaces(&at);
  return !*at;
}

static hw_list read_list(hw_config *config, const char *key, bool table, const char *expected) {
  hw_list list = {0};
  const char *text = hw_text(config, key, NULL);
  if (text && !read_strings(text, table, &list)) {
    unfit(config, key, "type", text, expected);
    list.count = 0;
  }
  return list;
}

hw_list hw_texts(hw_config *config, const char *key) { return read_list(config, key, false, "a sequence"); }

hw_list hw_table(hw_config *config, const char *key) { return read_list(config, key, true, "a map"); }

double hw_duration(hw_config *config, const char *key, double standard) {
  const char *text = hw_text(config, key, NULL);
  if (text && !hw_parse_duration(text, &standard)) unfit(config, key, "value", text, "a duration");
  return standard;
}

uint64_t hw_size(hw_config *config, const char *key, uint64_t standard) {
  const char *text = hw_text(config, key, NULL);
  if (text && !hw_parse_size(text, &standard)) unfit(config, key, "value", text, "parsable string");
  return standard;
}

static const struct {
  double seconds;
  const char *names;
} UNITS[] = {
    {1e-9, " nanos nsec ns "},
    {1e-6, " usec us µs "},
    {1e-3, " millis msec ms "},
    {1, " seconds second secs sec s "},
    {60, " minutes minute min mins m "},
    {3600, " hours hour hr hrs h "},
    {86400, " days day d "},
    {604800, " weeks week wk wks w "},
    {2630016, " months month M "},
    {31557600, " years year yr yrs y "},
};

// A number in digits, with a fraction or without; moves past it.
static bool read_number(const char **at, double *number, bool *whole) {
  const char *from = *at;
  while (isdigit((unsigned char)**at)) (*at)++;
  if (*at == from) return false;
  *whole = **at != '.';
  if (!*whole) {
    const char *fraction = ++*at;
    while (isdigit((unsigned char)**at)) (*at)++;
    if (*at == fraction) return false;
  }
  *number = strtod(from, NULL);
  return true;
}

bool hw_parse_duration(const char *text, double *seconds) {
  double sum = 0;
  const char *at = text;
  if (strcmp(text, "0") == 0) {
    *seconds = 0;
    return true;
  }
  skip_spaces(&at);
  if (!*at) return false;
  while (*at) {
    double number;
    bool whole;
    if (!read_number(&at, &number, &whole)) return false;
    skip_spaces(&at);
    size_t length = 0;
    while (isalpha((unsigned char)at[length]) || (at[length] & 0x80)) length++;
    if (!length) return false;
    const char *unit = hw_format(" %.*s ", (int)length, at);
    size_t place = 0, count = sizeof UNITS / sizeof *UNITS;
    while (place < count && !strstr(UNITS[place].names, unit)) place++;
    if (place == count) return false;
    sum += number * UNITS[place].seconds;
    at += length;
    skip_spaces(&at);
  }
  *seconds = sum;
  return true;
}

char *hw_format_duration(double seconds) {
  uint64_t rest = (uint64_t)seconds, millis = (uint64_t)llround((seconds - floor(seconds)) * 1000);
  static const struct {
    uint64_t length;
    const char *name, *plural;
  } PARTS[] = {{31557600, "year", "s"}, {2630016, "month", "s"}, {86400, "day", "s"}, {3600, "h", ""}, {60, "m", ""}, {1, "s", ""}};
  writer to = {0};
  put_text(&to, "");
  for (size_t at = 0; at < sizeof PARTS / sizeof *PARTS; at++) {
    unsigned long long count = rest / PARTS[at].length;
    rest %= PARTS[at].length;
    const char *plural = count > 1 ? PARTS[at].plural : "";
    if (count) put_text(&to, hw_format("%s%llu%s%s", to.length ? " " : "", count, PARTS[at].name, plural));
  }
  if (millis) put_text(&to, hw_format("%s%llums", to.length ? " " : "", (unsigned long long)millis));
  return to.length ? to.text : "0s";
}

static const char PREFIXES[] = "KMGTPE";

bool hw_parse_size(const char *text, uint64_t *bytes) {
  const char *at = text;
  double number;
  bool whole;
  if (!read_number(&at, &number, &whole)) return false;
  uint64_t exact = strtoull(text, NULL, 10), factor = 1;
  skip_spaces(&at);
  const char *prefix = *at ? strchr(PREFIXES, toupper((unsigned char)*at)) : NULL;
  if (!*at && !whole) return false;
  if (prefix) {
    at++;
    bool binary = *at == 'i' || *at == 'I';
    at += binary;
    for (const char *step = PREFIXES; step <= prefix; step++) factor *= binary ? 1024 : 1000;
  }
  if (*at == 'b' || *at == 'B') at++;
  if (*at) return false;
  *bytes = whole ? exact * factor : (uint64_t)(number * (double)factor);
  return true;
}

char *hw_format_size(uint64_t bytes) {
  if (bytes < 1024) return hw_format("%llu B", (unsigned long long)bytes);
  int power = 1;
  while (power < 6 && bytes >> (10 * (power + 1))) power++;
  return hw_format("%.1f %ciB", (double)bytes / (double)(1ULL << (10 * power)), PREFIXES[power - 1]);
}
