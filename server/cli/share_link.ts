/**
 * `deno task keys link`: a link to the dashboard that shows figures and nothing else, until its time is
 * over. It holds a browser token, so whoever has the link never has the key.
 *
 * The key comes from `WEIR_KEY` or from stdin, since other users of the machine can read a command
 * line. Neither the service nor the database is asked. The link is alone on stdout.
 *
 * Tested in tests/server/cli/share_link_test.ts.
 */
import { type Command, InvalidArgumentError } from "commander";
import { plainText, storeIdInput } from "../../client/contract/text.ts";
import { createBrowserToken } from "../../client/tokens.ts";
import { keyOfCaller } from "../config.ts";
import { durationMs, matching, TaskFailure } from "./command.ts";

interface LinkOptions {
  readonly url: string;
  readonly for: number;
  readonly store?: string;
  readonly name?: string;
  readonly embed?: true;
  readonly wall?: true;
}

const HOUR_MS = 3_600_000;

/** Adds the subcommand. */
export function addLink(keys: Command): void {
  keys.command("link")
    .description(
      "print a link that shows figures for a while; the key is read from WEIR_KEY or stdin",
    )
    .requiredOption(
      "--url <address>",
      "where the dashboard is, such as https://weir.example/",
      pageAt,
    )
    .option(
      "--for <duration>",
      "how long, such as 30m; a day needs WEIR_TOKEN_MAX_SECONDS",
      durationMs,
      HOUR_MS,
    )
    .option(
      "--store <id>",
      "the only store that it shows; default: those of the key",
      matching(storeIdInput),
    )
    .option(
      "--name <name>",
      "the name of the link; default: the one of the key",
      matching(plainText(1, 128)),
    )
    .option("--embed", "for a frame: figures alone; see WEIR_EMBED_ORIGINS")
    .option("--wall", "for a screen on a wall")
    .action(printLink);
}

async function printLink(options: LinkOptions): Promise<void> {
  const { url, store, name, embed, wall } = options;
  const { token, expiresAt } = await createBrowserToken({
    key: await readKey(),
    procedures: ["dashboard.live"],
    expiresInSeconds: Math.ceil(options.for / 1_000),
    ...(store === undefined ? {} : { storeId: store }),
    ...(name === undefined ? {} : { name }),
  }).catch((error) => {
    throw error instanceof TypeError ? new TaskFailure(error.message) : error;
  });
  const kind = embed === true ? "&embed" : wall === true ? "&wall" : "";
  console.error(`the link shows figures until ${expiresAt}:`);
  console.log(`${url}#token=${token}${kind}`);
}

async function readKey(): Promise<string> {
  const given = keyOfCaller();
  if (given !== null) return given;
  if (Deno.stdin.isTerminal()) {
    throw new TaskFailure("there is no key: set WEIR_KEY, or pipe it in");
  }
  return (await new Response(Deno.stdin.readable).text()).trim();
}

/** The address of the page, which ends in a slash. */
function pageAt(text: string): string {
  const url = URL.parse(text);
  const isPage = url !== null && /^https?:$/.test(url.protocol) && url.username === "" &&
    !/[?#]/.test(text);
  if (!isPage) {
    throw new InvalidArgumentError("It must be an address such as https://weir.example/.");
  }
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}
