// Asks the host for secrets, state, commands and changes of the plan, as ../src does.

#include <stdlib.h>
#include <string.h>

#include "hookward.h"

#define LIST(...) ((const char *[]){__VA_ARGS__, NULL})

static const char *trimmed(char *text) {
  size_t length = strlen(text);
  while (length && strchr(" \t\r\n", text[length - 1])) text[--length] = '\0';
  return text;
}

static bool remember(const char *name) {
  const char *runs, *last, *kept, *gone;
  if (!hw_state_get("runs", &runs, NULL) || !hw_state_get("last", &last, NULL)) return false;
  runs = hw_format("%d", (runs ? atoi(runs) : 0) + 1);
  size_t length;
  hw_list keys;
  if (!hw_state_set("runs", runs) || !hw_state_set("last", name) || !hw_state_set_bytes("gone", "a\0b", 3) ||
      !hw_state_get("gone", &kept, &length) || !hw_state_delete("gone") || !hw_state_get("gone", &gone, NULL) ||
      !hw_state_keys(&keys)) {
    return false;
  }
  const char *all = "";
  for (size_t at = 0; at < keys.count; at++) all = hw_format("%s%s%s", all, at ? " " : "", keys.items[at]);
  const char *is_gone = kept && length == 3 && !gone ? "true" : "false";
  hw_info("kept", "runs", runs, "last", last ? last : "nobody", "keys", all, "gone", is_gone);
  return true;
}

bool hook(const hw_event *event) {
  (void)event;
  static const char *const ASKS[] = {"secret", "state", "no-key", "command", "any-end", "plan", "sources", NULL};
  hw_config config = hw_config_read(LIST("ask", "name", "value"));
  hw_require(&config, "ask");
  size_t ask = hw_choice(&config, "ask", ASKS, 0);
  const char *name = hw_text(&config, "name", ""), *value = hw_text(&config, "value", "");
  if (config.error) return hw_fail("%s", config.error);

  hw_command command = {
      .name = name,
      .places = LIST("what", value),
      .env = LIST("GREETING", "hello"),
      .input = "from stdin",
  };
  hw_output output;
  switch (ask) {
    case 0: {
      const char *secret = hw_secret(name);
      if (!secret) return false;
      hw_info("read", "length", hw_format("%zu", strlen(secret)));
      return true;
    }
    case 1:
      return remember(name);
    case 2:
      return hw_state_set("", "x");
    case 3:
      if (!hw_run(&command, &output) || !hw_expect_ok(&output)) return false;
      hw_info("ran", "said", trimmed(output.out));
      return true;
    case 4:
      if (!hw_run(&command, &output)) return false;
      hw_info("ended", "success", output.code == 0 ? "true" : "false", "said", trimmed(output.err));
      return true;
    case 5:
      return hw_add_sources(LIST(value)) && hw_add_tags(LIST("frozen", "größe")) && hw_add_excludes(LIST("*.tmp")) &&
             hw_set_env("RESTIC_COMPRESSION", "max");
    default:
      return hw_set_sources(LIST(value));
  }
}
