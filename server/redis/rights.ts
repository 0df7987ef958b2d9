/**
 * The rights that a Redis user needs (ACL), for operators who limit it.
 *
 * Tested in tests/server/overflow/limited_user_test.ts.
 */

/** True when Redis has refused a command, a key or a channel for lack of a right. */
export function isForbidden(error: string): boolean {
  return error.includes("NOPERM") || error.includes("The user executing the script can't");
}

/** The rights in the words of ACL SETUSER. */
export function rightsFor(prefix: string): string {
  return `~${prefix}:* &${prefix}:* and the commands +@all -@admin +config|get`;
}
