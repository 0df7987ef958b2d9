/**
 * `renewToken`: a new token for the connection of the call, so that its streams go on past the end of
 * the one before. The streams have the new token's rights from their next frame on.
 *
 * Over HTTP each request brings its token, so there is nothing to renew.
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

export const renewToken = procedureForAnyKey.input(renewTokenInput).mutation(
  async ({ ctx, input }): Promise<RenewedToken> => {
    const { connection: { credential }, principal, services } = ctx;
    if (credential === undefined) throw new Refused(NOT_OVER_HTTP);
    if (principal.token === null) throw new Refused(NO_TOKEN);
    const renewed = await services.auth.authenticate(input.token).catch((error) => {
      // The caller has shown a good token: the new one is a mistake in its input.
      const isWrong = error instanceof Refused && error.reason === "unauthenticated";
      throw isWrong ? invalidInput("token", error.message) : error;
    });
    if (renewed.token === null) throw invalidInput("token", "it is an API key, and not a token");
    if (renewed.keyId !== principal.keyId) {
      throw invalidInput("token", "it is signed with another API key than the one before");
    }
    credential.renew(input.token, renewed);
    return { expiresAt: new Date(renewed.token.expiresAt).toISOString() };
  },
);
