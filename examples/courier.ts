/**
 * A courier's handheld: takes orders at the door, also where there is no network. Each line of its input
 * is a cart; its orders wait in a file until Weir has them.
 *
 * The file outlives the program. Whatever was taken before a crash, a dead battery or hours in a cellar
 * is sent by the next start, and becomes one order each.
 *
 * Run it with `WEIR_KEY=… deno run -A examples/courier.ts orders.jsonl`, then type lines such as
 * `door-17 tea 2`: the name of the delivery, the product, the quantity. Each change is printed.
 */
import { createWeirClient, type Outbox, type OutboxEntry } from "../client/mod.ts";
import { fileStore } from "../client/outbox/stores/file_store.ts";

/** In minor units: 450 is €4.50. */
const PRICES_MINOR: ReadonlyMap<string, number> = new Map([["tea", 450], ["teapot", 3_995]]);

/** The order of a line such as `door-17 tea 2`; null: the line is none. */
function orderOf(line: string) {
  const [idempotencyKey, sku = "", pieces] = line.trim().split(/\s+/);
  const [unitPriceMinor, quantity] = [PRICES_MINOR.get(sku), Number(pieces)];
  if (!idempotencyKey || unitPriceMinor === undefined || !(quantity > 0)) return null;
  const lines = [{ sku, quantity, unitPriceMinor }];
  return { storeId: "courier", idempotencyKey, currency: "EUR", lines };
}

/** An entry as a courier has to know it. */
function inWords({ idempotencyKey, state, failure }: OutboxEntry): string {
  switch (state) {
    case "committed":
    case "spilled":
      return `${idempotencyKey}: safe`;
    case "refused":
      return `${idempotencyKey}: refused, ${failure?.message}`;
    default:
      return `${idempotencyKey}: kept here, goes out when there is a network`;
  }
}

/** Prints each entry when its words change. @returns ends that */
function printChanges({ subscribe }: Outbox, print: (line: string) => void): () => void {
  const printed = new Map<string, string>();
  return subscribe(({ entries, blockedBy, storeFailure }) => {
    if (storeFailure !== null) print(`the file cannot be written: ${storeFailure.message}`);
    if (blockedBy !== null) print(`nothing can be sent: ${blockedBy.message}`);
    for (const entry of entries) {
      const words = inWords(entry);
      if (printed.get(entry.orderId) !== words) print(words);
      printed.set(entry.orderId, words);
    }
  });
}

if (import.meta.main) {
  const token = Deno.env.get("WEIR_KEY") ?? "";
  const [path] = Deno.args;
  if (token === "" || path === undefined) {
    console.error("WEIR_KEY is missing: an API key with the scope orders:write; and name a file");
    Deno.exit(2);
  }
  const url = Deno.env.get("WEIR_URL") ?? "http://127.0.0.1:8080";
  const weir = createWeirClient({ url, token });
  const outbox = await weir.openOutbox({ store: await fileStore(path) });
  const end = printChanges(outbox, (line) => console.log(line));
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const order = orderOf(line);
      if (order === null) console.log("write the delivery, the product and the quantity");
      else await outbox.add(order).catch((error: Error) => console.log(error.message));
    }
  }
  end();
  await outbox.close();
  await weir.close();
}
