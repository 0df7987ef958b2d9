/** `whoami` tells a caller what its key is for. */
import { assertEquals } from "@std/assert";
import { SCOPES } from "../../../client/contract/scope.ts";
import { callHttp } from "../../support/load/raw_calls.ts";
import { expectRefused } from "../../support/load/refusals.ts";
import { withInstance } from "../../support/services/instance.ts";

Deno.test("whoami answers any valid key with its name, scopes, stores and currencies, and nothing else", () =>
  withInstance(async ({ api, clientOf, createKey, url }) => {
    assertEquals(await api.whoami.query(), {
      name: "development",
      scopes: [...SCOPES],
      storeId: null,
      stores: null,
      currencies: null,
      procedures: null,
      expiresAt: null,
    });
    const till = await createKey(["dashboard:read", "orders:write"], "berlin");
    const { status, body } = await callHttp(url, "query", "whoami", undefined, till.token);
    const expected = {
      name: "a test",
      scopes: ["orders:write", "dashboard:read"],
      storeId: "berlin",
      stores: ["berlin"],
      currencies: null,
      procedures: null,
      expiresAt: null,
    };
    assertEquals([status, body], [200, { result: { data: expected } }]);
    const none = await createKey([]);
    assertEquals(await clientOf(none.token).api.whoami.query(), {
      name: "a test",
      scopes: [],
      storeId: null,
      stores: null,
      currencies: null,
      procedures: null,
      expiresAt: null,
    });
    const two = await createKey([], ["lyon", "berlin"], ["EUR", "CHF"]);
    assertEquals(await clientOf(two.token).api.whoami.query(), {
      name: "a test",
      scopes: [],
      storeId: null,
      stores: ["lyon", "berlin"],
      currencies: ["EUR", "CHF"],
      procedures: null,
      expiresAt: null,
    });
  }));

Deno.test("whoami refuses no key, a wrong one and a revoked one as every procedure does", () =>
  withInstance(async ({ url, createKey, revokeKey }) => {
    const revoked = await createKey(["ops"]);
    await revokeKey(revoked.keyId);
    for (const token of [null, "nonsense", revoked.token]) {
      const call = { type: "query", path: "whoami", input: undefined, token } as const;
      await expectRefused(url, call, "unauthenticated");
    }
  }));
