/**
 * Shapes of answers, held equal to the contract's interfaces by the compiler. The description of REST
 * is made from the shapes, and the answers come from code that knows the interfaces alone.
 *
 * Tested in tests/server/front/rest/shapes_test.ts.
 */
import type { output, ZodType } from "zod";

/** The same type without `readonly`, its intersections made one object. */
type Plain<T> = T extends readonly (infer Entry)[] ? Plain<Entry>[]
  : T extends object ? { -readonly [Name in keyof T]: Plain<T[Name]> }
  : T;

type IsSame<A, B> = (<T>() => T extends Plain<A> ? 1 : 2) extends
  (<T>() => T extends Plain<B> ? 1 : 2) ? true : false;

/** Takes a shape of exactly the interface `T`; any other does not compile. */
export function shapeOf<T>() {
  return <Shape extends ZodType>(
    shape: IsSame<output<Shape>, T> extends true ? Shape : "the shape is not the interface's",
  ): Shape => shape as Shape;
}
