/**
 * The client's type of the router is that of the server's. The compiler decides: where they differ,
 * `deno check` fails at the name of the procedure.
 */
import type { inferRouterError, inferRouterInputs, inferRouterOutputs } from "@trpc/server";
import { assertEquals } from "@std/assert";
import type { AppRouter } from "../../../client/mod.ts";
import { appRouter } from "../../../server/router/mod.ts";

type Served = typeof appRouter;

/** Each field as it is read: a type that only says `readonly` besides is the same one. */
type Read<T> = T extends (infer One)[] | readonly (infer One)[] ? readonly Read<One>[]
  : T extends AsyncIterable<infer One> ? { readonly yields: Read<One> }
  : T extends object ? { readonly [Name in keyof T]: Read<T[Name]> }
  : T;

/** True when both types take the same values, and each of their fields is as optional. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : [A, B] extends [B, A] ? true
  : false;

type Inputs = inferRouterInputs<Served>;
type Outputs = inferRouterOutputs<Served>;
type ClientInputs = inferRouterInputs<AppRouter>;
type ClientOutputs = inferRouterOutputs<AppRouter>;

/** True for each name whose two types are the same. */
type SameEach<A, B> = {
  readonly [Name in keyof A | keyof B]: Name extends keyof A & keyof B
    ? Same<Read<A[Name]>, Read<B[Name]>>
    : false;
};
type AllTrue<Names> = { readonly [Name in keyof Names]: true };

function assertSame<T extends AllTrue<T>>(..._proof: T[]): void {}

Deno.test("the client's type of the router has the server's procedures, inputs and outputs", () => {
  assertSame<SameEach<ClientInputs["orders"], Inputs["orders"]>>();
  assertSame<SameEach<ClientOutputs["orders"], Outputs["orders"]>>();
  assertSame<SameEach<ClientInputs["dashboard"], Inputs["dashboard"]>>();
  assertSame<SameEach<ClientOutputs["dashboard"], Outputs["dashboard"]>>();
  assertSame<SameEach<ClientInputs["ops"], Inputs["ops"]>>();
  assertSame<SameEach<ClientOutputs["ops"], Outputs["ops"]>>();
  assertSame<SameEach<ClientInputs["ops"]["deadLetters"], Inputs["ops"]["deadLetters"]>>();
  assertSame<SameEach<ClientOutputs["ops"]["deadLetters"], Outputs["ops"]["deadLetters"]>>();
  type OfTokens = "whoami" | "renewToken";
  assertSame<SameEach<Pick<ClientInputs, OfTokens>, Pick<Inputs, OfTokens>>>();
  assertSame<SameEach<Pick<ClientOutputs, OfTokens>, Pick<Outputs, OfTokens>>>();
  assertSame<SameEach<inferRouterError<AppRouter>, inferRouterError<Served>>>();
  assertEquals(Object.keys(appRouter._def.record), [
    "orders",
    "dashboard",
    "ops",
    "whoami",
    "renewToken",
  ]);
});
