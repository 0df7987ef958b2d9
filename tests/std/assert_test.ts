/** The adapter behind `@std/assert`: each function passes, fails and says why, as in std. */

import {
  assert,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";

type Check = () => void;

/** Each function with checks that pass, checks that fail, and a part of the failure's message. */
const table: Record<string, { pass: Check[]; fail: [Check, string][] }> = {
  assert: {
    pass: [() => assert(1), () => assert("x", "unused")],
    fail: [[() => assert(0, "zero"), "zero"], [() => assert(""), "truthy"]],
  },
  assertFalse: {
    pass: [() => assertFalse(0)],
    fail: [[() => assertFalse(1, "one"), "one"]],
  },
  assertEquals: {
    pass: [
      () => assertEquals({ a: [1, { b: 2n }] }, { a: [1, { b: 2n }] }),
      () => assertEquals(new Map([[{ k: 1 }, 2]]), new Map([[{ k: 1 }, 2]])),
      () => assertEquals(NaN, NaN),
      () => assertEquals(new Date(5), new Date(5)),
    ],
    fail: [
      [() => assertEquals({ a: 1 }, { a: 2 }, "why"), "why"],
      [() => assertEquals<object>({ a: undefined }, {}), "Values are not equal"],
      [() => assertEquals<unknown>(1, "1"), "Values are not equal"],
      [() => assertEquals([1, 2], [1, 3]), "+   2"],
    ],
  },
  assertNotEquals: {
    pass: [() => assertNotEquals({ a: 1 }, { a: 2 })],
    fail: [[() => assertNotEquals({ a: 1 }, { a: 1 }), "{ a: 1 }"]],
  },
  assertStrictEquals: {
    pass: [() => assertStrictEquals("a", "a")],
    fail: [
      [() => assertStrictEquals({}, {}), "not the same value"],
      [() => assertStrictEquals(1, 2), "not strictly equal"],
    ],
  },
  assertExists: {
    pass: [() => assertExists(0), () => assertExists("")],
    fail: [[() => assertExists(null), "null"], [() => assertExists(undefined), "undefined"]],
  },
  assertInstanceOf: {
    pass: [() => assertInstanceOf(new TypeError("t"), Error)],
    fail: [[() => assertInstanceOf({}, Date), '"Date"']],
  },
  assertMatch: {
    pass: [() => assertMatch("order 12", /\d+/)],
    fail: [[() => assertMatch("order", /\d+/), "/\\d+/"]],
  },
  assertStringIncludes: {
    pass: [() => assertStringIncludes("abc", "b")],
    fail: [[() => assertStringIncludes("abc", "d"), "'abc' to include 'd'"]],
  },
  assertArrayIncludes: {
    pass: [() => assertArrayIncludes([{ a: 1 }, { a: 2 }], [{ a: 2 }])],
    fail: [[() => assertArrayIncludes([1, 2], [2, 3]), "missing: [ 3 ]"]],
  },
  assertGreater: {
    pass: [() => assertGreater(2, 1)],
    fail: [[() => assertGreater(1, 1), "1 > 1"]],
  },
  assertGreaterOrEqual: {
    pass: [() => assertGreaterOrEqual(1n, 1n)],
    fail: [[() => assertGreaterOrEqual(0, 1), "0 >= 1"]],
  },
  assertLess: {
    pass: [() => assertLess("a", "b")],
    fail: [[() => assertLess(1, 1), "1 < 1"]],
  },
  assertLessOrEqual: {
    pass: [() => assertLessOrEqual(1, 1)],
    fail: [[() => assertLessOrEqual(2, 1), "2 <= 1"]],
  },
  assertObjectMatch: {
    pass: [
      () => assertObjectMatch({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } }),
      () => assertObjectMatch({ rows: [{ a: 1, b: 2 }, { a: 3 }] }, { rows: [{ a: 1 }] }),
      () =>
        assertObjectMatch(
          new (class Order {
            id = 1;
            note = "x";
          })(),
          { id: 1 },
        ),
    ],
    fail: [
      [() => assertObjectMatch({ a: 1 }, { a: 2 }), "Object does not match"],
      [() => assertObjectMatch({ a: 1 }, { b: 1 }), "Object does not match"],
      [() => assertObjectMatch({ rows: [1] }, { rows: [1, 2] }), "Object does not match"],
      [() => assertObjectMatch({ at: new Date(1) }, { at: new Date(2) }), "does not match"],
    ],
  },
  assertThrows: {
    pass: [
      () => void assertThrows(() => fail("x")),
      () => void assertThrows(() => fail("x"), AssertionError, "x"),
    ],
    fail: [
      [() => void assertThrows(() => 1), "Expected function to throw"],
      [() => void assertThrows(() => fail("x"), TypeError), '"TypeError"'],
      [() => void assertThrows(() => fail("x"), Error, "y"), "to include 'y'"],
    ],
  },
  fail: { pass: [], fail: [[() => fail("gone"), "gone"]] },
};

for (const [name, cases] of Object.entries(table)) {
  Deno.test(`${name}() passes what holds and throws an AssertionError that says what does not`, () => {
    for (const check of cases.pass) check();
    for (const [check, part] of cases.fail) {
      let thrown: unknown;
      try {
        check();
      } catch (error) {
        thrown = error;
      }
      if (!(thrown instanceof AssertionError) || !thrown.message.includes(part)) {
        throw new Error(`${check} should have failed with "${part}", got ${thrown}`);
      }
    }
  });
}

Deno.test("assertThrows() and assertRejects() hand back the error", async () => {
  const error = new RangeError("too far");
  const throwing = () => {
    throw error;
  };
  assertStrictEquals(assertThrows(throwing, RangeError, "far"), error);
  assertStrictEquals(await assertRejects(() => Promise.reject(error), RangeError, "far"), error);
  assertStrictEquals(await assertRejects(() => Promise.reject(7)), 7);
});

Deno.test("assertRejects() fails for a promise that resolves, another class, another message", async () => {
  const wrong: [() => Promise<unknown>, string][] = [
    [() => assertRejects(() => Promise.resolve(5), Error, "", "note"), "resolved to 5: note"],
    [() => assertRejects(() => Promise.reject(new Error("a")), TypeError), '"TypeError"'],
    [() => assertRejects(() => Promise.reject("text"), Error), "'text'"],
    [() => assertRejects(() => Promise.reject(new Error("a")), Error, "b"), "got 'a'"],
    [() => assertRejects(() => fail("at once")), "throws when expected to reject"],
  ];
  for (const [run, part] of wrong) {
    const failure = await run().then(() => undefined, (error: unknown) => error);
    assertInstanceOf(failure, AssertionError);
    assertStringIncludes(failure.message, part);
  }
});
