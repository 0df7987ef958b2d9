/**
 * Requests that a runtime sends once. A connection that was used before may break before an answer, and
 * then some runtimes send a POST once more without a word: Chromium and Deno do. The first of the two may
 * have stored the order, and only the second one's answer is heard. So its refusal proves nothing.
 *
 * Deno does not send a body again that is a stream. Node and Bun never do. A browser cannot be kept from it.
 *
 * Tested in tests/client/api/fetch_once_test.ts and tests/client/orders/hostile_test.ts.
 */

/** The way in which a runtime sends requests. */
export interface FetchWay {
  /** True when a refusal is the answer to the only request that was sent. */
  readonly isOnce: boolean;
  /** True when bodies have to be streams for that. */
  readonly streamsBodies: boolean;
}

/** The way of the runtime with this `navigator.userAgent`; empty for a runtime without one. */
export function fetchWayOf(userAgent: string): FetchWay {
  const streamsBodies = userAgent.startsWith("Deno/");
  return { isOnce: userAgent === "" || /^(?:Node\.js|Deno|Bun)\//.test(userAgent), streamsBodies };
}

/** The way of this runtime. Node 20 has no `navigator`. */
export function fetchWayOfRuntime(): FetchWay {
  const { navigator } = globalThis as { navigator?: { userAgent?: string } };
  return fetchWayOf(navigator?.userAgent ?? "");
}

/** The request with a body that is not sent again. */
export function sentOnce(init: RequestInit, { streamsBodies }: FetchWay): RequestInit {
  if (!streamsBodies || typeof init.body !== "string") return init;
  const body = new Blob([init.body]).stream();
  return { ...init, body, duplex: "half" } as RequestInit;
}
