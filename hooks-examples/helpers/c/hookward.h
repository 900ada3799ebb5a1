// hookward-c 0.1.0: settings, messages, errors, HTTP, secrets, state, commands of the host
// and changes of the backup for a hook in C.
//
//   #include "hookward.h"
//
//   bool hook(const hw_event *event) {
//     hw_config config = hw_config_read((const char *[]){"greeting", NULL});
//     const char *greeting = hw_text(&config, "greeting", "hello");
//     if (config.error) return hw_fail("%s", config.error);
//     hw_info(greeting, "for", hw_string(event->operation));
//     return true;
//   }
//
// Files and time are those of the C library. Nothing is freed: a hook is called once,
// and its memory ends with the call.

#ifndef HOOKWARD_H
#define HOOKWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hook.h"

typedef hook_event_t hw_event;

// The hook, which you write: true for ok, and `return hw_fail(...)` for an error.
bool hook(const hw_event *event);

// Sets the error that the operator is told, and returns false.
bool hw_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// What printf would print, in memory of its own.
char *hw_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A string of the bindings as one of C.
char *hw_string(hook_string_t string);

// The contract's name of `event->kind`: `before`, `success`, ...
const char *hw_kind(uint8_t kind);

// The event as JSON, as `hookward hook call --event` reads it.
char *hw_event_json(const hw_event *event);

// Messages for the operator: a message, and fields as pairs of key and value.
#define hw_trace(...) hw_log(HOOKWARD_HOOK_LOG_LEVEL_TRACE, __VA_ARGS__, NULL)
#define hw_debug(...) hw_log(HOOKWARD_HOOK_LOG_LEVEL_DEBUG, __VA_ARGS__, NULL)
#define hw_info(...) hw_log(HOOKWARD_HOOK_LOG_LEVEL_INFO, __VA_ARGS__, NULL)
#define hw_warn(...) hw_log(HOOKWARD_HOOK_LOG_LEVEL_WARN, __VA_ARGS__, NULL)
#define hw_error(...) hw_log(HOOKWARD_HOOK_LOG_LEVEL_ERROR, __VA_ARGS__, NULL)
void hw_log(uint8_t level, const char *message, ...) __attribute__((sentinel));

// Asks that this run be skipped: heard in `before` when the hook then returns true.
void hw_skip(const char *reason);

// Adds a warning to the run's report.
void hw_add_warning(const char *message);

// The hook's `config` table. Its functions give the value of a key, or the default
// where the key isn't there. Look at `error` after the last of them: it is the first
// thing that is wrong, or NULL.
typedef struct {
  const char *error;
  hook_list_tuple2_string_string_t entries;
} hw_config;

// Several texts: `count` of them. Of a table keys and values take turns.
typedef struct {
  const char **items;
  size_t count;
} hw_list;

// Reads the table. A key that isn't among the known ones is an error.
hw_config hw_config_read(const char *const *known);
// Makes an error about a key.
void hw_wrong(hw_config *config, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool hw_has(const hw_config *config, const char *key);
// Makes a key that isn't there an error.
void hw_require(hw_config *config, const char *key);
const char *hw_text(const hw_config *config, const char *key, const char *standard);
bool hw_flag(hw_config *config, const char *key, bool standard);
// A whole number from 0 on.
uint64_t hw_number(hw_config *config, const char *key, uint64_t standard);
// One of the choices, by its place.
size_t hw_choice(hw_config *config, const char *key, const char *const *choices, size_t standard);
// A list of strings.
hw_list hw_texts(hw_config *config, const char *key);
// A table of strings.
hw_list hw_table(hw_config *config, const char *key);
// A time such as `90s` or `1h 30m`, in seconds.
double hw_duration(hw_config *config, const char *key, double standard);
// A size such as `1MiB` or `4096`, in bytes.
uint64_t hw_size(hw_config *config, const char *key, uint64_t standard);

bool hw_parse_duration(const char *text, double *seconds);
bool hw_parse_size(const char *text, uint64_t *bytes);
// As people write it: `1day 1h 5m`, `1.5 MiB`.
char *hw_format_duration(double seconds);
char *hw_format_size(uint64_t bytes);

// HTTP to the hosts that the operator named: needs the grant `http`.
typedef struct {
  const char *method;
  const char *url;
  // Pairs of name and value, and NULL at the end; or NULL.
  const char *const *headers;
  const char *body;
  size_t length;
  // In seconds, for the connection and for each wait for the server: the host's own
  // limits hold where it is 0.
  double timeout;
  // The largest body of a response: 4 MiB where it is 0.
  size_t max_body;
} hw_request;

typedef struct {
  const char *method;
  // Without the query, where tokens like to stand.
  const char *url;
  int status;
  hook_list_tuple2_string_string_t headers;
  char *body;
  size_t length;
} hw_response;

// Sends a request and waits for the whole response, whatever its status. Redirects
// aren't followed: they are the response. False after `hw_fail`.
bool hw_send(const hw_request *request, hw_response *response);
// False after `hw_fail` when the status is none of success.
bool hw_expect_success(const hw_response *response);

// A secret, by its name in the grant `secrets`. NULL after `hw_fail`.
const char *hw_secret(const char *name);

// What this hook has kept in this profile, from run to run: needs the grant `state`. It is
// kept when the hook returns true, and not when it fails. All of these are false after
// `hw_fail`.
//
// A value and its length, which may be NULL; the value is NULL where there is none.
bool hw_state_get(const char *key, const char **value, size_t *length);
bool hw_state_set(const char *key, const char *value);
bool hw_state_set_bytes(const char *key, const void *value, size_t length);
// The key need not be there.
bool hw_state_delete(const char *key);
// The keys of all values, sorted.
bool hw_state_keys(hw_list *keys);

// A command that the operator named in the grant `commands`.
typedef struct {
  // Its name in the grant.
  const char *name;
  // Its open places and their values: pairs, and NULL at the end; or NULL.
  const char *const *places;
  // Variables that the grant leaves to the hook, as pairs.
  const char *const *env;
  // What it reads on stdin, or NULL; as a text where the length is 0.
  const char *input;
  size_t length;
} hw_command;

// What a command left behind.
typedef struct {
  const char *name;
  // -1 where a signal has killed it.
  int code;
  // 0 where it ended by itself.
  int signal;
  char *out;
  size_t out_length;
  bool out_truncated;
  char *err;
  size_t err_length;
  bool err_truncated;
} hw_output;

// Runs a command to its end, however it ends. False after `hw_fail` where it wasn't
// started, or took too long.
bool hw_run(const hw_command *command, hw_output *output);
// False after `hw_fail` when it ended otherwise than with exit code 0.
bool hw_expect_ok(const hw_output *output);

// Changes of the backup that is about to start, each a list with NULL at its end: heard in
// `before`, in effect together when the hook returns true. They need the grant `plan` with
// the part, and are false after `hw_fail`.
//
// Backs these up instead: absolute paths of the host.
bool hw_set_sources(const char *const *paths);
bool hw_add_sources(const char *const *paths);
bool hw_add_tags(const char *const *tags);
bool hw_add_excludes(const char *const *patterns);
// Sets a variable in restic's environment.
bool hw_set_env(const char *name, const char *value);

#endif
