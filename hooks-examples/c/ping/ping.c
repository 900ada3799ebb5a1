// Sends the event to a URL as JSON. Settings: those of hooks-examples/ping.

#include <stdlib.h>
#include <string.h>

#include "hookward.h"

static bool is_event(const char *name) {
  for (uint8_t kind = HOOKWARD_HOOK_TYPES_EVENT_KIND_BEFORE; kind <= HOOKWARD_HOOK_TYPES_EVENT_KIND_FINALLY; kind++) {
    if (strcmp(name, hw_kind(kind)) == 0) return true;
  }
  return false;
}

bool hook(const hw_event *event) {
  static const char *const METHODS[] = {"GET", "HEAD", "POST", "PUT", NULL};
  hw_config config = hw_config_read((const char *[]){"url", "method", "suffix", "timeout", NULL});
  hw_require(&config, "url");
  const char *url = hw_text(&config, "url", "");
  const char *method = METHODS[hw_choice(&config, "method", METHODS, 2)];
  hw_list suffixes = hw_table(&config, "suffix");
  // A server that is down must not hold up a backup for long.
  double timeout = hw_duration(&config, "timeout", 10);
  const char *kind = hw_kind(event->kind), *suffix = "";
  for (size_t at = 0; at < suffixes.count; at += 2) {
    if (!is_event(suffixes.items[at])) hw_wrong(&config, "suffix", "`%s` is no event", suffixes.items[at]);
    if (strcmp(suffixes.items[at], kind) == 0) suffix = suffixes.items[at + 1];
  }
  if (config.error) return hw_fail("%s", config.error);

  if (event->dry_run) {
    hw_info("nothing is pinged in a dry run");
    return true;
  }
  hw_request request = {
      .method = method,
      .url = hw_format("%s%s", url, suffix),
      // To the helper 0 is no limit.
      .timeout = timeout > 0 ? timeout : -1,
  };
  if (strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
    request.headers = (const char *[]){"content-type", "application/json", NULL};
    request.body = hw_event_json(event);
    request.length = strlen(request.body);
  }
  hw_response response;
  if (!hw_send(&request, &response) || !hw_expect_success(&response)) return false;
  hw_info("pinged", "event", kind, "status", hw_format("%d", response.status));
  return true;
}
