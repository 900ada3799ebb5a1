// Changes of the backup that is about to start. They are heard in `before`, and take effect
// together when the hook returns. The world needs `import hookward:hook/plan@0.1.0`, the
// operator the grant `plan` with the part that is to be changed.

import * as plan from "hookward:hook/plan@0.1.0";
import { asked } from "./index.js";

/** Backs these up instead: absolute paths of the host. */
export const setSources = (paths) => asked(() => plan.setSources(paths));

/** Backs these up too: absolute paths of the host. */
export const addSources = (paths) => asked(() => plan.addSources(paths));

export const addTags = (tags) => asked(() => plan.addTags(tags));

export const addExcludes = (patterns) => asked(() => plan.addExcludes(patterns));

/** Sets a variable in restic's environment. */
export const setEnv = (name, value) => asked(() => plan.setEnv(name, value));
