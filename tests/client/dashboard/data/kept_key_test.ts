import { assertEquals } from "@std/assert";
import { KeptKey, type Slots } from "../../../../client/dashboard/data/kept_key.ts";

/** A browser's storage for the length of a test. */
function slots(): Slots {
  const values = new Map<string, string>();
  return {
    getItem: (name) => values.get(name) ?? null,
    setItem: (name, value) => void values.set(name, value),
    removeItem: (name) => void values.delete(name),
  };
}

/** A browser. @returns the keys of a new tab in it */
function browser(): () => KeptKey {
  const shared = slots();
  return () => {
    const tab = slots();
    return new KeptKey(() => tab, () => shared);
  };
}

Deno.test("a wrong key leaves the key before it, also when the page is loaded meanwhile", () => {
  const kept = browser()();
  kept.put("good", false);
  kept.accept("good", false);
  kept.put("wrong", false);
  assertEquals(kept.read(false), "wrong", "a page that is loaded again tries it again");
  kept.put("wrong", false);
  assertEquals(kept.refuse("wrong"), "good");
  assertEquals(kept.read(false), "good");
  assertEquals(kept.refuse("good"), null, "a revoked key has none before it");
  assertEquals(kept.read(false), null);
});

Deno.test("two wrong keys, one after the other, leave the good key before both", () => {
  const kept = browser()();
  kept.put("good", false);
  kept.accept("good", false);
  kept.put("wrong", false);
  kept.put("worse", false);
  assertEquals(kept.refuse("worse"), "good");
});

Deno.test("a good key takes the place of the one before it", () => {
  const kept = browser()();
  kept.put("first", false);
  kept.accept("first", false);
  kept.put("second", false);
  kept.accept("second", false);
  assertEquals(kept.refuse("second"), null);
});

Deno.test("a wall's key outlives wrong links in any tab, and gives way to a key that is taken", () => {
  const open = browser();
  const wall = open();
  wall.put("wall", true);
  assertEquals(open().read(true), "wall", "the first key is kept before anybody has tried it");
  wall.accept("wall", true);

  const page = open();
  page.put("wrong", false);
  assertEquals(page.refuse("wrong"), null, "a page has no key of the wall");
  assertEquals(open().read(true), "wall");

  const second = open();
  second.put("wrong", true);
  assertEquals(open().read(true), "wall", "power may fail before the server has answered");
  assertEquals(second.refuse("wrong"), "wall");

  second.put("next", true);
  second.accept("next", true);
  assertEquals(open().read(true), "next");
  second.forget();
  assertEquals([second.read(true), open().read(true)], [null, null]);
});

Deno.test("a browser that keeps nothing is no error", () => {
  const none = () => {
    throw new DOMException("denied", "SecurityError");
  };
  const kept = new KeptKey(none, none);
  kept.put("good", true);
  kept.accept("good", true);
  assertEquals([kept.read(true), kept.refuse("good")], [null, null]);
  kept.forget();
});
