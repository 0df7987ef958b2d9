/// <reference lib="deno.unstable" />
/**
 * Builds the page into `client/dashboard/dist`, where the server finds it: `deno task page`.
 *
 * A build takes a fifth of a second. When no source has changed since the last one, nothing is
 * done. Each file is replaced whole, so a running server never sends half of one. The network is
 * needed once, for the bundler that Deno fetches from npm.
 *
 * Tested in tests/page.
 */

const FOLDER = new URL("./", import.meta.url);
const CLIENT = new URL("../", FOLDER);
const PROJECT = new URL("../../", FOLDER);
const DIST = new URL("dist/", FOLDER);
/** The file with the hash of the sources that the files beside it were built from. */
const STAMP = new URL(".built_from", DIST);

const HTML = "index.html";
const COPIED = ["icon.svg"];
const VERSION_DIGITS = 12;
const BUNDLED = [
  { entry: "main.tsx", name: "app.js" },
  { entry: "styles/app.css", name: "app.css" },
];

/** Builds the page if it is out of date. @returns false if not @throws Error on a bad source */
async function buildPage(): Promise<boolean> {
  const stamp = await stampOf(await sources());
  if (await isBuiltFrom(stamp)) return false;
  await Deno.mkdir(DIST, { recursive: true });
  const built = new Map<string, Uint8Array>();
  for (const { entry, name } of BUNDLED) built.set(name, await bundle(entry));
  for (const name of COPIED) built.set(name, await Deno.readFile(new URL(name, FOLDER)));
  built.set(HTML, withVersion(await Deno.readTextFile(new URL(HTML, FOLDER)), stamp));
  for (const [name, bytes] of built) await replace(new URL(name, DIST), bytes);
  await replace(STAMP, new TextEncoder().encode(stamp));
  return true;
}

/** Writes the version beside the names of the bundles, where the page finds it (page_version.ts). */
function withVersion(html: string, stamp: string): Uint8Array {
  const version = stamp.slice(0, VERSION_DIGITS);
  const versioned = BUNDLED.reduce(
    (text, { name }) => text.replace(`"${name}"`, `"${name}?v=${version}"`),
    html,
  );
  return new TextEncoder().encode(versioned);
}

/** Bundles `entry` and its imports into one file for the browser. */
async function bundle(entry: string): Promise<Uint8Array> {
  const { success, errors, outputFiles } = await Deno.bundle({
    entrypoints: [new URL(entry, FOLDER).href],
    platform: "browser",
    minify: true,
    write: false,
  });
  const bytes = outputFiles?.[0]?.contents;
  if (success && bytes !== undefined) return bytes;
  const why = errors.map(({ text, location }) =>
    location ? `${location.file}:${location.line}: ${text}` : text
  );
  throw new Error(`${entry} does not build: ${why.join("; ")}`);
}

/** All sources of the page, and the files with the versions of its imports. */
async function sources(): Promise<URL[]> {
  const found = ["deno.json", "deno.lock"].map((name) => new URL(name, PROJECT));
  for await (const file of filesBelow(CLIENT)) found.push(file);
  return found.sort((a, b) => a.href < b.href ? -1 : 1);
}

async function* filesBelow(folder: URL): AsyncGenerator<URL> {
  for await (const { isDirectory, name } of Deno.readDir(folder)) {
    if (!isDirectory) yield new URL(name, folder);
    else if (name !== "dist") yield* filesBelow(new URL(`${name}/`, folder));
  }
}

async function stampOf(files: readonly URL[]): Promise<string> {
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(file)));
  const names = files.map(({ href }) => href.slice(PROJECT.href.length));
  const bytes = new TextEncoder().encode(JSON.stringify([Deno.version.deno, names, texts]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return digest.toHex();
}

async function isBuiltFrom(stamp: string): Promise<boolean> {
  const names = [HTML, ...COPIED, ...BUNDLED.map(({ name }) => name)];
  try {
    await Promise.all(names.map((name) => Deno.stat(new URL(name, DIST))));
    return await Deno.readTextFile(STAMP) === stamp;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Replaces `file` as a whole. Two builds at once each write their own copy; the last one stays. */
async function replace(file: URL, bytes: Uint8Array): Promise<void> {
  const whole = new URL(`${file.href}.${crypto.randomUUID()}`);
  await Deno.writeFile(whole, bytes);
  await Deno.rename(whole, file);
}

if (import.meta.main) {
  try {
    await buildPage();
  } catch (error) {
    console.error(`page: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
