/**
 * The words of problems: for each reason a title, and what a caller does about it.
 *
 * Tested in tests/server/front/rest/pages_test.ts.
 */
import type { RefusalReason } from "../../../client/contract/refusal.ts";

interface Words {
  readonly title: string;
  readonly advice: string;
}

export const PROBLEM_WORDS: Readonly<Record<RefusalReason, Words>> = {
  invalid_input: {
    title: "The request breaks its shape",
    advice: "`issues` says where and why. Correct the request; the same one fails again.",
  },
  unauthenticated: {
    title: "The API key is missing, wrong or revoked",
    advice: "Send `Authorization: Bearer <key>` with a key in force.",
  },
  forbidden: {
    title: "The key, the page or the name may not do this",
    advice: "Use a key with the scope, the store and the currency that the request needs.",
  },
  not_found: {
    title: "There is no such order or letter",
    advice: "Look at the store and the id. A key sees the stores that it is for.",
  },
  letter_closed: {
    title: "The dead letter is closed",
    advice: "`detail` says who closed it, how and when. There is nothing left to do.",
  },
  not_committed_yet: {
    title: "The order waits in the overflow",
    advice: "Cancel it again after `retryAfterMs`: then the database has it.",
  },
  payload_too_large: {
    title: "The request is too large",
    advice: "Send less in one request. A body has at most 1 MiB.",
  },
  idempotency_mismatch: {
    title: "The key was used with other content",
    advice: "Nothing was stored. Take a new key for a new order.",
  },
  rejected: {
    title: "The database refuses this content",
    advice: "`rule` says why. Correct the order and place it again under the same key, or let an " +
      "operator replay the dead letter `deadLetterId`.",
  },
  rate_limited: {
    title: "The key has used up its rate",
    advice: "Send it again after `retryAfterMs`.",
  },
  queue_full: {
    title: "Too much waits here now",
    advice: "Nothing was stored, and the key is not used up. Send it again after `retryAfterMs`.",
  },
  deadline_exceeded: {
    title: "The order was not on its way in time",
    advice: "Nothing was stored. Send it again with the same key.",
  },
  outcome_unknown: {
    title: "The database went silent after it was asked",
    advice: "The order may be stored. Send it again with the same key: it stays one order.",
  },
  circuit_open: {
    title: "The database is out, and no overflow can take the order",
    advice: "Nothing was stored. Send it again after `retryAfterMs`, with the same key.",
  },
  unavailable: {
    title: "The database is away, and this needs it",
    advice: "Send it again after `retryAfterMs`.",
  },
  draining: {
    title: "This instance is stopping",
    advice: "Send it again: another instance answers.",
  },
  internal: {
    title: "A bug in the service",
    advice: "Tell the operator the `requestId`. An order may be sent again with the same key.",
  },
};
