/**
 * The caller of a request, and the body that it may send. The key comes first: nothing of a body is
 * read before the key is known, and the connection of a wrong key ends with the answer.
 *
 * Tested in tests/server/front/message_bounds_test.ts and tests/server/front/rest/bounds_test.ts.
 */
import { Refused } from "../../../client/contract/refused.ts";
import type { Principal } from "../../router/context.ts";
import { type Body, dropBody, readBody } from "../connections/body.ts";
import type { Share } from "../connections/byte_budget.ts";
import type { Exchange } from "../exchange.ts";
import type { Front } from "../front.ts";
import { bearerToken } from "../keys/auth.ts";

export interface Caller {
  readonly token: string | null;
  /** Rejects for a key that cannot be used now. */
  readonly identified: Promise<Principal>;
  /** Null for a key that cannot be used now. */
  readonly principal: Principal | null;
}

/** Asks who calls. The connection of a stranger ends with the answer. */
export async function callerOf(
  { incoming, outgoing, visitor }: Exchange,
  { services }: Front,
): Promise<Caller> {
  const token = bearerToken(incoming.headers.authorization ?? null);
  const identified = services.auth.authenticate(token);
  const principal = await identified.catch(unlessRefused);
  if (principal !== null) visitor.known();
  else outgoing.shouldKeepAlive = false;
  return { token, identified, principal };
}

/** Null for a key that cannot be used now. The call says why. */
export function unlessRefused(error: unknown): null {
  if (error instanceof Refused) return null;
  throw error;
}

/** The body of a call. A caller without a good key gets an answer that does not depend on it. */
export async function bodyOf(
  { incoming, outgoing }: Exchange,
  principal: Principal | null,
  share: Share,
  front: Front,
): Promise<Body> {
  const asksFirst = incoming.headers.expect !== undefined;
  if (principal === null) {
    if (!asksFirst) await dropBody(incoming);
    return new Uint8Array();
  }
  if (asksFirst) outgoing.writeContinue();
  return await readBody(incoming, share, front.slowClients.ms);
}
