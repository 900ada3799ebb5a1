// Secrets that the operator named. The world needs `import hookward:hook/secrets@0.1.0`, the
// operator the grant `secrets`.

import { get } from "hookward:hook/secrets@0.1.0";
import { asked } from "./index.js";

/** The value of a secret, by its name in the grant. */
export const secret = (name) => asked(() => get(name));
