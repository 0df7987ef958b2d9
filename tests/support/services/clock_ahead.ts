/**
 * Moves the calendar of the process by `WEIR_TEST_CLOCK_AHEAD_MS`, ahead or behind, as on a machine
 * with a wrong clock. It runs before the service itself (`--preload`). Only `Date` changes:
 * monotonic clocks and timers stay as they are.
 */
const aheadMs = Number(Deno.env.get("WEIR_TEST_CLOCK_AHEAD_MS") ?? "0");
const RealDate = Date;
const now = () => RealDate.now() + aheadMs;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, key, receiver) => key === "now" ? now : Reflect.get(target, key, receiver),
});
