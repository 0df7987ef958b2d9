/** The search for Redis. Scripts stand in for apt and dpkg, so no network is needed. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { openDataFolder } from "../../../server/embedded/data_folder.ts";
import {
  findRedis,
  invocation,
  reachable,
  type RedisSearch,
} from "../../../server/embedded/redis_package.ts";
import { temporaryFolder } from "../../support/services/services.ts";

/** The output of apt-cache on Debian 12, shortened. */
const DEPENDS = `redis-server
  PreDepends: init-system-helpers
 |Depends: lsb-base
  Depends: redis-tools
init-system-helpers
 |Depends: usrmerge
redis-tools
  Depends: adduser
  Depends: libc6
  Depends: liblzf1
  Depends: libsystemd0
    libelogind0
  Depends: lua-bitop
usrmerge
  Depends: libfile-find-rule-perl
libc6
liblzf1
  Depends: libc6
libsystemd0
  Depends: libcap2:any
libcap2
libelogind0
lua-bitop
  Depends: <liblua-virtual>
    liblua5.1-0
liblua5.1-0
libfile-find-rule-perl
`;

const SCRIPTS: Record<string, string> = {
  "dpkg-query": `echo "installed libsystemd0"; echo "installed libcap2"`,
  "apt-cache": `case "$*" in *redis-server) /bin/cat "$0.depends";; esac`,
  "apt-get": `echo "$*" >> "$0.calls"; for name in "$@"; do : > "$name.deb"; done`,
  "dpkg-deb": `/bin/mkdir -p "$3/usr/bin" "$3/usr/lib/any-linux-gnu"
printf '#!/bin/sh\\ncase "$LD_LIBRARY_PATH" in *any-linux-gnu) exit 0;; esac; exit 1\\n' \\
  > "$3/usr/bin/redis-server"
/bin/chmod +x "$3/usr/bin/redis-server"`,
};

/** Searches with only `scripts` and `env` on PATH. Returns the result and apt-get's calls. */
async function search(
  scripts: Record<string, string>,
  times = 1,
  data = "data",
): Promise<{ found: RedisSearch; calls: string; root: string }> {
  const root = await Deno.realPath(await temporaryFolder());
  const path = Deno.env.get("PATH") ?? "";
  const folder = await openDataFolder(`${root}/${data}`);
  try {
    await Deno.mkdir(`${root}/bin`);
    await Deno.symlink("/usr/bin/env", `${root}/bin/env`);
    await Deno.writeTextFile(`${root}/bin/apt-cache.depends`, DEPENDS);
    await Deno.writeTextFile(`${root}/bin/apt-get.calls`, "");
    for (const [name, script] of Object.entries(scripts)) {
      await Deno.writeTextFile(`${root}/bin/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    Deno.env.set("PATH", `${root}/bin`);
    let found: RedisSearch = { unavailable: "" };
    for (let time = 0; time < times; time++) found = await findRedis(folder, () => undefined);
    return { found, calls: await Deno.readTextFile(`${root}/bin/apt-get.calls`), root };
  } finally {
    Deno.env.set("PATH", path);
    folder.close();
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("reachable() takes the packages that Redis needs, real ones before replacements", () => {
  assertEquals(reachable("redis-server", DEPENDS), [
    "redis-server",
    "redis-tools",
    "liblzf1",
    "libsystemd0",
    "lua-bitop",
    "libcap2",
    "liblua5.1-0",
  ]);
  assertEquals(reachable("valkey-server", DEPENDS), []);
  assertEquals(reachable("redis-server", ""), []);
});

Deno.test("findRedis() takes the server on PATH, Redis before Valkey", async () => {
  const both = await search({ "redis-server": "exit 0", "valkey-server": "exit 0" });
  assertEquals(both.found, { path: "redis-server", libraryPath: "" });
  const valkey = await search({ "redis-server": "exit 1", "valkey-server": "exit 0" });
  assertEquals(valkey.found, { path: "valkey-server", libraryPath: "" });
});

Deno.test("findRedis() unpacks missing packages once", async () => {
  const { found, calls, root } = await search(SCRIPTS, 2);
  const copy = `${root}/data/redis-package`;
  const program = {
    path: `${copy}/usr/bin/redis-server`,
    libraryPath: `${copy}/usr/lib/any-linux-gnu`,
  };
  assertEquals(found, program);
  assertEquals(invocation(program, "redis.conf"), [
    `LD_LIBRARY_PATH=${program.libraryPath}`,
    program.path,
    "redis.conf",
  ]);
  assertEquals(calls.trim().split("\n").length, 1);
  assertStringIncludes(calls, "download redis-server redis-tools liblzf1 lua-bitop liblua5.1-0");
});

Deno.test("findRedis() runs a copy below a folder with an equals sign, and none below a colon", async () => {
  // A program below such a folder is started through a shell, so PATH needs one.
  const { found, root } = await search({ ...SCRIPTS, sh: 'exec /bin/sh "$@"' }, 1, "key=value");
  assertEquals(found, {
    path: `${root}/key=value/redis-package/usr/bin/redis-server`,
    libraryPath: `${root}/key=value/redis-package/usr/lib/any-linux-gnu`,
  });
  const colon = await search(SCRIPTS, 1, "a:b");
  assertStringIncludes(JSON.stringify(colon.found), "below a colon");
});

Deno.test("findRedis() says why it found no Redis", async () => {
  const bare = await search({});
  assertStringIncludes(JSON.stringify(bare.found), "dpkg-query fails");
  const unknown = await search({ ...SCRIPTS, "apt-cache": "exit 100" });
  assertStringIncludes(JSON.stringify(unknown.found), "apt knows no package");
  const away = await search({ ...SCRIPTS, "apt-get": `echo "E: no network" >&2; exit 100` });
  assertStringIncludes(JSON.stringify(away.found), "E: no network");
});
