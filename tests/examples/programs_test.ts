/** The examples as their readers start them: programs with two settings. */
import { assertEquals, assertMatch } from "@std/assert";
import { KEY, withInstance } from "../support/services/instance.ts";

const ROOT = new URL("../../", import.meta.url);

interface Program {
  /** Resolves with the first match of `pattern` in the text that the program printed. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Deno.CommandStatus>;
}

/** Runs `test` with the program, and ends the program whatever happens. */
async function withProgram(
  name: string,
  environment: Record<string, string>,
  test: (program: Program) => Promise<void>,
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net", "--allow-env", `examples/${name}`],
    cwd: ROOT,
    env: { NO_COLOR: "1", WEIR_KEY: "", ...environment },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let running = true;
  const ended = child.status.finally(() => running = false);
  let printed = "";
  const changed = new EventTarget();
  const collect = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      printed += text;
      changed.dispatchEvent(new Event("printed"));
    }
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const says = (pattern: RegExp) => {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
    const look = () => {
      const found = pattern.exec(printed);
      if (found !== null) resolve(found);
    };
    changed.addEventListener("printed", look);
    look();
    collected.then(() => reject(new Error(`it ended and said: ${printed}`)));
    return promise;
  };
  try {
    await test({ says, ended });
  } finally {
    if (running) child.kill("SIGKILL");
    await Promise.all([ended, collected]);
  }
}

Deno.test("the examples as programs: an order of the shop shows on the ticker", () =>
  withInstance(async ({ url }) => {
    const settings = { WEIR_URL: url, WEIR_KEY: KEY, PORT: "0" };
    await withProgram(
      "ticker.ts",
      settings,
      (ticker) =>
        withProgram("shop_backend.ts", settings, async (shop) => {
          await ticker.says(/^live all stores: no orders today$/m);
          const [, shopUrl] = await shop.says(/(http:\/\/[\d.]+:\d+)/);
          const body = JSON.stringify({ cartId: "cart-1", items: [{ sku: "tea", quantity: 2 }] });
          const response = await fetch(`${shopUrl}/checkout`, { method: "POST", body });
          assertEquals(response.status, 200);
          assertMatch(await response.text(), /^{"state":"confirmed","orderId":"[0-9a-f-]{36}"}$/);
          await ticker.says(/^live all stores: EUR 1 orders 9\.00$/m);
        }),
    );
  }));

Deno.test("the examples as programs: without a key they say what they need, and end", async () => {
  for (const name of ["shop_backend.ts", "ticker.ts"]) {
    await withProgram(name, {}, async ({ says, ended }) => {
      await says(/^WEIR_KEY is missing: an API key with the scope \S+$/m);
      assertEquals((await ended).code, 2);
    });
  }
});
