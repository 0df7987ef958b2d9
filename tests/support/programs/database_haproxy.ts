/** HAProxy before the nodes of a Patroni cluster, as docs/platforms.md configures it. */
import { answersQueries } from "../../../sql/connection/bootstrap.ts";
import { freePort, type ServerProcess } from "../services/server_process.ts";
import type { PatroniNode } from "./patroni_node.ts";
import { startProgram } from "./program.ts";

/** Starts it, and resolves when the leader answers behind it. Its URL is the database's. */
export async function startDatabaseHaproxy(nodes: readonly PatroniNode[]): Promise<ServerProcess> {
  const address = new URL(nodes[0]!.url);
  address.port = String(freePort());
  const url = address.href;
  const servers = nodes.map(({ name, url, restUrl }) =>
    `  server ${name} ${new URL(url).host} check port ${new URL(restUrl).port}`
  );
  return await startProgram({
    name: "haproxy",
    package: "haproxy",
    url,
    files: () => ({
      "haproxy.cfg": `
defaults
  mode tcp
  retries 0
  timeout connect 2s
  timeout client 30m
  timeout server 30m
listen primary
  bind 127.0.0.1:${address.port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
${servers.join("\n")}
`,
    }),
    args: (folder) => ["-db", "-f", `${folder}/haproxy.cfg`],
    answers: () => answersQueries(url, 1_000),
  });
}
