// Commands of the host that the operator named. The world needs
// `import hookward:hook/command@0.1.0`, the operator the grant `commands`.

import { run } from "hookward:hook/command@0.1.0";
import { asked, HookError } from "./index.js";
import { decode, encode } from "./utf8.js";

/** A command that ran and didn't end with exit code 0. */
export class CommandError extends HookError {
  constructor(name, output) {
    const how = output.code === undefined ? `was killed by signal ${output.signal}` : `ended with exit code ${output.code}`;
    const lines = output.stderrText().split("\n").map((line) => line.trim()).filter((line) => line);
    // What a program says last is mostly why.
    const said = lines.slice(-3).join(" / ");
    super(`command \`${name}\` ${how}${said && ": "}${said}`);
    this.output = output;
  }
}

/** What a command left behind. It has a code, or else the signal that killed it. */
class Output {
  constructor({ exit, ...rest }) {
    Object.assign(this, rest, { [exit.tag]: exit.val });
  }

  /** stdout as text, without the white space at its end. */
  text() {
    return decode(this.stdout).trimEnd();
  }

  stderrText() {
    return decode(this.stderr).trimEnd();
  }
}

const entries = (table) => Object.entries(table).map(([name, value]) => ({ name, value: String(value) }));

/**
 * Runs a command to its end, by its name in the grant: `command("unit", { verb: "stop" })`.
 * `places` fills the open places of its arguments. Without `check` it may end as it likes.
 */
export function command(name, places = {}, { env = {}, stdin, check = true } = {}) {
  const bytes = typeof stdin === "string" ? encode(stdin) : stdin;
  const invocation = { command: name, arguments: entries(places), environment: entries(env), stdin: bytes };
  const output = new Output(asked(() => run(invocation)));
  if (check && output.code !== 0) throw new CommandError(name, output);
  return output;
}
