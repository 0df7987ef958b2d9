/// <reference lib="deno.unstable" />
/**
 * Builds the package for npm into `client/dist`: `deno task client:build`. The folder then holds the
 * package as it will be installed, and the tarball of it.
 *
 * Each entry is one module for every runtime, and one file of declarations without a trace of the server.
 * The packages of DEPENDENCIES stay imports; all else is bundled.
 *
 * Tested in tests/client/package/package_test.ts.
 */
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
import config from "../../deno.json" with { type: "json" };

const PROJECT = new URL("../../", import.meta.url);
const DIST = new URL("../dist/", import.meta.url);
const PACKAGE = new URL("package/", DIST);

const PACKAGE_NAME = "weir-client";

/** The entries of the package: its sub-path, and the file that it is built from. */
const ENTRIES = [
  { path: ".", name: "index", source: "client/mod.ts" },
  { path: "./file-store", name: "file_store", source: "client/outbox/stores/file_store.ts" },
  { path: "./tokens", name: "tokens", source: "client/tokens.ts" },
];

/**
 * Types of tRPC's are part of the client's own, so the package that a program installs must be the same.
 * jose signs: a mend of it should reach a backend without a new version of this package.
 */
const DEPENDENCIES = ["@trpc/client", "@trpc/server", "jose"];

/** A page should hardly notice the client. */
const MOST_PAGE_BYTES = 20_480;

/** @returns the bytes of the client in a page @throws Error when it does not build, or is too large */
async function buildPackage(): Promise<number> {
  const bytes = await pageBytes();
  if (bytes > MOST_PAGE_BYTES) {
    throw new Error(
      `the client has ${bytes} bytes, minified and compressed: over ${MOST_PAGE_BYTES}`,
    );
  }
  await Deno.remove(DIST, { recursive: true }).catch(unlessMissing);
  await Deno.mkdir(PACKAGE, { recursive: true });
  for (const { name, source } of ENTRIES) {
    await write(`${name}.js`, await bundle(source));
    await write(`${name}.d.ts`, await declarations(source));
  }
  await write("package.json", `${JSON.stringify(manifest(), null, 2)}\n`);
  await Deno.copyFile(new URL("README.md", import.meta.url), new URL("README.md", PACKAGE));
  await Deno.copyFile(new URL("LICENSE", PROJECT), new URL("LICENSE", PACKAGE));
  await pack();
  return bytes;
}

async function write(name: string, text: string): Promise<void> {
  await Deno.writeTextFile(new URL(name, PACKAGE), text);
}

/** One module of `source` and all that it imports, but for the dependencies. */
async function bundle(source: string, minify = false): Promise<string> {
  const { success, errors, outputFiles } = await Deno.bundle({
    entrypoints: [new URL(source, PROJECT).href],
    platform: "browser",
    format: "esm",
    external: [...DEPENDENCIES, "node:*"],
    minify,
    write: false,
  });
  const bytes = outputFiles?.[0]?.contents;
  if (success && bytes !== undefined) return new TextDecoder().decode(bytes);
  throw new Error(`${source} does not build: ${errors.map(({ text }) => text).join("; ")}`);
}

/** The bytes that a page loads for the client, minified and compressed, beside its dependencies. */
async function pageBytes(): Promise<number> {
  const text = await bundle(ENTRIES[0]!.source, true);
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(packed).arrayBuffer()).byteLength;
}

/** One file with the declarations of `source` and all that they name, but for the dependencies. */
async function declarations(source: string): Promise<string> {
  const bundle = await rollup({
    input: new URL(source, PROJECT).pathname,
    external: (id) => DEPENDENCIES.includes(id) || id.startsWith("node:"),
    plugins: [dts({ compilerOptions: COMPILER_OPTIONS })],
  });
  const { output } = await bundle.generate({ format: "es" });
  await bundle.close();
  return output[0].code.replaceAll(HEADERS, "");
}

/** The comments at the heads of files speak to those who work on them. */
const HEADERS = /^\/\*\*(?:(?!\*\/)[^])*?\bTested (?:also )?in\b(?:(?!\*\/)[^])*?\*\/\n/gm;

const COMPILER_OPTIONS = {
  allowImportingTsExtensions: true,
  exactOptionalPropertyTypes: true,
  lib: ["lib.es2024.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  noEmit: true,
  strict: true,
};

function manifest() {
  const exports = ENTRIES.map(({ path, name }) => [
    path,
    { types: `./${name}.d.ts`, default: `./${name}.js` },
  ]);
  return {
    name: PACKAGE_NAME,
    version: config.version,
    description: "Place orders with Weir exactly once, and show its live figures",
    license: "MIT",
    type: "module",
    sideEffects: false,
    engines: { node: ">=20" },
    exports: Object.fromEntries([...exports, ["./package.json", "./package.json"]]),
    types: "./index.d.ts",
    dependencies: Object.fromEntries(DEPENDENCIES.map((name) => [name, versionOf(name)])),
  };
}

/** The version that this project is tested with, and later ones that promise to be compatible. */
function versionOf(name: string): string {
  const imports: Readonly<Record<string, string>> = config.imports;
  return `^${imports[name]?.split("@").at(-1)}`;
}

async function pack(): Promise<void> {
  const { success, stderr } = await new Deno.Command("npm", {
    args: ["pack", "--pack-destination", DIST.pathname],
    cwd: PACKAGE,
    stdin: "null",
  }).output();
  if (!success) throw new Error(`npm pack failed: ${new TextDecoder().decode(stderr)}`);
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

if (import.meta.main) {
  try {
    const bytes = await buildPackage();
    const version = config.version;
    console.log(`client/dist/${PACKAGE_NAME}-${version}.tgz (${bytes} bytes in a page, gzip)`);
  } catch (error) {
    console.error(`client:build: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}
