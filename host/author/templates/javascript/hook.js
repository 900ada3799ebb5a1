// Keeps a backup from starting that lacks a tag.

import { HookError, config, hook, info, text } from "./hookward/index.js";

export const run = hook((event) => {
  const { "required-tag": tag } = config({ "required-tag": text() });
  if (!event.tags.includes(tag)) {
    throw new HookError(`this backup has no tag \`${tag}\``);
  }
  info("the tag is there", { tag });
});
