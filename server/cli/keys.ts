/**
 * `deno task keys`: makes, lists and revokes API keys, and makes links (share_link.ts).
 *
 * The token of a key is printed once, when the key is made. It is alone on stdout, so that a script
 * can read it. The database has a hash of it only. A new database gets its schema first, as at the
 * start of a service. Tested in tests/server/cli/tasks_test.ts.
 */
import { Argument, Option } from "commander";
import { z } from "zod";
import { type Scope, SCOPES } from "../../client/contract/scope.ts";
import { currencyInput } from "../../client/contract/order.ts";
import { plainText, storeIdInput } from "../../client/contract/text.ts";
import { type ApiKey, createApiKey, listApiKeys, revokeApiKey } from "../../sql/api_keys.ts";
import { Pool } from "../../sql/connection/pool.ts";
import { migrate } from "../../sql/migrate.ts";
import { readConfig } from "../config.ts";
import {
  eachMatching,
  matching,
  printJson,
  printTable,
  taskCommand,
  TaskFailure,
} from "./command.ts";
import { withDatabaseUrl } from "./database_url.ts";
import { addLink } from "./share_link.ts";

/** The scopes of a key without `--scope`: all that an application needs, nothing for operators. */
const DEFAULT_SCOPES: readonly Scope[] = ["orders:write", "orders:read", "dashboard:read"];

const keyIdInput = z.string().regex(/^[0-9a-f]{16}$/, "must be 16 hexadecimal digits");

interface CreateOptions {
  readonly label: string;
  readonly scope: readonly Scope[];
  readonly store?: readonly string[];
  readonly currency?: readonly string[];
}

export const command = taskCommand(
  "keys",
  "API keys in DATABASE_URL, else in the embedded database.",
);

command.command("create")
  .description("make a key and print its token, which is shown this once")
  .requiredOption("--label <label>", "what the key is for", matching(plainText(1, 128)))
  .addOption(
    new Option("--scope <scope...>", "what the key may do, given once for each")
      .choices(SCOPES).default(DEFAULT_SCOPES, DEFAULT_SCOPES.join(", ")),
  )
  .option(
    "--store <id...>",
    "a store that the key is for; default: all",
    eachMatching(storeIdInput),
  )
  .option(
    "--currency <code...>",
    "a currency that it may place orders in; default: all",
    eachMatching(currencyInput),
  )
  .action(async ({ label, scope, store, currency }: CreateOptions) => {
    const made = await withKeys((pool) =>
      createApiKey(pool, {
        label,
        scopes: [...new Set(scope)],
        storeIds: store ?? null,
        currencies: currency ?? null,
      })
    );
    console.error(`key ${made.keyId} is made; its token is not shown again:`);
    console.log(made.token);
  });

command.command("list")
  .description("list all keys, newest first")
  .option("--json", "print JSON")
  .action(async ({ json }: { readonly json?: true }) => {
    const keys = await withKeys(listApiKeys);
    if (json) printJson(keys);
    else printTable([HEADING, ...keys.map(rowOf)]);
  });

command.command("revoke")
  .description("revoke a key; running instances refuse it within 10 s")
  .addArgument(new Argument("<keyId>", "as `list` shows it").argParser(matching(keyIdInput)))
  .action(async (keyId: string) => {
    const isRevoked = await withKeys((pool) => revokeApiKey(pool, keyId));
    if (!isRevoked) throw new TaskFailure(`there is no key ${keyId} in force`);
    console.log(`key ${keyId} is revoked`);
  });

addLink(command);

async function withKeys<T>(use: (pool: Pool) => Promise<T>): Promise<T> {
  const config = readConfig();
  return await withDatabaseUrl(config, async (url) => {
    await migrate({ databaseUrl: config.directDatabaseUrl ?? url, apply: config.migrates });
    const { statementTimeoutMs } = config;
    const pool = new Pool({ url, name: "keys", maxConnections: 1, statementTimeoutMs });
    try {
      return await use(pool);
    } finally {
      await pool.end();
    }
  });
}

const HEADING = ["KEY", "LABEL", "SCOPES", "STORES", "CURRENCIES", "MADE", "REVOKED"];

function rowOf(key: ApiKey): string[] {
  const { keyId, label, scopes, storeIds, currencies, createdAt, revokedAt } = key;
  const named = (limit: readonly string[] | null) => limit?.join(",") ?? "all";
  return [
    keyId,
    label,
    scopes.join(","),
    named(storeIds),
    named(currencies),
    createdAt,
    revokedAt ?? "no",
  ];
}
