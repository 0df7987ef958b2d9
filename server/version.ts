/** The version of this code, as `ops.status` shows it. */
export const VERSION = "0.1.0";
