/** The routes of REST: paths to operations. */
import { assertEquals } from "@std/assert";
import { OPERATIONS } from "../../../../server/front/rest/operations.ts";
import { routeOf } from "../../../../server/front/rest/routes.ts";

const found = (path: string) => {
  const route = routeOf(path);
  return route && [[...route.operations.values()].map(({ id }) => id), route.values];
};

Deno.test("routes: each operation is found at its own path, and no other takes it", () => {
  for (const { path, method, id } of OPERATIONS) {
    const asked = path.replaceAll(/\{(\w+)\}/g, (_, name) => `a%2F${name}`);
    const route = routeOf(`/api/v1${asked}`);
    assertEquals(route?.operations.get(method)?.id, id, path);
    const values = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => [name, `a/${name}`]);
    assertEquals(route?.values, Object.fromEntries(values), path);
  }
});

Deno.test("routes: a word of a path comes before a parameter in the same place", () => {
  assertEquals(found("/api/v1/stores/a/orders/batch"), [["placeOrders"], { storeId: "a" }]);
  assertEquals(found("/api/v1/dead-letters/replay"), [["replayDeadLetters"], {}]);
});

Deno.test("routes: nothing stands at a path that is nearly one", () => {
  for (
    const path of [
      "/api/v1",
      "/api/v1/",
      "/api/v1/whoami/",
      "/api/v1//whoami",
      "/api/v2/whoami",
      "/api/v1/stores//orders",
      "/api/v1/stores/a/orders/",
      "/api/v1/Whoami",
      "/whoami",
    ]
  ) assertEquals(routeOf(path), null, path);
});

Deno.test("routes: a segment that is wrongly encoded stays as it is", () => {
  assertEquals(found("/api/v1/stores/%ff/figures")?.[1], { storeId: "%ff" });
});
