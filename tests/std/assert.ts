/**
 * `@std/assert` for places where JSR cannot be reached (CI reaches the npm registry alone), over
 * `node:assert/strict`. Names, arguments and their order are those of std. Only the functions that
 * the tests use are here. The import map of deno.json points here. Pointing it at `jsr:@std/assert`
 * needs no other change.
 *
 * Limits: `assertEquals` is as strict as node's `deepStrictEqual`. `0` and `-0` differ here, and so
 * do an object without a prototype and a plain one. Std lets both pass. A property that is
 * `undefined` and one that is absent differ in both.
 */

import { deepStrictEqual } from "node:assert/strict";
import { inspect, isDeepStrictEqual } from "node:util";

/** The error that every function here throws. */
export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;
type AnyClass = abstract new (...args: never[]) => unknown;
type Falsy = false | 0 | 0n | "" | null | undefined;

export function fail(msg?: string): never {
  throw new AssertionError(`Failed assertion${ending(msg)}`);
}

export function assert(expr: unknown, msg = "Expected a truthy value."): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

export function assertFalse(
  expr: unknown,
  msg = "Expected a falsy value.",
): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new AssertionError(`Values are not equal${ending(msg)}\n${difference(actual, expected)}`);
}

export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!isDeepStrictEqual(actual, expected)) return;
  throw new AssertionError(`Expected values to differ, both are ${show(actual)}${ending(msg)}`);
}

export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const found = isDeepStrictEqual(actual, expected)
    ? `equal in structure, but not the same value: ${show(actual)}`
    : difference(actual, expected);
  throw new AssertionError(`Values are not strictly equal${ending(msg)}\n${found}`);
}

export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw new AssertionError(`Expected a value, not null or undefined, got ${actual}${ending(msg)}`);
}

export function assertInstanceOf<T extends AnyClass>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  throw new AssertionError(
    `Expected an instance of "${expectedType.name}", got ${show(actual)}${ending(msg)}`,
  );
}

export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw new AssertionError(`Expected ${show(actual)} to match ${expected}${ending(msg)}`);
}

export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw new AssertionError(
    `Expected ${show(actual)} to include ${show(expected)}${ending(msg)}`,
  );
}

export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  msg?: string,
): void {
  const missing = Array.from(expected).filter((wanted) =>
    !Array.from(actual).some((item) => isDeepStrictEqual(item, wanted))
  );
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected ${show(actual)} to include ${show(expected)}${ending(msg)}\n` +
      `missing: ${show(missing)}`,
  );
}

export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  assertOrder(actual > expected, actual, ">", expected, msg);
}

export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  assertOrder(actual >= expected, actual, ">=", expected, msg);
}

export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  assertOrder(actual < expected, actual, "<", expected, msg);
}

export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  assertOrder(actual <= expected, actual, "<=", expected, msg);
}

/** `actual` may have more than `expected`, at every depth; an array may have more at its end. */
export function assertObjectMatch(
  actual: object,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  const part = overlap(actual, expected);
  const wanted = overlap(expected, expected);
  if (isDeepStrictEqual(part, wanted)) return;
  throw new AssertionError(`Object does not match${ending(msg)}\n${difference(part, wanted)}`);
}

/** Throws unless `fn` throws. @returns the thrown value */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows(
  fn: () => unknown,
  classOrMsg?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): unknown {
  const wanted = readWanted(classOrMsg, msgIncludes, msg);
  try {
    fn();
  } catch (error) {
    return checkError(error, wanted);
  }
  throw new AssertionError(`Expected function to throw${ending(wanted.msg)}`);
}

/** Throws unless the promise of `fn` is rejected. @returns the value that it was rejected with */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects(
  fn: () => PromiseLike<unknown>,
  classOrMsg?: ErrorClass<Error> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<unknown> {
  const wanted = readWanted(classOrMsg, msgIncludes, msg);
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (cause) {
    throw new AssertionError(`Function throws when expected to reject${ending(wanted.msg)}`, {
      cause,
    });
  }
  if (typeof promise?.then !== "function") {
    throw new AssertionError(
      `Expected function to answer a promise, got ${show(promise)}${ending(wanted.msg)}`,
    );
  }
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return checkError(error, wanted);
  }
  throw new AssertionError(
    `Expected function to reject, it resolved to ${show(value)}${ending(wanted.msg)}`,
  );
}

interface Wanted {
  errorClass: ErrorClass<Error> | undefined;
  msgIncludes: string | undefined;
  msg: string | undefined;
}

function readWanted(
  classOrMsg: ErrorClass<Error> | string | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): Wanted {
  return typeof classOrMsg === "string"
    ? { errorClass: undefined, msgIncludes: undefined, msg: classOrMsg }
    : { errorClass: classOrMsg, msgIncludes, msg };
}

function checkError(error: unknown, { errorClass, msgIncludes, msg }: Wanted): unknown {
  if (errorClass === undefined) return error;
  if (!(error instanceof errorClass)) {
    throw new AssertionError(
      `Expected error to be instance of "${errorClass.name}", got ${thrown(error)}${ending(msg)}`,
      { cause: error },
    );
  }
  if (msgIncludes !== undefined && !error.message.includes(msgIncludes)) {
    throw new AssertionError(
      `Expected error message to include ${show(msgIncludes)}, got ${show(error.message)}${
        ending(msg)
      }`,
      { cause: error },
    );
  }
  return error;
}

function assertOrder(
  holds: boolean,
  actual: unknown,
  sign: string,
  expected: unknown,
  msg: string | undefined,
): void {
  if (!holds) {
    throw new AssertionError(`Expected ${show(actual)} ${sign} ${show(expected)}${ending(msg)}`);
  }
}

/** The part of `value` that `pattern` has, as plain objects. Maps, sets and dates stay whole. */
function overlap(value: unknown, pattern: unknown): unknown {
  if (!isTree(value) || !isTree(pattern) || Array.isArray(value) !== Array.isArray(pattern)) {
    return value;
  }
  const part: Record<PropertyKey, unknown> = {};
  for (const key of Reflect.ownKeys(pattern)) {
    if (key === "length" && Array.isArray(pattern)) continue;
    if (key in value) part[key] = overlap(Reflect.get(value, key), Reflect.get(pattern, key));
  }
  return part;
}

function isTree(value: unknown): value is object {
  return typeof value === "object" && value !== null &&
    !(value instanceof Map || value instanceof Set || value instanceof Date ||
      value instanceof RegExp || ArrayBuffer.isView(value));
}

function difference(actual: unknown, expected: unknown): string {
  try {
    deepStrictEqual(actual, expected);
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  return `${show(actual)} is not ${show(expected)}`;
}

function show(value: unknown): string {
  return inspect(value, { depth: 6, maxStringLength: 2_000, maxArrayLength: 50 });
}

/** An error without its stack, which follows as the failure's cause. */
function thrown(error: unknown): string {
  return error instanceof Error ? String(error) : show(error);
}

function ending(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
