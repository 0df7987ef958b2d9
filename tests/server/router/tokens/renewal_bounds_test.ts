/** The bounds of `renewToken` on one connection: one check at a time, and none of another key. */
import { assertEquals } from "@std/assert";
import { callTRPCProcedure, TRPCError } from "@trpc/server";
import { ConnectionCredential } from "../../../../server/front/keys/connection_credential.ts";
import type { Context } from "../../../../server/router/context.ts";
import { appRouter } from "../../../../server/router/mod.ts";
import { anAuth, DEV_KEY, KEY, OTHER_KEY, WRONG } from "../../../support/access/token_auth.ts";
import { signedToken, withClaims } from "../../../support/access/tokens.ts";

/** A connection with a good token, and the texts that were checked for it since. */
async function aConnection() {
  const { authenticate, keyIdOfToken } = await anAuth();
  const first = await signedToken(KEY);
  const credential = new ConnectionCredential(first);
  const checked: string[] = [];
  const auth = {
    keyIdOfToken,
    authenticate: (text: string) => {
      if (text !== credential.token) checked.push(text);
      return authenticate(text);
    },
  };
  const context = {
    services: { auth },
    token: first,
    identified: null,
    connection: { credential },
  };
  /** The message of the refusal; "renewed" where there is none. */
  const renew = async (token: string): Promise<string> => {
    try {
      await callTRPCProcedure({
        router: appRouter,
        path: "renewToken",
        getRawInput: () => Promise.resolve({ token }),
        ctx: context as unknown as Context,
        type: "mutation",
        signal: undefined,
        batchIndex: 0,
      });
      return "renewed";
    } catch (error) {
      if (error instanceof TRPCError) return error.message;
      throw error;
    }
  };
  return { first, credential, checked, renew };
}

Deno.test("a connection has one token checked at a time, and the next one after it", async () => {
  const { first, credential, checked, renew } = await aConnection();
  const forged = Array.from({ length: 50 }, (_, index) => withClaims(first, { jti: `${index}` }));
  const answers = await Promise.all(forged.map(renew));
  assertEquals(checked.length, 1);
  assertEquals(answers.filter((answer) => answer === `token: ${WRONG}`).length, 1);
  const busy = "another token for this connection is being checked";
  assertEquals(answers.filter((answer) => answer === busy).length, 49);
  const next = await signedToken(KEY, { jti: "next" });
  assertEquals([await renew(next), credential.token], ["renewed", next]);
});

Deno.test("text that cannot renew the connection's token is not checked", async () => {
  const { first, credential, checked, renew } = await aConnection();
  const foreign = "token: it is signed with another API key than the one before";
  assertEquals(await renew(await signedToken(OTHER_KEY)), foreign);
  for (const text of [KEY, OTHER_KEY, "nonsense", "a.b.c", DEV_KEY]) {
    assertEquals(await renew(text), "token: it is no browser token", text);
  }
  assertEquals([checked, credential.token], [[], first]);
});
