/** Browser tokens while the database is away, and of a key that is revoked. */
import { assertEquals } from "@std/assert";
import { SCOPES } from "../../../../client/contract/scope.ts";
import { signedToken } from "../../../support/access/tokens.ts";
import { callHttp } from "../../../support/load/raw_calls.ts";
import { withProxy } from "../../../support/services/proxied_instance.ts";
import { until } from "../../../support/services/services.ts";

Deno.test("a token of a known key works while the database is away, and one of another key is unavailable", () =>
  withProxy(async ({ url, createKey }, proxy) => {
    const [known, other] = [await createKey(SCOPES), await createKey(SCOPES)];
    const reason = async (token: string) => {
      const { body } = await callHttp(url, "query", "whoami", undefined, token);
      return (body as { error?: { data: { reason: string } } }).error?.data.reason ?? "answered";
    };
    assertEquals(await reason(known.token), "answered");
    proxy.cut();
    const tokens = await Promise.all(
      ["a", "b"].map((jti) => signedToken(known.token, { jti })),
    );
    assertEquals(await Promise.all(tokens.map(reason)), ["answered", "answered"]);
    const ofOther = await signedToken(other.token);
    assertEquals(await reason(ofOther), "unavailable");
    await proxy.mend();
    await until("the other key to be found", async () => await reason(ofOther) === "answered");
  }));

Deno.test("a token in use stops within 10 seconds after its key was revoked", () =>
  withProxy(async ({ url, createKey, revokeKey }) => {
    const key = await createKey(SCOPES);
    const token = await signedToken(key.token);
    const statusOf = async () => {
      return (await callHttp(url, "query", "whoami", undefined, token)).status;
    };
    assertEquals(await statusOf(), 200);
    await revokeKey(key.keyId);
    await until("the token to be refused", async () => await statusOf() === 401, 10_000);
  }));
