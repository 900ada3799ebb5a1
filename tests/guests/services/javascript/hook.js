// Asks the host for secrets, state, commands and changes of the plan, as ../src does.

import { command } from "./hookward/command.js";
import { config, hook, HookError, info, text } from "./hookward/index.js";
import * as plan from "./hookward/plan.js";
import { secret } from "./hookward/secrets.js";
import * as state from "./hookward/state.js";

export const run = hook(() => {
  const { ask, name, value } = config({ ask: text(), name: text(""), value: text("") });
  const env = { GREETING: "hello" };
  switch (ask) {
    case "secret":
      return info("read", { length: secret(name).length });
    case "state":
      return remember(name);
    case "no-key":
      return state.set("", "x");
    case "command":
      return info("ran", { said: command(name, { what: value }, { env, stdin: "from stdin" }).text() });
    case "any-end": {
      const output = command(name, { what: value }, { env, stdin: "from stdin", check: false });
      return info("ended", { success: output.code === 0, said: output.stderrText() });
    }
    case "plan":
      plan.addSources([value]);
      plan.addTags(["frozen", "größe"]);
      plan.addExcludes(["*.tmp"]);
      return plan.setEnv("RESTIC_COMPRESSION", "max");
    case "sources":
      return plan.setSources([value]);
    default:
      throw new HookError(`nothing is called ${ask}`);
  }
});

function remember(name) {
  const runs = state.get("runs", 0) + 1;
  const last = state.get("last", "nobody");
  state.set("runs", runs);
  state.set("last", name);
  state.setBytes("gone", new Uint8Array([0, 255]));
  const kept = state.has("gone") && state.getBytes("gone").length === 2;
  state.remove("gone");
  const gone = !state.has("gone") && state.getBytes("gone") === undefined;
  info("kept", { runs, last, keys: state.keys().join(" "), gone: kept && gone });
}
