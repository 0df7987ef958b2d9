/**
 * Content types: the one that a client sends, and those that it takes.
 *
 * Tested in tests/server/front/rest/rest_test.ts.
 */
import Negotiator from "negotiator";

export const JSON_TYPE = "application/json";
export const EVENTS_TYPE = "text/event-stream";

/** True when a client with this header `Accept` takes `type`. Without the header it takes any. */
export function takes(accept: string | undefined, type: string): boolean {
  if (accept === undefined || accept === "" || accept === "*/*" || accept === type) return true;
  return new Negotiator({ headers: { accept } }).mediaType([type]) !== undefined;
}

/** True for a body of JSON, in no coding. */
export function isJson(type: string | undefined, coding: string | undefined): boolean {
  if (coding !== undefined && coding.toLowerCase() !== "identity") return false;
  return type?.toLowerCase().split(";", 1)[0]?.trim() === JSON_TYPE;
}
