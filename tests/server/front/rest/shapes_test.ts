/** The shapes of answers: the compiler holds them equal to the contract's interfaces. */
import { assertEquals } from "@std/assert";
import { z } from "zod";
import { shapeOf } from "../../../../server/front/rest/shapes/same.ts";

interface Parcel {
  readonly id: string;
  readonly weights: readonly number[];
  readonly note?: string;
}

Deno.test("a shape that is not its interface does not compile", () => {
  const fields = { id: z.string(), weights: z.array(z.int()) };
  const shape = shapeOf<Parcel>()(z.object({ ...fields, note: z.string().exactOptional() }));
  assertEquals(shape.parse({ id: "a", weights: [1] }), { id: "a", weights: [1] });

  // @ts-expect-error: the field `note` is missing
  shapeOf<Parcel>()(z.object(fields));
  // @ts-expect-error: the field `note` is not optional
  shapeOf<Parcel>()(z.object({ ...fields, note: z.string() }));
  // @ts-expect-error: the field `note` may be undefined
  shapeOf<Parcel>()(z.object({ ...fields, note: z.string().optional() }));
  // @ts-expect-error: a field too many
  shapeOf<Parcel>()(z.object({ ...fields, note: z.string().exactOptional(), more: z.string() }));
  // @ts-expect-error: weights are numbers
  shapeOf<Parcel>()(z.object({ id: z.string(), weights: z.array(z.string()) }));
  // @ts-expect-error: one word is missing
  shapeOf<"a" | "b">()(z.enum(["a"]));
});
