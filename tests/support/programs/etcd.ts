/** An etcd of one node, in which Patroni keeps who the leader is. */
import { freePort, type ServerProcess } from "../services/server_process.ts";
import { startProgram } from "./program.ts";

/** Starts an etcd and resolves when it answers. */
export async function startEtcd(): Promise<ServerProcess> {
  const [client, peer] = [freePort(), freePort()].map((port) => `http://127.0.0.1:${port}`);
  return await startProgram({
    name: "etcd",
    package: "etcd-server",
    url: client!,
    files: () => ({}),
    args: (folder) => [
      ...["--data-dir", `${folder}/etcd`, "--name", "one", "--log-level", "error"],
      "--enable-v2",
      ...["--listen-client-urls", client!, "--advertise-client-urls", client!],
      ...["--listen-peer-urls", peer!, "--initial-advertise-peer-urls", peer!],
      ...["--initial-cluster", `one=${peer}`],
    ],
    answers: () =>
      fetch(`${client}/health`).then((response) => response.body?.cancel()).then(
        () => true,
        () => false,
      ),
  });
}
