/**
 * A client that openapi-typescript generates from the description: it compiles in strict mode, refuses
 * what the description refuses, and works against an instance.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import openapiTS, { astToString } from "openapi-typescript";
import { KEY, withInstance } from "../../../support/services/instance.ts";
import { withFolder } from "../../../support/services/services.ts";

const ROOT = new URL("../../../../", import.meta.url).pathname;

const PROGRAM = `
import createClient from "openapi-fetch";
import type { components, paths } from "./weir.d.ts";

const [url = "", key = ""] = Deno.args;
const weir = createClient<paths>({
  baseUrl: \`\${url}/api/v1\`,
  headers: { authorization: \`Bearer \${key}\` },
});
const path = { storeId: "berlin" };
const placed = await weir.POST("/stores/{storeId}/orders", {
  params: { path, header: { "Idempotency-Key": '"cart-1"' } },
  body: { currency: "EUR", lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }] },
});
if (placed.error !== undefined) throw new Error(placed.error.detail);
const { orderId, totalMinor }: components["schemas"]["Acknowledgement"] = placed.data;
const read = await weir.GET("/stores/{storeId}/orders/{orderId}", { params: { path: { ...path, orderId } } });
const list = await weir.GET("/stores/{storeId}/orders", { params: { path, query: { limit: 1 } } });
const missing = await weir.GET("/stores/{storeId}/orders/{orderId}", {
  params: { path: { ...path, orderId: crypto.randomUUID() } },
});
const cancelled = await weir.POST("/stores/{storeId}/orders/{orderId}/cancel", {
  params: { path: { ...path, orderId } },
  body: { reason: "a test" },
});
const me = await weir.GET("/whoami");
console.log(JSON.stringify({
  status: placed.response.status,
  totalMinor,
  sku: read.data?.lines[0]?.sku,
  listed: list.data?.orders.length,
  reason: missing.error?.reason,
  cancelled: cancelled.data?.replayed,
  scopes: me.data?.scopes.length,
}));
`;

async function run(folder: string, program: string, args: readonly string[]) {
  await Deno.writeTextFile(`${folder}/program.ts`, program);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--check",
      "--quiet",
      "--allow-net",
      "--config",
      `${ROOT}deno.json`,
      `${folder}/program.ts`,
      ...args,
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A mistake that a generated client must not compile, by the text that it replaces. */
const MISTAKES: readonly (readonly [string, string])[] = [
  ["quantity: 2, ", ""],
  ['reason: "a test"', "reason: 5"],
  ["read.data?.lines[0]?.sku", "read.data?.lines[0]?.weight"],
  ['"/whoami"', '"/whoareyou"'],
];

Deno.test("a client that is generated from the description compiles, and places, reads and cancels", () =>
  withInstance(({ url }) =>
    withFolder(async (folder) => {
      const types = astToString(await openapiTS(new URL(`${url}/api/v1/openapi.json`)));
      assertMatch(types, /export interface paths/);
      await Deno.writeTextFile(`${folder}/weir.d.ts`, types);
      const { code, stdout, stderr } = await run(folder, PROGRAM, [url, KEY]);
      assertEquals(code, 0, stderr);
      assertEquals(JSON.parse(stdout), {
        status: 201,
        totalMinor: 900,
        sku: "tea",
        listed: 1,
        reason: "not_found",
        cancelled: false,
        scopes: 4,
      });
      for (const [right, wrong] of MISTAKES) {
        assert(PROGRAM.includes(right), right);
        const refused = await run(folder, PROGRAM.replace(right, wrong), [url, KEY]);
        assert(
          refused.code !== 0 && refused.stderr.includes("Type checking failed"),
          `${wrong} compiles`,
        );
      }
    })
  ));
