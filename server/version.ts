/**
 * The version of this code, as `ops.status` shows it. `deno.json` is the one place that says it.
 *
 * The import is part of the program, so it needs no right to read and no file beside a compiled
 * program.
 */
import config from "../deno.json" with { type: "json" };

export const VERSION: string = config.version;
