/** The pages that explain REST: their files, their headers, and a place for each reason. */
import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { CODE_OF_REASON } from "../../../../server/router/errors.ts";
import { descriptionBytesAt } from "../../../../server/front/rest/description/document.ts";
import { PROBLEMS_HTML } from "../../../../server/front/rest/pages/problems_page.ts";
import { restPage } from "../../../../server/front/rest/pages/rest_pages.ts";

const DOCS = "/api/v1/docs";

async function page(path: string, method = "GET") {
  const { status, headers, body } = await restPage(method, path);
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  return { status, headers: new Headers(headers), text };
}

Deno.test("the page of problems has a place for each reason, and each place a reason", () => {
  const places = [...PROBLEMS_HTML.matchAll(/<dt id="(\w+)">/g)].map(([, id = ""]) => id);
  assertEquals(places.sort(), Object.keys(CODE_OF_REASON).sort());
});

Deno.test("the pages have each file that they name, relative to their own place", async () => {
  for (const path of [DOCS, "/api/v1/problems"]) {
    const { text, headers } = await page(path);
    assertEquals(headers.get("content-type"), "text/html; charset=utf-8");
    const names = [...text.matchAll(/(?:src|href)="(?!data:)([^"]+)"/g)].map(([, name = ""]) =>
      name
    );
    assert(names.length > 0);
    for (const name of names) {
      assertMatch(name, /^docs(\/[\w.-]+)?$/, "no other host, and no path from the root");
      const { pathname } = new URL(name, `http://weir${path}`);
      assertEquals((await page(pathname)).status, 200, name);
    }
  }
});

Deno.test("the pages run scripts of this service alone, and no style of their elements", async () => {
  for (const path of [DOCS, "/api/v1/problems"]) {
    const policy = (await page(path)).headers.get("content-security-policy") ?? "";
    assertMatch(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
    assertMatch(policy, /frame-ancestors 'none'/);
    assert(!policy.includes("unsafe"), policy);
  }
});

Deno.test("the page with a slash at its end leads to the one without, below any path of a proxy", async () => {
  const { status, headers } = await page(`${DOCS}/`);
  assertEquals(status, 308);
  const place = new URL(headers.get("location")!, "https://shop.example/weir/api/v1/docs/");
  assertEquals(place.href, "https://shop.example/weir/api/v1/docs");
});

Deno.test("a file that the pages do not have is 404, and another method 405, both as problems", async () => {
  for (const path of [`${DOCS}/other.js`, `${DOCS}/..%2fpackage.json`, `${DOCS}/package.json`]) {
    const { status, headers } = await page(path);
    assertEquals([status, headers.get("content-type")], [404, "application/problem+json"], path);
  }
  const { status, headers } = await page(DOCS, "POST");
  assertEquals([status, headers.get("allow")], [405, "GET, HEAD"]);
});

Deno.test("readers of a file share its bytes, so that many slow ones cost no copies", async () => {
  for (const path of [DOCS, `${DOCS}/swagger-ui-bundle.js`]) {
    const [one, other] = [await restPage("GET", path), await restPage("GET", path)];
    assertStrictEquals(one.body, other.body);
  }
  const path = "/api/v1/openapi.json";
  assertStrictEquals(descriptionBytesAt(path), descriptionBytesAt(path));
});
