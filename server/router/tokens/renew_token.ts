/**
 * `renewToken`: a new token for the connection of the call, so that its streams go on past the end of
 * the one before. The streams have the new token's rights from their next frame on.
 *
 * Over HTTP each request brings its token, so there is nothing to renew.
 *
 * Checking a signature costs time. So a text that names another key is refused before, and a connection
 * has one token checked at a time.
 *
 * Tested in tests/server/router/tokens/renew_token_test.ts.
 */
import { refuse } from "../../../client/contract/refusal.ts";
import { invalidInput, Refused } from "../../../client/contract/refused.ts";
import { type RenewedToken, renewTokenInput } from "../../../client/contract/tokens/claims.ts";
import { procedureForAnyKey } from "../procedures.ts";

const NOT_OVER_HTTP = refuse(
  "invalid_input",
  "there is nothing to renew over HTTP: send the new token with the next call",
);
const NO_TOKEN = refuse(
  "invalid_input",
  "there is nothing to renew: the connection was opened with an API key, which does not expire",
);

const NO_BROWSER_TOKEN = "it is no browser token";
const ONE_AT_A_TIME = refuse(
  "rate_limited",
  "another token for this connection is being checked",
  1_000,
);

export const renewToken = procedureForAnyKey.input(renewTokenInput).mutation(
  async ({ ctx, input: { token } }): Promise<RenewedToken> => {
    const { connection: { credential }, principal, services: { auth } } = ctx;
    if (credential === undefined) throw new Refused(NOT_OVER_HTTP);
    if (principal.token === null) throw new Refused(NO_TOKEN);
    const keyId = auth.keyIdOfToken(token);
    if (keyId === null) throw invalidInput("token", NO_BROWSER_TOKEN);
    if (keyId !== principal.keyId) {
      throw invalidInput("token", "it is signed with another API key than the one before");
    }
    if (credential.isRenewing) throw new Refused(ONE_AT_A_TIME);
    credential.isRenewing = true;
    try {
      const renewed = await auth.authenticate(token).catch(inInput);
      if (renewed.token === null) throw invalidInput("token", NO_BROWSER_TOKEN);
      credential.renew(token, renewed);
      return { expiresAt: new Date(renewed.token.expiresAt).toISOString() };
    } finally {
      credential.isRenewing = false;
    }
  },
);

/** The caller has shown a good token: a wrong new one is a mistake in its input. */
function inInput(error: unknown): never {
  const isWrong = error instanceof Refused && error.reason === "unauthenticated";
  throw isWrong ? invalidInput("token", error.message) : error;
}
