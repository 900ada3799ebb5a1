// Keeps a backup from starting that lacks a tag.

#include <string.h>

#include "hookward.h"

bool hook(const hw_event *event) {
  hw_config config = hw_config_read((const char *[]){"required-tag", NULL});
  hw_require(&config, "required-tag");
  const char *tag = hw_text(&config, "required-tag", "");
  if (config.error) return hw_fail("%s", config.error);

  for (size_t at = 0; at < event->tags.len; at++) {
    if (strcmp(hw_string(event->tags.ptr[at]), tag) == 0) {
      hw_info("the tag is there", "tag", tag);
      return true;
    }
  }
  return hw_fail("this backup has no tag `%s`", tag);
}
