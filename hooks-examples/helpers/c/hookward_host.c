// Secrets, state, commands of the host and changes of the backup, as far as the world has
// them. A component that calls nothing of this doesn't import it.

#include <stdlib.h>
#include <string.h>

#include "hookward.h"

static hook_string_t borrowed(const char *text) {
  return (hook_string_t){(uint8_t *)text, text ? strlen(text) : 0};
}

static size_t count(const char *const *texts) {
  size_t count = 0;
  while (texts && texts[count]) count++;
  return count;
}

static void *allocate(size_t size) {
  void *memory = malloc(size ? size : 1);
  if (!memory) abort();
  return memory;
}

// Bytes as a string of C, which ends with them.
static char *ended(const uint8_t *bytes, size_t length) {
  char *text = allocate(length + 1);
  if (length) memcpy(text, bytes, length);
  text[length] = '\0';
  return text;
}

// Secrets.

#ifdef HOOKWARD_HOOK_SECRETS_ERROR_UNKNOWN

const char *hw_secret(const char *name) {
  hook_string_t asked = borrowed(name), value;
  hookward_hook_secrets_error_t error;
  if (hookward_hook_secrets_get(&asked, &value, &error)) return hw_string(value);
  hw_fail("%s", hw_string(error.val.unknown));
  return NULL;
}

#endif

// State.

#ifdef WASI_KEYVALUE_STORE_ERROR_OTHER

static bool state_failed(const wasi_keyvalue_store_error_t *error) {
  if (error->tag == WASI_KEYVALUE_STORE_ERROR_OTHER) return hw_fail("state: %s", hw_string(error->val.other));
  return hw_fail("the host doesn't let this hook keep state: grant it `state`");
}

static bool state_open(wasi_keyvalue_store_own_bucket_t *bucket) {
  hook_string_t name = borrowed("");
  wasi_keyvalue_store_error_t error;
  return wasi_keyvalue_store_open(&name, bucket, &error) || state_failed(&error);
}

bool hw_state_get(const char *key, const char **value, size_t *length) {
  wasi_keyvalue_store_own_bucket_t bucket;
  if (!state_open(&bucket)) return false;
  hook_string_t asked = borrowed(key);
  hook_option_list_u8_t found;
  wasi_keyvalue_store_error_t error;
  bool ok = wasi_keyvalue_store_method_bucket_get(wasi_keyvalue_store_borrow_bucket(bucket), &asked, &found, &error);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  if (!ok) return state_failed(&error);
  *value = found.is_some ? ended(found.val.ptr, found.val.len) : NULL;
  if (length) *length = found.is_some ? found.val.len : 0;
  return true;
}

bool hw_state_set(const char *key, const char *value) { return hw_state_set_bytes(key, value, strlen(value)); }

bool hw_state_set_bytes(const char *key, const void *value, size_t length) {
  wasi_keyvalue_store_own_bucket_t bucket;
  if (!state_open(&bucket)) return false;
  hook_string_t asked = borrowed(key);
  hook_list_u8_t bytes = {(uint8_t *)value, length};
  wasi_keyvalue_store_error_t error;
  bool ok = wasi_keyvalue_store_method_bucket_set(wasi_keyvalue_store_borrow_bucket(bucket), &asked, &bytes, &error);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  return ok || state_failed(&error);
}

bool hw_state_delete(const char *key) {
  wasi_keyvalue_store_own_bucket_t bucket;
  if (!state_open(&bucket)) return false;
  hook_string_t asked = borrowed(key);
  wasi_keyvalue_store_error_t error;
  bool ok = wasi_keyvalue_store_method_bucket_delete(wasi_keyvalue_store_borrow_bucket(bucket), &asked, &error);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  return ok || state_failed(&error);
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

bool hw_state_keys(hw_list *keys) {
  wasi_keyvalue_store_own_bucket_t bucket;
  if (!state_open(&bucket)) return false;
  *keys = (hw_list){0};
  wasi_keyvalue_store_key_response_t page;
  wasi_keyvalue_store_error_t error;
  bool ok, more = false;
  uint64_t cursor = 0;
  do {
    ok = wasi_keyvalue_store_method_bucket_list_keys(wasi_keyvalue_store_borrow_bucket(bucket), more ? &cursor : NULL,
                                                     &page, &error);
    if (!ok) break;
    const char **items = allocate((keys->count + page.keys.len) * sizeof *items);
    if (keys->count) memcpy(items, keys->items, keys->count * sizeof *items);
    for (size_t at = 0; at < page.keys.len; at++) items[keys->count + at] = hw_string(page.keys.ptr[at]);
    *keys = (hw_list){items, keys->count + page.keys.len};
    more = page.cursor.is_some;
    cursor = page.cursor.val;
  } while (more);
  wasi_keyvalue_store_bucket_drop_own(bucket);
  if (!ok) return state_failed(&error);
  if (keys->count) qsort(keys->items, keys->count, sizeof *keys->items, by_text);
  return true;
}

#endif

// Commands.

#ifdef HOOKWARD_HOOK_COMMAND_EXIT_SIGNAL

// Pairs of name and value.
static hookward_hook_command_list_entry_t entries(const char *const *pairs) {
  size_t length = count(pairs) / 2;
  hookward_hook_command_entry_t *list = allocate(length * sizeof *list);
  for (size_t at = 0; at < length; at++) {
    list[at] = (hookward_hook_command_entry_t){borrowed(pairs[2 * at]), borrowed(pairs[2 * at + 1])};
  }
  return (hookward_hook_command_list_entry_t){list, length};
}

bool hw_run(const hw_command *command, hw_output *output) {
  hookward_hook_command_invocation_t invocation = {
      .command = borrowed(command->name),
      .arguments = entries(command->places),
      .environment = entries(command->env),
  };
  if (command->input) {
    size_t length = command->length ? command->length : strlen(command->input);
    invocation.stdin_ = (hook_option_list_u8_t){true, {(uint8_t *)command->input, length}};
  }
  hookward_hook_command_output_t told;
  hookward_hook_command_error_t error;
  if (!hookward_hook_command_run(&invocation, &told, &error)) return hw_fail("%s", hw_string(error.val.unknown));
  bool by_signal = told.exit.tag == HOOKWARD_HOOK_COMMAND_EXIT_SIGNAL;
  *output = (hw_output){
      .name = command->name,
      .code = by_signal ? -1 : told.exit.val.code,
      .signal = by_signal ? told.exit.val.signal : 0,
      .out = ended(told.stdout_.ptr, told.stdout_.len),
      .out_length = told.stdout_.len,
      .out_truncated = told.stdout_truncated,
      .err = ended(told.stderr_.ptr, told.stderr_.len),
      .err_length = told.stderr_.len,
      .err_truncated = told.stderr_truncated,
  };
  return true;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The last three lines that say something: what a program says last is mostly why.
static const char *last_lines(const char *text) {
  const char *said = "";
  const char *end = text + strlen(text);
  for (int lines = 0; lines < 3 && end > text;) {
    const char *from = end;
    while (from > text && from[-1] != '\n') from--;
    const char *first = from, *last = end;
    while (first < last && is_space(*first)) first++;
    while (last > first && is_space(last[-1])) last--;
    if (last > first) {
      said = hw_format("%.*s%s%s", (int)(last - first), first, lines ? " / " : "", said);
      lines++;
    }
    end = from > text ? from - 1 : from;
  }
  return said;
}

bool hw_expect_ok(const hw_output *output) {
  if (output->code == 0) return true;
  const char *said = last_lines(output->err), *colon = *said ? ": " : "";
  if (output->signal) {
    return hw_fail("command `%s` was killed by signal %d%s%s", output->name, output->signal, colon, said);
  }
  return hw_fail("command `%s` ended with exit code %d%s%s", output->name, output->code, colon, said);
}

#endif

// Changes of the backup.

#ifdef HOOKWARD_HOOK_PLAN_ERROR_INVALID

typedef bool (*change)(hook_list_string_t *texts, hookward_hook_plan_error_t *error);

static bool changed(change make, const char *const *texts) {
  size_t length = count(texts);
  hook_string_t *list = allocate(length * sizeof *list);
  for (size_t at = 0; at < length; at++) list[at] = borrowed(texts[at]);
  hook_list_string_t given = {list, length};
  hookward_hook_plan_error_t error;
  return make(&given, &error) || hw_fail("%s", hw_string(error.val.invalid));
}

bool hw_set_sources(const char *const *paths) { return changed(hookward_hook_plan_set_sources, paths); }
bool hw_add_sources(const char *const *paths) { return changed(hookward_hook_plan_add_sources, paths); }
bool hw_add_tags(const char *const *tags) { return changed(hookward_hook_plan_add_tags, tags); }
bool hw_add_excludes(const char *const *patterns) { return changed(hookward_hook_plan_add_excludes, patterns); }

bool hw_set_env(const char *name, const char *value) {
  hook_string_t variable = borrowed(name), text = borrowed(value);
  hookward_hook_plan_error_t error;
  return hookward_hook_plan_set_env(&variable, &text, &error) || hw_fail("%s", hw_string(error.val.invalid));
}

#endif
