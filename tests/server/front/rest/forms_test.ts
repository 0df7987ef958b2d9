/** Requests of REST whose form is wrong, HEAD, and pages of other origins. */
import { assert, assertEquals } from "@std/assert";
import { exchange } from "../../../support/load/raw_calls.ts";
import { assertProblem, rest, type RestRequest } from "../../../support/rest/calls.ts";
import { KEY, withInstance } from "../../../support/services/instance.ts";

const ORDERS = "/stores/berlin/orders";
const CONTENT = { currency: "EUR", lines: [{ sku: "tea", quantity: 2, unitPriceMinor: 450 }] };

const WRONG_FORMS: [
  path: string,
  options: RestRequest,
  status: number,
  header?: [string, string],
][] = [
  ["/nothing", {}, 404],
  ["//api", {}, 404],
  ["//api/v2/whoami", {}, 404],
  ["/whoami/", {}, 404],
  ["/whoami", { method: "DELETE" }, 405, ["allow", "GET, HEAD"]],
  [ORDERS, { method: "PUT", body: CONTENT }, 405, ["allow", "GET, HEAD, POST"]],
  [`${ORDERS}/batch`, {}, 405, ["allow", "POST"]],
  ["/figures/live", { method: "HEAD" }, 405, ["allow", "GET"]],
  ["/openapi.json", { method: "POST", body: {} }, 405, ["allow", "GET, HEAD"]],
  ["/whoami", { headers: { accept: "text/html" } }, 406],
  ["/whoami", { headers: { accept: "application/json;q=0, */*" } }, 406],
  ["/figures/live", { headers: { accept: "application/json" } }, 406],
  [ORDERS, { body: CONTENT, headers: { "content-type": "text/plain" } }, 415],
  [ORDERS, { body: CONTENT, headers: { "content-encoding": "gzip" } }, 415],
];

Deno.test("a request of the wrong form is a problem that says what is right", () =>
  withInstance(async ({ url }) => {
    for (const [path, options, status, header] of WRONG_FORMS) {
      const answer = await rest(url, path, options);
      const named = `${options.method ?? ""} ${path}`;
      if (options.method === "HEAD") {
        assertEquals([answer.status, answer.text], [status, ""], named);
      } else assertProblem(answer, status, undefined, named);
      if (header !== undefined) assertEquals(answer.headers.get(header[0]), header[1], named);
    }
    for (const body of ["{", "[]", "null", "5", '"a"', ""]) {
      const answer = await rest(url, `${ORDERS}/batch`, { body, method: "POST" });
      assertProblem(answer, 400, "invalid_input", body);
    }
    for (const accept of ["*/*", "application/*", "application/json", "text/html, */*;q=0.1"]) {
      assertEquals((await rest(url, "/whoami", { headers: { accept } })).status, 200, accept);
    }
  }));

Deno.test("a HEAD has the head of the GET and no body", () =>
  withInstance(async ({ url }) => {
    const get = await rest(url, "/whoami");
    const head = await rest(url, "/whoami", { method: "HEAD" });
    assertEquals([head.status, head.text], [200, ""]);
    assertEquals(head.headers.get("content-length"), String(get.text.length));
  }));

Deno.test("a page of a listed origin may call REST, send a key and read where its order is", () =>
  withInstance(async ({ url }) => {
    const origin = "https://shop.example";
    const preflight = await rest(url, ORDERS, {
      method: "OPTIONS",
      token: null,
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,idempotency-key",
      },
    });
    assertEquals(preflight.status, 204);
    const allowed = preflight.headers.get("access-control-allow-headers") ?? "";
    assert(allowed.split(", ").includes("idempotency-key"), allowed);
    const headers = { origin, "idempotency-key": "cart-1" };
    const placed = await rest(url, ORDERS, { body: CONTENT, headers });
    assertEquals(placed.status, 201, placed.text);
    assertEquals(placed.headers.get("access-control-allow-origin"), origin);
    const exposed = placed.headers.get("access-control-expose-headers") ?? "";
    assertEquals(exposed.split(", ").sort(), ["Link", "Location", "Retry-After"]);
    const wrong = await rest(url, "/whoami", { token: "weir_wrong", headers: { origin } });
    assertEquals(wrong.headers.get("access-control-allow-origin"), origin, "a page reads why");
  }, { environment: { WEIR_ALLOWED_ORIGINS: "https://shop.example" } }));

Deno.test("a page of another origin and a foreign name are refused with a problem", () =>
  withInstance(async ({ url, instance }) => {
    const headers = { origin: "https://evil.example" };
    assertProblem(await rest(url, ORDERS, { body: CONTENT, headers }), 403, "forbidden");
    const foreign = await exchange(
      instance.port,
      "GET /api/v1/whoami HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n" +
        `Authorization: Bearer ${KEY}\r\n\r\n`,
    );
    assert(foreign.startsWith("HTTP/1.1 403 "), foreign);
    assert(foreign.includes("application/problem+json"), foreign);
  }));
