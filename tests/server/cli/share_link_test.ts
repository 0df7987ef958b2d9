/** `deno task keys link`: the link, and the key that it is made with. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeJwt } from "jose";
import { SCOPES } from "../../../client/contract/scope.ts";
import { callHttp } from "../../support/load/raw_calls.ts";
import { withInstance } from "../../support/services/instance.ts";
import { runTask } from "../../support/services/tasks.ts";

const ROOT = new URL("../../../", import.meta.url);
const KEY = `weir_0123456789abcdef_${"s".repeat(43)}`;
const LINK = /^(\S+)#token=([\w-]+\.[\w-]+\.[\w-]+)(\S*)\n$/;

/** Runs the task with a key on stdin, as a pipe gives it. */
async function fromStdin(key: string, args: readonly string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "keys", "link", ...args],
    cwd: ROOT,
    env: { WEIR_KEY: "", NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(key));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

Deno.test("a link opens live figures of its store until its time, and nothing else", () =>
  withInstance(async ({ url, createKey }) => {
    const { token: key } = await createKey(SCOPES);
    const args = `link --url ${url} --for 90s --store berlin --name wall`;
    const { code, stdout, stderr } = await runTask("keys", args, { WEIR_KEY: key });
    assertEquals(code, 0, stderr);
    const [, page, token = "", rest] = LINK.exec(stdout) ?? [];
    assertEquals([page, rest], [`${url}/`, ""]);
    const { iat = 0, exp = 0 } = decodeJwt(token);
    assertEquals(exp - iat, 90);
    assertMatch(stderr, new RegExp(`until ${new Date(exp * 1_000).toISOString()}:`));
    const { body } = await callHttp(url, "query", "whoami", undefined, token);
    const { name, storeId, procedures } = (body as {
      result: { data: { name: string; storeId: string; procedures: string[] } };
    }).result.data;
    assertEquals([name, storeId, procedures], ["wall", "berlin", ["dashboard.live"]]);
    const list = await callHttp(url, "query", "orders.list", { storeId: "berlin" }, token);
    assertEquals(list.status, 403);
  }));

Deno.test("the key of a link comes from a pipe too, and is shown nowhere", async () => {
  const good = await fromStdin(`${KEY}\n`, ["--url", "https://weir.example/shop", "--embed"]);
  assertEquals(good.code, 0, good.stderr);
  const [, page, , rest] = LINK.exec(good.stdout) ?? [];
  assertEquals([page, rest], ["https://weir.example/shop/", "&embed"]);
  const wrong = await fromStdin(`${KEY}s`, ["--url", "https://weir.example"]);
  assertEquals([wrong.code, wrong.stdout], [1, ""]);
  assertMatch(wrong.stderr, /^weir: the option key .* is no API key.*\n$/);
  assert(![good, wrong].some(({ stdout, stderr }) => `${stdout}${stderr}`.includes("sss")));
});

Deno.test("a link without an address, or with a wrong part, is wrong usage", async () => {
  const wrong = [
    "",
    "--url weir.example",
    "--url https://weir.example/#token=a",
    "--url https://weir.example --for soon",
    "--url https://weir.example --store No",
    `--url https://weir.example --key ${KEY}`,
  ];
  for (const args of wrong) {
    const { code, stderr } = await runTask("keys", `link ${args}`, { WEIR_KEY: KEY });
    assertEquals([args, code, stderr.trim().split("\n").length], [args, 2, 1], stderr);
  }
});
