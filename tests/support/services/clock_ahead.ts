/**
 * Run before the service itself (`--preload`), it puts the process's calendar ahead, or behind, by
 * `WEIR_TEST_CLOCK_AHEAD_MS`: `Date` as a machine with a wrong clock has it. Monotonic clocks and
 * timers go on as they were, as they would there.
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
