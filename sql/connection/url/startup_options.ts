/**
 * The parameter `options` of a connection string: settings of the session as the server's command
 * line takes them (`-c name=value`), and words of providers for their proxies.
 *
 * Tested in tests/sql/connection/url_test.ts.
 */
import { WrongConnectionString } from "./grammar.ts";
import type { DroppedParameter } from "./parameters.ts";

/** Weir sets these on each session, because its promises rest on them. */
const OWN_SETTINGS: ReadonlySet<string> = new Set([
  "application_name",
  "bytea_output",
  "client_encoding",
  "client_min_messages",
  "datestyle",
  "default_transaction_deferrable",
  "default_transaction_isolation",
  "default_transaction_read_only",
  "extra_float_digits",
  "idle_in_transaction_session_timeout",
  "idle_session_timeout",
  "intervalstyle",
  "jit",
  "lock_timeout",
  "standard_conforming_strings",
  "statement_timeout",
  "synchronous_commit",
  "timezone",
  "transaction_timeout",
]);

/** The proxy of a provider finds its project by these. */
const FOR_PROXIES = /^(endpoint|project|reference)=/;

export interface StartupOptions {
  readonly settings: Readonly<Record<string, string>>;
  readonly dropped: readonly DroppedParameter[];
}

/** @throws WrongConnectionString */
export function readOptions(text: string): StartupOptions {
  const settings: Record<string, string> = {};
  const dropped: DroppedParameter[] = [];
  // A backslash keeps a space inside its word.
  const words = [...text.matchAll(/(?:\\.|[^\s\\])+/gs)].map(([word]) =>
    word.replace(/\\(.)/gs, "$1")
  );
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (FOR_PROXIES.test(word)) {
      settings["options"] = [settings["options"] ?? [], word].flat().join(" ");
      continue;
    }
    const setting = word === "-c" ? words[++at] ?? "" : word.replace(/^(-c|--)/, "");
    const [, name = "", value] = /^([\w.-]+)=(.*)$/s.exec(setting) ?? [];
    if (!word.startsWith("-") || value === undefined) {
      throw new WrongConnectionString("options: write each setting as -c name=value");
    }
    const known = name.toLowerCase().replaceAll("-", "_");
    if (!OWN_SETTINGS.has(known) && !known.startsWith("enable_")) settings[known] = value;
    else {
      const why = "Weir sets it itself, on every session";
      dropped.push({ name: `options: ${known}`, why, weakens: false });
    }
  }
  return { settings, dropped };
}
